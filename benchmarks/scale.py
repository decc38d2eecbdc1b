"""Whether one service keeps up with very many feeds: python benchmarks/scale.py.

Runs the real service, `monitor run`, on feeds of a loopback server of its own: one in ten answers
late, one in twenty fails (an error, or a closed connection), one in four has something new at a
poll. Prints while it runs how many feeds are due and waiting, how long the oldest has waited,
memory (PSS) and CPU of the process tree; then how far apart the polls of each feed were.

* All feeds are new at the start, so that the first interval is one burst and is not judged.
* A feed is polled in its interval if its polls are no further apart than that, the tenth that is
  added by chance, and what its server took. Failing feeds are asked less and less often: they are
  not judged.
* With an interval shorter than the usual 15 minutes the load is that much higher, for a run that
  is that much shorter; the share of slow servers that wait at one time grows alike.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
import urllib.request
from datetime import UTC, datetime
from html import escape
from itertools import pairwise
from pathlib import Path
from typing import IO, cast

from intake import _pss, _tree

ENTRIES = 20
SAMPLE_S = 5.0
SLOW, FAILING = 10, 20  # one in so many
GRACE_S = 2.0  # for the tick, and for what is under way when a feed comes due
LINE = "{at:7.0f} {polls:8.1f} {queue:7d} {overdue:9.1f} {pss:8.0f} {cpu:6.0f}"


# --- the server -----------------------------------------------------------------------------------


def body(feed: int, newest: int) -> bytes:
    """Return an RSS feed with the entries up to number *newest*."""
    items = "".join(
        f"<item><title>Site {feed} tells of day {number}</title>"
        f"<link>http://site{feed}.example/{number}</link><guid>{feed}-{number}</guid>"
        f"<description>{escape(f'<p>What happened on day {number}: nothing much.</p>')}"
        "</description></item>"
        for number in range(newest, newest - ENTRIES, -1)
    )
    head = f'<rss version="2.0"><channel><title>Site {feed}</title>'
    return f"{head}{items}</channel></rss>".encode()


class Server(asyncio.Protocol):
    """Answers `GET /feed/N` as feed N does, and `GET /asked` with who was asked when."""

    slow_s = 0.0
    news_s = 0.0
    asked: list[tuple[int, float]] = []  # noqa: RUF012 - one server in a process

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Remember where to answer."""
        self.transport = cast("asyncio.Transport", transport)
        self.unread = b""

    def data_received(self, data: bytes) -> None:
        """Answer every request that is complete, or let it wait, or hang up."""
        self.unread += data
        while b"\r\n\r\n" in self.unread:
            request, _, self.unread = self.unread.partition(b"\r\n\r\n")
            line, *headers = request.decode("latin-1").split("\r\n")
            path = line.split()[1]
            if path == "/asked":
                self._write("200 OK", json.dumps(self.asked).encode())
                continue
            feed = int(path.rpartition("/")[2])
            self.asked.append((feed, time.monotonic()))
            given = dict(header.lower().split(": ", 1) for header in headers)
            kind = kind_of(feed)
            wait = self.slow_s if kind == "slow" else 0
            loop = asyncio.get_running_loop()
            loop.call_later(wait, self._answer, feed, kind, given.get("if-none-match"))

    def _answer(self, feed: int, kind: str, known: str | None) -> None:
        newest = ENTRIES + int(time.monotonic() / self.news_s + feed / 997)
        etag = f'"{feed}-{newest}"'
        if kind == "failing" and feed % 3:
            self._write("500 Internal Server Error", b"")
        elif kind == "failing":
            self.transport.abort()
        elif known == etag:
            self._write("304 Not Modified", b"", f"ETag: {etag}\r\n")
        else:
            self._write("200 OK", body(feed, newest), f"ETag: {etag}\r\n")

    def _write(self, status: str, content: bytes, headers: str = "") -> None:
        head = f"HTTP/1.1 {status}\r\nContent-Type: application/xml\r\n{headers}"
        self.transport.write(f"{head}Content-Length: {len(content)}\r\n\r\n".encode() + content)


def kind_of(feed: int) -> str:
    """Return what kind of server feed *feed* has."""
    if feed % SLOW == 3:  # noqa: PLR2004 - any of them
        return "slow"
    return "failing" if feed % FAILING == 0 else "well"


async def serve(slow_s: float, news_s: float) -> None:
    """Serve on loopback until cancelled; say where on stdout."""
    Server.slow_s, Server.news_s = slow_s, news_s
    server = await asyncio.get_running_loop().create_server(Server, "127.0.0.1", 0, backlog=1000)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


# --- the run --------------------------------------------------------------------------------------


def prepare(folder: Path, port: int, feeds: int, interval_s: float) -> list[str]:
    """Write a configuration; return the command."""
    listed = "".join(
        f"  - {{id: f{number}, url: 'http://127.0.0.1:{port}/feed/{number}'}}\n"
        for number in range(feeds)
    )
    (folder / "config.yaml").write_text(
        f"feeds:\n{listed}"
        f"polling: {{interval: {interval_s:.0f}s, max_interval: {interval_s:.0f}s}}\n"
        f"network: {{allow_private: [127.0.0.0/8]}}\nlogging: {{level: error}}\n"
        f"database: sqlite:///{folder}/monitor.db\n",
        "utf-8",
    )
    return [sys.executable, "-m", "monitor", "run", "--config", "config.yaml"]


def watch(process: subprocess.Popen[bytes], folder: Path, seconds: float) -> list[dict[str, float]]:
    """Print and return what is seen of the service every few seconds, for so many *seconds*."""
    samples: list[dict[str, float]] = []
    started, polls_before, cpu_before = time.monotonic(), 0, 0.0
    print(f"{'seconds':>7} {'polls/s':>8} {'queue':>7} {'overdue s':>9} {'PSS MB':>8} {'CPU %':>6}")
    while (at := time.monotonic() - started) < seconds:
        time.sleep(SAMPLE_S)
        if process.poll() is not None:
            raise SystemExit(f"the service ended:\n{(folder / 'log.txt').read_text()}")
        polls, queue, overdue = _due(folder / "monitor.db")
        tree = _tree(process.pid)
        cpu = sum(map(_cpu, tree))
        passed = time.monotonic() - started - at
        samples.append(
            {
                "at": at + passed,
                "polls": (polls - polls_before) / passed,
                "queue": queue,
                "overdue": overdue,
                "pss": sum(map(_pss, tree)) / 1024,
                "cpu": 100 * (cpu - cpu_before) / passed,
            }
        )
        print(LINE.format(**samples[-1]), flush=True)
        polls_before, cpu_before = polls, cpu
    return samples


def _due(path: Path) -> tuple[int, int, float]:
    """Return how many polls there were, how many feeds wait, and how long the oldest has."""
    now = datetime.now(UTC)
    stamp = now.replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"
    try:
        with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as database:
            polls = database.execute("SELECT MAX(id) FROM polls").fetchone()[0] or 0
            queue, oldest = database.execute(
                "SELECT COUNT(*), MIN(due_at) FROM feeds WHERE enabled AND due_at <= ?", [stamp]
            ).fetchone()
    except sqlite3.OperationalError:  # it is being made
        return 0, 0, 0.0
    waited = (now - datetime.fromisoformat(oldest)).total_seconds() if oldest else 0.0
    return polls, queue, waited


def _cpu(pid: int) -> float:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")


def judge(asked: list[tuple[int, float]], interval_s: float, slow_s: float) -> bool:
    """Print how far apart polls were after the first interval; return whether all were in time."""
    times: dict[int, list[float]] = {}
    for feed, at in asked:
        times.setdefault(feed, []).append(at)
    end = max(at for _, at in asked)
    late: list[float] = []
    overdue = 0
    for feed, ats in times.items():
        kind = kind_of(feed)
        if kind == "failing":
            continue
        allowed = 1.1 * interval_s + (slow_s if kind == "slow" else 0)
        late += [two - one - allowed for one, two in pairwise(ats)]
        overdue += end - ats[-1] > allowed + GRACE_S
    late.sort()
    told = {share: late[min(int(share * len(late)), len(late) - 1)] for share in (0.5, 0.9, 0.99)}
    print(
        f"\n{len(late)} intervals between polls of feeds that do not fail; beyond what is allowed:"
    )
    print(", ".join(f"{share:.0%} {value:.1f} s" for share, value in told.items()), end="")
    print(f", latest {late[-1]:.1f} s; never polled again in time: {overdue} feeds")
    return late[-1] <= GRACE_S and overdue == 0


def main() -> None:
    """Serve, run the service, print what was seen; exit code 1 if it did not keep up."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--feeds", type=int, default=10_000)
    options.add_argument("--interval", type=float, default=300, metavar="S")
    options.add_argument("--intervals", type=float, default=2, help="after the first")
    options.add_argument("--slow", type=float, default=10, metavar="S", help="what they take")
    options.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    given = options.parse_args()
    if given.serve:
        asyncio.run(serve(given.slow, 4 * given.interval))
        return
    own = [sys.executable, __file__, "--serve", "--slow", str(given.slow)]
    own += ["--interval", str(given.interval)]
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        server = subprocess.Popen(own, stdout=subprocess.PIPE, text=True)
        try:
            port = int(cast("IO[str]", server.stdout).readline())
            command = prepare(folder, port, given.feeds, given.interval)
            with (folder / "log.txt").open("wb") as log:
                process = subprocess.Popen(command, cwd=folder, stdout=log, stderr=log)
            try:
                watch(process, folder, (1 + given.intervals) * given.interval)
            finally:
                process.send_signal(signal.SIGTERM)
                process.wait()
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/asked") as answer:
                asked = json.load(answer)
        finally:
            server.terminate()
            server.wait()
    sys.exit(not judge(asked, given.interval, given.slow))


if __name__ == "__main__":
    main()
