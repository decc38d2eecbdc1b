"""Errands: alerts, pages, hubs' calls and heartbeats of `monitor run`, killed with -9 at random.

    python tests/promises/errands.py --minutes 3 --kills 30

Each feed has a host of its own on loopback, names a hub that calls when the feed grows, and links
to pages that say more than the feed does. Every other report is of a company nobody told of
before, so that it is due as an alert of its own, by mail and to a webhook. The service is killed
and started again, then left alone. What it stored and told is held against what there was: every
article once, every page read, every alert in one message to each recipient, which came again only
where a kill left it in doubt, every hub's promise kept on record, and the watcher outside told of
the last good round. Prints one line of figures; exit code 1 if one is not kept.
"""

import argparse
import email
import email.policy
import hmac
import json
import random
import re
import socket
import sqlite3
import sys
import tempfile
import threading
import time
import urllib.request
from collections import Counter, defaultdict
from contextlib import ExitStack, closing, suppress
from dataclasses import asdict, dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlencode

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from promises.soak import Service
from smtpserver import SmtpServer

PERIOD_S = 5  # one new entry a feed
READERS = ("a@example.com", "b@example.com")
WORDS = "The authority opened its file on the harbour company last spring and heard both sides. "
SECRET = "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIz"
QUIET_S = 150  # at most, for what is left once nothing is killed any more


def title(feed, number):
    """Return an entry's title; every other one names a company of its own."""
    if number % 2:
        return f"River levels at gauge {feed} fall, report {number}"
    return f"{company(feed, number)} fined in antitrust probe"


def company(feed, number):
    return f"Norvex{feed}x{number}"


def named(sites):
    """Return the companies that the reports up to now are of."""
    return [company(site.number, n) for site in sites for n in range(0, site.newest + 1, 2)]


class Site:
    """One feed's host: the feed, its articles' pages and its hub."""

    def __init__(self, number, began):
        self.number, self.began, self.ended = number, began, None
        self.pages, self.callbacks = Counter(), {}  # topic: (callback, secret)
        self.calls = self.confirmed = 0
        self.server = ThreadingHTTPServer((f"127.0.0.{20 + number}", 0), self._handler())
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()
        threading.Thread(target=self._hub, daemon=True).start()

    @property
    def url(self):
        return "http://{}:{}".format(*self.server.server_address)

    @property
    def newest(self):
        return int(((self.ended or time.monotonic()) - self.began) / PERIOD_S)

    @property
    def published(self):
        return {title(self.number, number) for number in range(self.newest + 1)}

    def feed(self):
        items = "".join(
            f"<item><guid>{self.number}-{n}</guid><link>{self.url}/{n}</link>"
            f"<title>{title(self.number, n)}</title></item>"
            for n in range(self.newest, -1, -1)
        )
        links = (
            f'<a:link rel="hub" href="{self.url}/hub"/><a:link rel="self" href="{self.url}/feed"/>'
        )
        return (
            '<rss version="2.0" xmlns:a="http://www.w3.org/2005/Atom"><channel>'
            f"<title>site {self.number}</title>{links}{items}</channel></rss>"
        )

    def page(self, number):
        said = "".join(f"<p>{WORDS}{sentence}</p>" for sentence in self.said(number))
        return f"<html><body><article><h1>{title(self.number, number)}</h1>{said}</article></body>"

    def said(self, number):
        return [f"Paragraph {n} of page {self.number}-{number} ends here." for n in range(6)]

    def _handler(self):
        site = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                name = self.path.strip("/")
                if name == "feed":
                    return self._say(200, site.feed(), "application/rss+xml")
                site.pages[name] += 1
                return self._say(200, site.page(int(name)), "text/html")

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                asked = {name: values[0] for name, values in parse_qs(body).items()}
                site.callbacks[asked["hub.callback"]] = [asked, False]
                self._say(202, "", "text/plain")

            def _say(self, status, text, kind):
                body = text.encode()
                with suppress(ConnectionError):  # the service was killed meanwhile
                    self.send_response(status)
                    self.send_header("Content-Type", f"{kind}; charset=utf-8")
                    self.send_header("Content-Length", str(len(body)))
                    self.end_headers()
                    self.wfile.write(body)

            def log_message(self, *_):
                pass

        return Handler

    def _hub(self):
        """Ask back whoever subscribed, until it answers; call whenever there is a new entry."""
        told = -1
        while True:
            time.sleep(0.3)
            for callback, (asked, confirmed) in list(self.callbacks.items()):
                if not confirmed:
                    self.callbacks[callback][1] = self._ask_back(callback, asked)
                    self.confirmed += self.callbacks[callback][1]
                elif self.newest > told and self._call(callback, asked["hub.secret"]):
                    told = self.newest
                    self.calls += 1

    def _ask_back(self, callback, asked):
        query = {
            "hub.mode": asked["hub.mode"],
            "hub.topic": asked["hub.topic"],
            "hub.challenge": "c-17",
            "hub.lease_seconds": "86400",
        }
        return self._reach(f"{callback}?{urlencode(query)}") == b"c-17"

    def _call(self, callback, secret):
        body = self.feed().encode()
        signed = hmac.new(secret.encode(), body, "sha256").hexdigest()
        headers = {"X-Hub-Signature": f"sha256={signed}", "Content-Type": "application/rss+xml"}
        return self._reach(callback, body, headers) is not None

    @staticmethod
    def _reach(url, body=None, headers=None):
        """Return the answer's body, or None if the service is not there just now."""
        request = urllib.request.Request(url, body, headers or {})  # noqa: S310 - loopback
        try:
            with urllib.request.urlopen(request, timeout=5) as answer:  # noqa: S310
                return answer.read()
        except OSError:
            return None


class Watchers:
    """The watcher outside (GET) and the webhook (POST)."""

    def __init__(self):
        self.beats, self.taken = 0, []
        watchers = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                watchers.beats += 1
                self._yes()

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                watchers.taken.append((self.headers["webhook-id"], body))
                self._yes()

            def _yes(self):
                with suppress(ConnectionError):  # the service was killed meanwhile
                    self.send_response(204)
                    self.end_headers()

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}"


def configuration(sites, watchers, smtp, most):
    """Return a configuration as JSON, which is YAML; at most *most* entries a feed are known of."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    names = [company(site.number, n) for site in sites for n in range(0, most, 2)]
    feeds = [
        {
            "id": f"s{site.number}",
            "url": f"{site.url}/feed",
            "terms": "our own pages",
            "full_text": True,
            "interval": "5s",
        }
        for site in sites
    ]
    return json.dumps(
        {
            "companies": [{"id": name.lower(), "name": name} for name in names],
            "feeds": feeds,
            "channels": {"hook": {"webhook": f"{watchers.url}/hook", "secret": SECRET}},
            "subscriptions": [
                {
                    "name": "desk",
                    "to": [*READERS, "hook"],
                    "every": "1m",
                    "alert": {"min_stage": "suspension", "at_most": 1000},
                }
            ],
            "polling": {"interval": "5s", "min_interval": "5s"},
            "network": {"allow_private": ["127.0.0.0/8"]},
            "web": {"listen": f"127.0.0.1:{port}"},
            "websub": {"callback": f"http://127.0.0.1:{port}"},
            "delivery": {
                "from": "Monitor <monitor@example.com>",
                "smtp": {"host": "127.0.0.1", "port": smtp.port, "security": "none"},
                "heartbeat": f"{watchers.url}/beat",
            },
        }
    )


@dataclass
class Report:
    """What the run came to."""

    kills: int = 0
    published: int = 0
    lost: int = 0
    doubled_articles: int = 0
    pages: int = 0
    pages_unread: int = 0
    pages_asked_again: int = 0
    alerts: int = 0  # stories that were due as one
    alerts_missing: int = 0  # of a recipient
    alerts_doubled: int = 0  # in two messages to one recipient
    copies: int = 0  # messages that came again under the same id
    copies_in_no_doubt: int = 0
    copies_with_other_bytes: int = 0
    hubs: int = 0
    hubs_without_promise: int = 0
    hub_calls: int = 0
    beats: int = 0
    beat_missing: int = 0
    stop_code: int = 0
    stop_s: float = 0.0
    tracebacks: int = 0
    integrity: str = "ok"
    flaws: list = field(default_factory=list)

    @property
    def clean(self):
        faults = (
            *(self.lost, self.doubled_articles, self.pages_unread, self.alerts_missing),
            *(self.alerts_doubled, self.copies_in_no_doubt, self.copies_with_other_bytes),
            *(self.hubs_without_promise, self.beat_missing, self.stop_code, self.tracebacks),
            self.pages_asked_again > 5 * self.kills,  # four at once, and one that was read already
        )
        return not any(faults) and self.integrity == "ok" and self.stop_s < 10 and not self.flaws


def run(folder, *, seconds, kills, seed, feeds=4):
    """Run the service for *seconds* with that many *kills*, then until nothing is due."""
    chance = random.Random(seed)  # noqa: S311 - for moments, not for secrets
    moments = sorted(chance.uniform(2, seconds - 2) for _ in range(kills))
    began = time.monotonic()
    with ExitStack() as stack:
        smtp = stack.enter_context(SmtpServer())
        sites = [Site(number, began) for number in range(feeds)]
        watchers = Watchers()
        for server in [site.server for site in sites] + [watchers.server]:
            stack.callback(server.server_close)
            stack.callback(server.shutdown)
        config = configuration(sites, watchers, smtp, most=int(seconds / PERIOD_S) + 2)
        (folder / "config.yaml").write_text(config, encoding="utf-8")
        service = Service(folder)
        service.start()
        try:
            for moment in moments:
                time.sleep(max(0, began + moment - time.monotonic()))
                service.kill()
                service.start()
            time.sleep(max(0, began + seconds - time.monotonic()))
            for site in sites:
                site.ended = began + seconds
            flaws = wait_until_quiet(folder / "monitor.db", sites)
            code, stop_s = service.stop()
        finally:
            service.kill()
        report = Report(kills=kills, stop_code=code, stop_s=round(stop_s, 2), flaws=flaws)
        judge(report, folder, sites, watchers, smtp)
    return report


DUE = {
    "articles to come": "SELECT :published - COUNT(*) FROM articles",
    "pages": "SELECT COUNT(*) FROM v_full_texts WHERE next_attempt_at IS NOT NULL",
    "alerts": "SELECT :alerts - COUNT(*) FROM alerts",
    "deliveries": "SELECT COUNT(*) FROM deliveries WHERE due_at IS NOT NULL",
    "hits that no digest has": (
        "SELECT COUNT(*) FROM hits WHERE id NOT IN (SELECT hit_id FROM digest_items)"
    ),
    "hubs' first calls": "SELECT :sites - COUNT(*) FROM pushes WHERE pushed_at IS NOT NULL",
    "a beat": (
        "SELECT COALESCE((SELECT MAX(id) FROM digests WHERE kind = 'digest'), 1)"
        " > COALESCE((SELECT MAX(digest_id) FROM heartbeats), 0)"
    ),
}


def still_due(path, sites):
    """Return what is still due, by name: how many."""
    given = {
        "published": sum(len(site.published) for site in sites),
        "alerts": len(named(sites)),
        "sites": len(sites),
    }
    with closing(sqlite3.connect(path)) as database:
        found = {name: database.execute(query, given).fetchone()[0] for name, query in DUE.items()}
    return {name: number for name, number in found.items() if number}


def has_tables(path):
    """Return whether a life was long enough to make the database."""
    with closing(sqlite3.connect(path)) as database:
        return database.execute("SELECT 1 FROM sqlite_master WHERE name = 'heartbeats'").fetchone()


def wait_until_quiet(path, sites):
    """Wait until nothing is due; return what still is when patience ends."""
    patience = time.monotonic() + QUIET_S
    while not has_tables(path) and time.monotonic() < patience:
        time.sleep(1)
    while (due := still_due(path, sites)) and time.monotonic() < patience:
        time.sleep(1)
    return [f"{number} {name} still due" for name, number in due.items()]


def judge(report, folder, sites, watchers, smtp):
    """Hold what was stored and told against what there was."""
    database = sqlite3.connect(folder / "monitor.db")

    def column(query):
        return [row[0] for row in database.execute(query)]

    published = set().union(*(site.published for site in sites))
    stored = Counter(column("SELECT title FROM articles"))
    report.published, report.lost = len(published), len(published - set(stored))
    report.doubled_articles = sum(count - 1 for count in stored.values())
    report.pages = sum(len(site.pages) for site in sites)
    report.pages_asked_again = sum(sum(site.pages.values()) - len(site.pages) for site in sites)
    texts = dict(database.execute("SELECT title, summary FROM articles"))
    report.pages_unread = sum(
        site.said(n)[-1] not in (texts.get(title(site.number, n)) or "")
        for site in sites
        for n in range(site.newest + 1)
    )
    judge_alerts(report, sites, watchers, smtp)
    log = (folder / "log").read_text("utf-8")
    report.copies_in_no_doubt = max(0, report.copies - log.count("delivery repeated"))
    report.tracebacks = len(re.findall("Traceback", log))
    report.hubs = len(column("SELECT id FROM pushes"))
    promised = column("SELECT id FROM pushes WHERE lease_until IS NOT NULL")
    report.hubs_without_promise = len(sites) - len(promised)
    report.hub_calls = sum(site.calls for site in sites)
    report.beats = watchers.beats
    report.beat_missing = int(watchers.beats == 0)
    report.integrity = column("PRAGMA integrity_check")[0]
    database.close()


def judge_alerts(report, sites, watchers, smtp):
    """Count the alerts: each company in one message to each recipient."""
    copies = defaultdict(list)  # id: the bytes of each copy
    told = defaultdict(lambda: defaultdict(set))  # recipient: company: ids
    for mail in smtp.taken:
        message = email.message_from_bytes(mail.content, policy=email.policy.default)
        copies[message["Message-ID"]].append(mail.content)
        if message["Subject"].startswith("[Alert]"):
            words = message.get_body(("plain",)).get_content()
            for name in set(re.findall(r"Norvex\d+x\d+", words)):
                told[mail.recipients[0]][name].add(message["Message-ID"])
    for number, body in watchers.taken:
        copies[number].append(body)
        if json.loads(body)["type"] == "alert.raised":
            for name in set(re.findall(r"Norvex\d+x\d+", body.decode())):
                told["hook"][name].add(number)
    names = named(sites)
    report.alerts = len(names)
    for recipient in (*READERS, "hook"):
        messages = [len(told[recipient][name]) for name in names]
        report.alerts_missing += messages.count(0)
        report.alerts_doubled += sum(number > 1 for number in messages)
    report.copies = sum(len(taken) - 1 for taken in copies.values())
    report.copies_with_other_bytes = sum(len(set(taken)) - 1 for taken in copies.values())


def main():
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--minutes", type=float, default=3)
    options.add_argument("--kills", type=int, default=30)
    options.add_argument("--feeds", type=int, default=4)
    options.add_argument("--seed", type=int, default=1)
    given = options.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        report = run(
            Path(folder),
            seconds=given.minutes * 60,
            kills=given.kills,
            seed=given.seed,
            feeds=given.feeds,
        )
        if not report.clean:
            sys.stderr.write((Path(folder) / "log").read_text("utf-8")[-4000:])
    sys.stdout.write(json.dumps(asdict(report)) + "\n")
    return 0 if report.clean else 1


if __name__ == "__main__":
    sys.exit(main())
