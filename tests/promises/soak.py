"""Endurance: `monitor run` against feeds that publish as it runs, killed with -9 at random moments.

    python tests/promises/soak.py --minutes 10 --kills 10 --feeds 50

Starts a feed server and an SMTP server (STARTTLS and AUTH) on loopback, runs the service with a
digest every minute, kills and restarts it, and compares what was published with what was stored
and mailed. Prints one line of figures; exit code 1 if anything was lost or doubled, save a mail
that a kill left in doubt: its repetition is in the log. Ends by itself.
"""

import argparse
import email
import json
import random
import re
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from contextlib import closing, suppress
from dataclasses import asdict, dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import trustme
from smtpserver import SmtpServer, server_tls  # the servers of the tests stand beside them

WINDOW = 40  # entries a feed shows
PERIOD_S = 4  # one new entry a feed
HIT_EVERY = 5


class Publisher:
    """Feeds that grow by the clock until they are told to stop."""

    def __init__(self, feeds, period_s=PERIOD_S, window=WINDOW):
        self.period_s, self.window = period_s, window
        self.feeds, self.began, self.ended = feeds, time.monotonic(), None
        self.asked = []  # when

    def newest(self, feed):
        now = self.ended or time.monotonic()
        return int((now - self.began) / self.period_s + feed / self.feeds)

    def title(self, feed, number):
        what = (
            "Alibaba fined in antitrust probe" if number % HIT_EVERY == 0 else "River levels fall"
        )
        return f"{what}, report {feed} of {number}"

    def body(self, feed):
        newest = self.newest(feed)
        items = "".join(
            f"<item><guid>{feed}-{n}</guid><link>http://feed{feed}.example/{n}</link>"
            f"<title>{self.title(feed, n)}</title></item>"
            for n in range(newest, max(-1, newest - self.window), -1)
        )
        return f'<rss version="2.0"><channel><title>{feed}</title>{items}</channel></rss>'.encode()

    def published(self):
        return {self.title(f, n) for f in range(self.feeds) for n in range(self.newest(f) + 1)}


def handler(publisher):
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            publisher.asked.append(time.monotonic())
            body = publisher.body(int(self.path.strip("/")))
            etag = f'"{hash(body)}"'
            if self.headers.get("If-None-Match") == etag:
                self.send_response(304)
                self.end_headers()
                return
            self.send_response(200)
            self.send_header("Content-Type", "application/rss+xml")
            self.send_header("ETag", etag)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            with suppress(ConnectionError):  # the service was killed meanwhile
                self.wfile.write(body)

        def log_message(self, *_):
            pass

    return Handler


def configuration(port, smtp, feeds):
    listed = "\n".join(
        f"  - {{id: f{n}, url: 'http://127.0.0.1:{port}/{n}'}}" for n in range(feeds)
    )
    return f"""\
feeds:
{listed}
subscriptions:
  - {{name: desk, to: [a@example.com, b@example.com], every: 1m}}
polling: {{interval: 5s}}
network: {{allow_private: [127.0.0.0/8]}}
delivery:
  from: Monitor <monitor@example.com>
  smtp:
    host: localhost
    port: {smtp.port}
    username: monitor
    password: secret
    ca_file: ca.pem
"""


class Service:
    """`monitor run` as a process that can be killed."""

    def __init__(self, folder):
        self.folder, self.process, self.lives = folder, None, []

    def start(self):
        self.lives.append(time.monotonic())
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "monitor", "run"], cwd=self.folder, stderr=log
            )

    def kill(self):
        self.process.kill()
        self.process.wait()

    def stop(self):
        """End it as an operator would; return exit code and seconds."""
        began = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(timeout=30)
        return code, time.monotonic() - began


MISCOUNTED = """
    SELECT feed_id FROM v_feeds v
    WHERE hits <> (SELECT count(*) FROM v_hits h WHERE h.feed = v.feed_id)
    OR articles <> (SELECT count(*) FROM v_articles a WHERE a.feed = v.feed_id)
"""


@dataclass
class Report:
    """What the run came to."""

    published: int
    lost: int
    doubled_articles: int
    hits: int
    doubled_hits: int
    missing_hits: int
    miscounted: int  # feeds
    digests: int
    mails: int
    doubled_mails: int
    doubled_without_doubt: int
    doubled_with_other_bytes: int
    unreported_hits: int
    kills: int
    stop_code: int
    stop_s: float
    integrity: str
    tracebacks: int
    first_polls_s: tuple  # after a start: half of them, and the last, were as quick as this

    @property
    def clean(self):
        faults = (
            self.lost,
            self.doubled_articles,
            self.doubled_hits,
            self.missing_hits,
            self.miscounted,
            self.doubled_without_doubt,
            self.doubled_with_other_bytes,
            self.unreported_hits,
            self.stop_code,
            self.tracebacks,
        )
        return not any(faults) and self.integrity == "ok" and self.stop_s < 10


def soak(folder, *, seconds, kills, feeds, seed, final_digest):
    """Run for *seconds* with *kills* at random moments; return a Report."""
    chance = random.Random(seed)  # noqa: S311 - for moments, not for secrets
    publisher = Publisher(feeds)
    moments = sorted(chance.uniform(2, seconds - 2) for _ in range(kills))
    authority = trustme.CA()
    authority.cert_pem.write_to_path(folder / "ca.pem")
    server = SmtpServer(tls=server_tls(authority), login=("monitor", "secret"))
    with server as smtp, ThreadingHTTPServer(("127.0.0.1", 0), handler(publisher)) as web:
        threading.Thread(target=web.serve_forever, daemon=True).start()
        config = configuration(web.server_address[1], smtp, feeds)
        (folder / "config.yaml").write_text(config, encoding="utf-8")
        service = Service(folder)
        service.start()
        began = time.monotonic()
        for moment in moments:
            time.sleep(max(0, began + moment - time.monotonic()))
            service.kill()
            service.start()
        time.sleep(max(0, began + seconds - time.monotonic()))
        publisher.ended = time.monotonic()
        time.sleep(20)  # two intervals, so that the last entries are fetched
        code, stop_s = service.stop()
        if final_digest:
            subprocess.run(
                [sys.executable, "-m", "monitor", "digest", "--send"], cwd=folder, check=True
            )
        web.shutdown()
        mails = [taken.content for taken in smtp.taken]
        return judge(folder, publisher, mails, service.lives, code, stop_s)


def first_polls(lives, asked):
    """Return how long after a start the first feed was asked, in the lives that came to it."""
    waits = []
    for start, end in zip(lives, [*lives[1:], float("inf")], strict=True):
        first = next((at for at in asked if start <= at < end), None)
        waits += [round(first - start, 2)] if first else []
    waits.sort()
    return (waits[len(waits) // 2], waits[-1])


def compare(database, publisher):
    """Return how what was published compares with what was stored and found."""
    stored = Counter(_column(database, "SELECT title FROM articles"))
    published = publisher.published()
    hits = Counter(_column(database, "SELECT title FROM v_hits"))
    wanted = {title for title in published if title.startswith("Alibaba")}
    return {
        "published": len(published),
        "lost": len(published - set(stored)),
        "doubled_articles": sum(count - 1 for count in stored.values()),
        "hits": sum(hits.values()),
        "doubled_hits": sum(count - 1 for count in hits.values()),
        "missing_hits": len(wanted - set(hits)),
        "miscounted": len(_column(database, MISCOUNTED)),
        "integrity": _column(database, "PRAGMA integrity_check")[0],
    }


def _column(database, query):
    return [row[0] for row in database.execute(query)]


def judge(folder, publisher, mails, lives, code, stop_s):
    with closing(sqlite3.connect(folder / "monitor.db")) as database:
        compared = compare(database, publisher)
        digests = _column(database, "SELECT id FROM digests")
        query = "SELECT id FROM hits WHERE id NOT IN (SELECT hit_id FROM digest_items)"
        unreported = _column(database, query)
    by_id = Counter(email.message_from_bytes(mail)["Message-ID"] for mail in mails)
    different = Counter(email.message_from_bytes(mail)["Message-ID"] for mail in set(mails))
    log = (folder / "log").read_text("utf-8")
    doubled_mails = sum(count - 1 for count in by_id.values())
    return Report(
        **compared,
        digests=len(digests),
        mails=len(mails),
        doubled_mails=doubled_mails,
        doubled_without_doubt=max(0, doubled_mails - log.count("delivery repeated")),
        doubled_with_other_bytes=sum(count - 1 for count in different.values()),
        unreported_hits=len(unreported),
        kills=len(lives) - 1,
        stop_code=code,
        stop_s=round(stop_s, 2),
        tracebacks=len(re.findall("Traceback", log)),
        first_polls_s=first_polls(lives, publisher.asked),
    )


def main():
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--minutes", type=float, default=10)
    options.add_argument("--kills", type=int, default=10)
    options.add_argument("--feeds", type=int, default=50)
    options.add_argument("--seed", type=int, default=1)
    given = options.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        report = soak(
            Path(folder),
            seconds=given.minutes * 60,
            kills=given.kills,
            feeds=given.feeds,
            seed=given.seed,
            final_digest=True,
        )
    sys.stdout.write(json.dumps(asdict(report)) + "\n")
    return 0 if report.clean else 1


if __name__ == "__main__":
    sys.exit(main())
