"""Lives: polling killed with -9 five hundred times, at random moments a fraction of a second apart.

    python tests/promises/lives.py --kills 500 --seed 1

A life is a process with the real client, detection and SQLite file, forked from one that has built
them, so that it is at work at once; feeds publish by the clock as it runs. Only the reading of
documents is not in children, which would take longer to start than a life lasts: `soak.py` kills
the whole service. Prints one line of figures; exit code 1 if anything was lost or doubled.
"""

import argparse
import json
import multiprocessing
import os
import random
import signal
import socket
import sqlite3
import sys
import tempfile
import threading
import time
from contextlib import closing
from dataclasses import asdict, dataclass
from http.server import ThreadingHTTPServer
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from promises.soak import Publisher, compare, handler

from monitor.app import App
from monitor.errors import ParseError
from monitor.feeds.parse.document import parse
from monitor.pipeline.group import group_new

LONGEST_S = 0.6  # of a life
PROCESSES = multiprocessing.get_context("forkserver")


class InThisProcess:
    """Reads documents where it stands. A `monitor.ports.Parser`."""

    def parse_all(self, answers, **_):
        for found in answers:
            if found is None:
                yield None
                continue
            feed, answer = found
            try:
                read = parse(answer.body, answer.content_type, answer.url, before=feed.prints)
            except ParseError as error:
                read = error
            yield feed, answer, read


@dataclass
class Report:
    """What the lives came to."""

    kills: int
    seconds: float
    polls: int
    fewest_polls: int  # of a feed: none is starved by those that are tried again and again
    published: int
    lost: int
    doubled_articles: int
    hits: int
    doubled_hits: int
    missing_hits: int
    miscounted: int
    integrity: str
    tracebacks: int

    @property
    def clean(self):
        faults = (self.lost, self.doubled_articles, self.doubled_hits, self.missing_hits)
        faults = (*faults, self.miscounted)
        return not any(faults) and not self.tracebacks and self.integrity == "ok"


def nursery(path, log, pipe):
    """Build the parts once; then, whenever told, let a process live with them for so long."""
    os.dup2(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND), sys.stderr.fileno())
    with App.load(path, {}) as app:
        app.prepare()
        app.parser = InThisProcess()
        _ = app.poll_step.detector.built
        while (life := pipe.recv()) is not None:
            app.engine.dispose()
            child = os.fork()
            if child == 0:
                live(app)
            time.sleep(life)
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            pipe.send(None)


def live(app):
    """Poll and group as the service does, until killed."""
    try:
        app.worker = app.poll_step.worker = f"{socket.gethostname()}:{os.getpid()}"
        app.take_over()
        while True:
            app.poll_step.poll_due()
            group_new(app.store)
            time.sleep(0.01)
    finally:
        os._exit(1)


def run(folder, *, kills, seed, feeds=20):
    """Let that many lives poll these feeds, each killed, then one that is left alone a while."""
    chance = random.Random(seed)  # noqa: S311 - for moments, not for secrets
    # A feed shows all it ever had: what a killed process had read must be there to be read again.
    publisher = Publisher(feeds, period_s=2, window=10_000)
    with ThreadingHTTPServer(("127.0.0.1", 0), handler(publisher)) as web:
        threading.Thread(target=web.serve_forever, daemon=True).start()
        path = folder / "config.yaml"
        path.write_text(_configuration(folder, web.server_port, feeds), encoding="utf-8")
        pipe, other = PROCESSES.Pipe()
        process = PROCESSES.Process(target=nursery, args=(path, folder / "log", other))
        process.start()
        began = time.monotonic()
        for _ in range(kills):
            pipe.send(chance.uniform(0.01, LONGEST_S))
            pipe.recv()
        seconds = time.monotonic() - began
        publisher.ended = time.monotonic()
        pipe.send(8.0)  # several intervals, so that the last entries are fetched
        pipe.recv()
        pipe.send(None)
        process.join()
        web.shutdown()
    with closing(sqlite3.connect(folder / "monitor.db")) as database:
        polls = [n for (n,) in database.execute("SELECT COUNT(*) FROM polls GROUP BY feed_id")]
        compared = compare(database, publisher)
    return Report(
        kills=kills,
        seconds=round(seconds, 1),
        polls=sum(polls),
        fewest_polls=min(polls),
        tracebacks=(folder / "log").read_text("utf-8").count("Traceback"),
        **compared,
    )


def _configuration(folder, port, feeds):
    listed = [{"id": f"f{n}", "url": f"http://127.0.0.1:{port}/{n}"} for n in range(feeds)]
    return json.dumps(
        {
            "database": f"sqlite:///{folder}/monitor.db",
            "feeds": listed,
            "polling": {"interval": "1s", "max_interval": "1s"},
            "network": {"allow_private": ["127.0.0.0/8"]},
            "logging": {"level": "warning"},
        }
    )


def main():
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--kills", type=int, default=500)
    options.add_argument("--seed", type=int, default=1)
    given = options.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        report = run(Path(folder), kills=given.kills, seed=given.seed)
    sys.stdout.write(json.dumps(asdict(report)) + "\n")
    return 0 if report.clean else 1


if __name__ == "__main__":
    sys.exit(main())
