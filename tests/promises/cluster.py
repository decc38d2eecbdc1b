"""The cluster: replicas killed with -9 and frozen while they share feeds, a database and a mailbox.

    python tests/promises/cluster.py --replicas 4 --feeds 5000 --interval 300 --frozen 300

Starts a PostgreSQL, a feed server in a process of its own and an SMTP server, all on loopback, and
so many `monitor run` on one configuration. In the middle of polling two are killed with -9 and one
is frozen with SIGSTOP; that one goes on after a while. In the end feeds stop publishing, the
replicas that live are stopped as an operator would, and what was published is held against what
was stored and mailed; the ledger of polls and the server's own list tell when each feed was asked.
Prints one line of figures; exit code 1 if one is not kept. Ends by itself.
"""

import argparse
import asyncio
import email
import json
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections import Counter, defaultdict
from dataclasses import asdict, dataclass
from datetime import datetime
from itertools import pairwise
from pathlib import Path

import psycopg
from sqlalchemy import make_url

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from postgres import Cluster, find_programs
from promises.soak import MISCOUNTED, Publisher
from smtpserver import SmtpServer

from monitor.cluster.tasks import LANES

HIT_EVERY = 20
RETAKEN_S = 120  # within which the work of a dead replica must be at work again
SLACK_S = 15  # for a poll to be late by on a busy machine; the tenth that chance adds comes on top
ANSWER_S = 0.3  # what a feed takes to answer, so that a replica is at something when it is struck


class Feeds(Publisher):
    """Feeds that publish once in an interval, by the clock of their own process."""

    def title(self, feed, number):
        hit = (feed + number) % HIT_EVERY == 0
        what = "Alibaba fined in antitrust probe" if hit else "River levels fall"
        return f"{what}, report {feed} of {number}"


async def serve(feeds, period_s):
    """Serve on loopback until cancelled; say where on stdout."""
    publisher = Feeds(feeds, period_s)
    asked = []

    def answer(path, known):
        if path == "/end":
            publisher.ended = publisher.ended or time.monotonic()
            told = {"newest": [publisher.newest(n) for n in range(feeds)], "asked": asked}
            return "200 OK", json.dumps(told).encode(), ""
        feed = int(path.strip("/"))
        asked.append((feed, time.time()))
        etag = f'"{publisher.newest(feed)}"'
        if known == etag:
            return "304 Not Modified", b"", f"ETag: {etag}\r\n"
        return "200 OK", publisher.body(feed), f"ETag: {etag}\r\nContent-Type: text/xml\r\n"

    async def talk(reader, writer):
        try:
            while True:
                request = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
                line, *headers = request.split("\r\n")
                given = dict(header.lower().split(": ", 1) for header in headers if header)
                await asyncio.sleep(0 if line.split()[1] == "/end" else ANSWER_S)
                status, body, more = answer(line.split()[1], given.get("if-none-match"))
                head = f"HTTP/1.1 {status}\r\n{more}Content-Length: {len(body)}\r\n\r\n"
                writer.write(head.encode() + body)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0, backlog=1000)
    print(server.sockets[0].getsockname()[1], flush=True)  # noqa: T201 - whom it is told to reads it
    await server.serve_forever()


def configuration(url, port, smtp, feeds, interval):
    listed = [{"id": f"f{n}", "url": f"http://127.0.0.1:{port}/{n}"} for n in range(feeds)]
    every = dict.fromkeys(("interval", "min_interval", "max_interval"), f"{interval}s")
    return json.dumps(
        {
            "database": url,
            "cluster": True,
            "feeds": listed,
            "subscriptions": [
                {"name": "desk", "to": ["a@example.com", "b@example.com"], "every": "1m"}
            ],
            "polling": every | {"workers": 1},
            "network": {"allow_private": ["127.0.0.0/8"]},
            "delivery": {
                "from": "Monitor <monitor@example.com>",
                "smtp": {"host": "127.0.0.1", "port": smtp.port, "security": "none"},
            },
            "logging": {"format": "json"},
        }
    )


class Replica:
    """One `monitor run`, its log, and the numbers that Procrastinate gave its lanes."""

    def __init__(self, folder, number, database):
        self.database, self.jobs, self.claims, self.struck_at = database, [], 0, None
        known = self._lanes()
        self._start(folder, number)
        self.wait_for("started")
        while len(self._lanes() - known) < len(LANES):
            time.sleep(0.1)
        self.lanes = list(self._lanes() - known)

    def _lanes(self):
        return {number for (number,) in self._ask("SELECT id FROM procrastinate_workers")}

    def _ask(self, query, *values):
        try:
            return self.database.execute(query, values).fetchall()
        except psycopg.errors.UndefinedTable:  # the first replica makes it
            return []

    def strike(self, number):
        """Send a signal as soon as it is in the middle of polling; note what it was at."""
        while not self.claims:
            self._look()
        self.struck_at = self.signal(number)
        time.sleep(1)  # what it had handed to the database is done by then; a short job may be over
        self._look()

    def _look(self):
        doing = "SELECT id, attempts FROM procrastinate_jobs WHERE status = 'doing'"
        self.jobs = self._ask(f"{doing} AND worker_id = ANY(%s)", self.lanes)
        names = [f"job {job}.{attempts}" for job, attempts in self.jobs]
        claimed = "SELECT count(*) FROM feeds WHERE claimed_by = ANY(%s)"
        ((self.claims,),) = self._ask(claimed, names)

    def _start(self, folder, number):
        self.log = folder / f"log{number}"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "monitor", "run"], cwd=folder, stderr=log
            )

    def signal(self, number):
        self.process.send_signal(number)
        return time.time()

    def wait_for(self, event):
        """Wait until it has told that."""
        while not any(it["event"] == event for it in self.events()):
            assert self.process.poll() is None, self.log.read_text("utf-8")
            time.sleep(0.1)

    def events(self):
        """Return what it told, as far as it got."""
        lines = self.log.read_text("utf-8", "replace").splitlines()
        return [json.loads(line) for line in lines if line.startswith("{") and line.endswith("}")]


@dataclass
class Report:
    """What the run came to."""

    replicas: int
    feeds: int
    interval_s: float
    seconds: float
    polls: int
    polled_twice: int  # lines of the ledger nearer to each other than an interval
    polled_late: int  # further apart than that, and what a retaking may take
    longest_gap_s: float
    asked_twice: int  # of the server, of feeds that a dead or frozen replica was asking
    retaken_jobs: int
    retaken_claims: int
    struck: tuple  # how many jobs and claims each had that was killed or frozen, in that order
    retaken_after_s: tuple  # when all its jobs were retaken, at the latest
    published: int
    lost: int
    doubled_articles: int
    hits: int
    missing_hits: int
    doubled_hits: int
    miscounted: int
    unreported_hits: int
    reported_twice: int
    digests: int
    mails: int
    doubled_mails: int
    unexplained_mails: int
    stop_codes: tuple
    stop_s: float
    tracebacks: int

    @property
    def clean(self):
        faults = (
            self.polled_twice,
            self.polled_late,
            self.lost,
            self.doubled_articles,
            self.missing_hits,
            self.doubled_hits,
            self.miscounted,
            self.unreported_hits,
            self.reported_twice,
            self.unexplained_mails,
            any(self.stop_codes),
            self.tracebacks,
        )
        in_time = all(after is not None and after < RETAKEN_S for after in self.retaken_after_s)
        # Whoever was struck had asked already; whoever retakes asks again.
        no_more = self.asked_twice <= self.retaken_claims
        return not any(faults) and in_time and no_more and self.stop_s < 10


@dataclass(frozen=True)
class Plan:
    """How many replicas share how many feeds, and what befalls them, in seconds after the start."""

    replicas: int
    feeds: int
    interval: int
    kills: tuple
    freeze: float
    frozen: float
    seconds: float


def run(folder, plan):
    """Let it happen; return a Report."""
    with Cluster(find_programs(), autovacuum="on") as postgres, postgres.database() as url:
        period = str(plan.interval)
        command = [sys.executable, __file__, "--serve", "--feeds", str(plan.feeds)]
        server = subprocess.Popen(
            [*command, "--interval", period], stdout=subprocess.PIPE, text=True
        )
        try:
            port = int(server.stdout.readline())
            with SmtpServer() as smtp:
                text = configuration(url, port, smtp, plan.feeds, plan.interval)
                (folder / "config.yaml").write_text(text, "utf-8")
                return _run(folder, plan, url, port, smtp)
        finally:
            server.terminate()
            server.wait()
            server.stdout.close()


def _run(folder, plan, url, port, smtp):
    subprocess.run([sys.executable, "-m", "monitor", "db", "upgrade"], cwd=folder, check=True)
    replicas = []
    with psycopg.connect(_conninfo(url), autocommit=True) as database:
        try:
            began = time.monotonic()
            replicas += (Replica(folder, number, database) for number in range(plan.replicas))
            killed, frozen = replicas[: len(plan.kills)], replicas[len(plan.kills)]
            happens = [(at, it, signal.SIGKILL) for at, it in zip(plan.kills, killed, strict=True)]
            happens += [(plan.freeze, frozen, signal.SIGSTOP)]
            for at, replica, number in sorted(happens, key=lambda it: it[0]):
                time.sleep(max(0, began + at - time.monotonic()))
                replica.strike(number)
            time.sleep(max(0, frozen.struck_at + plan.frozen - time.time()))
            frozen.signal(signal.SIGCONT)
            time.sleep(max(0, began + plan.seconds - time.monotonic()))
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/end") as answer:
                told = json.load(answer)
            time.sleep(1.1 * plan.interval + SLACK_S)  # so that the last entries are fetched
            left = replicas[len(killed) :]
            stopping = time.monotonic()
            for replica in left:
                replica.signal(signal.SIGTERM)
            codes = tuple(replica.process.wait(30) for replica in left)
            stop_s = time.monotonic() - stopping
        finally:
            for replica in replicas:
                replica.process.kill()
                replica.process.wait()
        send = [sys.executable, "-m", "monitor", "digest", "--send"]
        subprocess.run(send, cwd=folder, check=True, stdout=subprocess.DEVNULL)
        events = [event for replica in replicas for event in replica.events()]
        return Report(
            replicas=plan.replicas,
            feeds=plan.feeds,
            interval_s=plan.interval,
            seconds=round(time.monotonic() - began),
            **_polls(database, plan, told["asked"]),
            **_retaken(events, [*killed, frozen]),
            **_stored(database, plan, told["newest"]),
            **_mailed(smtp, events),
            stop_codes=codes,
            stop_s=round(stop_s, 2),
            tracebacks=sum(it.log.read_text("utf-8").count("Traceback") for it in replicas),
        )


def _conninfo(url):
    parsed = make_url(url)
    return f"host={parsed.query['host']} user={parsed.username} dbname={parsed.database}"


def _polls(database, plan, asked):
    rows = database.execute("SELECT feed_id, at FROM polls ORDER BY feed_id, at").fetchall()
    times = defaultdict(list)
    for feed, when in rows:
        times[feed].append(when.timestamp())
    gaps = [two - one for ats in times.values() for one, two in pairwise(ats)]
    served = defaultdict(list)
    for feed, when in asked:
        served[feed].append(when)
    late = 1.1 * plan.interval + RETAKEN_S + SLACK_S
    return {
        "polls": len(rows),
        "polled_twice": sum(gap < 0.9 * plan.interval for gap in gaps),
        "polled_late": sum(gap > late for gap in gaps) + plan.feeds - len(times),
        "longest_gap_s": round(max(gaps), 1),
        "asked_twice": sum(
            two - one < 0.9 * plan.interval for ats in served.values() for one, two in pairwise(ats)
        ),
    }


def _retaken(events, struck):
    retaken = {event["job"]: event for event in events if event["event"] == "job retaken"}
    after = []
    for replica in struck:
        moments = [
            datetime.fromisoformat(retaken[job]["timestamp"]).timestamp()
            if job in retaken
            else None
            for job, _ in replica.jobs
        ]
        kept = None in moments
        waits = [moment - replica.struck_at for moment in moments if moment is not None]
        after.append(None if kept else round(max(waits, default=0), 1))
    return {
        "retaken_jobs": len(retaken),
        "retaken_claims": sum(event["claims"] for event in retaken.values()),
        "struck": tuple((len(it.jobs), it.claims) for it in struck),
        "retaken_after_s": tuple(after),
    }


def _stored(database, plan, newest):
    feeds = Feeds(plan.feeds)
    published = {
        feeds.title(feed, n) for feed in range(plan.feeds) for n in range(newest[feed] + 1)
    }

    def column(query):
        return [row[0] for row in database.execute(query)]

    stored = Counter(column("SELECT title FROM articles"))
    hits = Counter(column("SELECT title FROM v_hits"))
    told = Counter(column("SELECT hit_id FROM digest_items"))
    return {
        "published": len(published),
        "lost": len(published - set(stored)),
        "doubled_articles": sum(count - 1 for count in stored.values()),
        "hits": sum(hits.values()),
        "missing_hits": len({it for it in published if it.startswith("Alibaba")} - set(hits)),
        "doubled_hits": sum(count - 1 for count in hits.values()),
        "miscounted": len(column(MISCOUNTED)),
        "unreported_hits": len(set(column("SELECT id FROM hits")) - set(told)),
        "reported_twice": sum(count - 1 for count in told.values()),
        "digests": column("SELECT count(*) FROM digests")[0],
    }


def _mailed(smtp, events):
    mails = Counter(email.message_from_bytes(it.content)["Message-ID"] for it in smtp.taken)
    doubled = sum(count - 1 for count in mails.values())
    repeated = sum(event["event"] == "delivery repeated" for event in events)
    return {
        "mails": sum(mails.values()),
        "doubled_mails": doubled,
        "unexplained_mails": max(0, doubled - repeated),
    }


def main():
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--replicas", type=int, default=4)
    options.add_argument("--feeds", type=int, default=5000)
    options.add_argument("--interval", type=int, default=300, help="seconds")
    options.add_argument("--frozen", type=float, default=300, help="seconds")
    options.add_argument("--minutes", type=float, default=12)
    options.add_argument("--keep", type=Path, help="a folder for the logs")
    options.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    given = options.parse_args()
    if given.serve:
        asyncio.run(serve(given.feeds, given.interval))
        return 0
    plan = Plan(
        replicas=given.replicas,
        feeds=given.feeds,
        interval=given.interval,
        kills=(20, 45),
        freeze=32,
        frozen=given.frozen,
        seconds=60 * given.minutes,
    )
    with tempfile.TemporaryDirectory() as made:
        report = run(given.keep or Path(made), plan)
    sys.stdout.write(json.dumps(asdict(report)) + "\n")
    return 0 if report.clean else 1


if __name__ == "__main__":
    sys.exit(main())
