"""Whether a service stalls on a large SQLite file: python benchmarks/large.py [--articles 5000000].

Makes an archive of so many articles, every fifth with a hit, and runs the service on it with pages:
polls of 200 feeds with news, a digest a minute, and a backup, while every kind of page is asked
for. Prints what each took, the longest answer of each page, the longest wait for the right to
write, and the memory; exit code 1 if an answer or a wait was longer than a second.

* `--database FILE` keeps the archive, and uses one that is there, which the service changes. It
  takes 0.8 kB an article, and as much again for the backup.
* Figures of one machine and day may be compared with each other only.
"""

from __future__ import annotations

import argparse
import http.client
import json
import random
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from intake import _pss, _tree
from queries import COMPANIES, DEEDS, FEEDS, PER_STORY, REGULATORS, SEARCHES, _at, _filler

from monitor.pipeline.recount import recount
from monitor.store import loading
from monitor.store.engine import open_engine
from monitor.store.migrate import upgrade
from monitor.text.index import index_words

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

BATCH = 20_000
TEXTS = 20_000  # different summaries
HIT_EVERY = 5
DAYS = 5 * 365
POLLED = 200  # feeds
SHOWN = 20  # entries of a feed
BAR_S = 1.0
WATCHED_S = 75  # before the backup; a digest and two rounds of polls lie in it
CONFIG = """
database: sqlite:///{file}
companies: [{companies}]
topics: [antitrust, ipo, listing]
feeds:
{feeds}
subscriptions: [{{name: desk, to: [a@example.com, b@example.com], every: 1m}}]
polling: {{interval: 30s}}
network: {{allow_private: [127.0.0.0/8]}}
delivery: {{outbox: {folder}/outbox}}
web: {{listen: "127.0.0.1:{port}"}}
logging: {{format: json}}
"""


def fill(path: Path, articles: int) -> None:
    """Make an archive of so many articles at *path*; indexes come last."""
    engine = open_engine(f"sqlite:///{path}")
    upgrade(engine)
    with engine.connect() as connection:
        for pragma in ("synchronous=OFF", "cache_size=-200000"):
            connection.connection.cursor().execute(f"PRAGMA {pragma}")
        with connection.begin():
            anew = loading.strip(connection, ())
            connection.exec_driver_sql(
                "INSERT INTO feeds (id, key, url, name, enabled, due_at, state, failures)"
                " VALUES (?, ?, ?, ?, 1, ?, 'ok', 0)",
                [
                    (n, f"f{n}", f"https://f{n}.example/", f"F {n}", _at(0))
                    for n in range(1, FEEDS + 1)
                ],
            )
        texts = [_text(number) for number in range(TEXTS)]
        for first in range(1, articles + 1, BATCH):
            with connection.begin():
                rows = _rows(range(first, min(first + BATCH, articles + 1)), articles, texts)
                for statement, some in zip(STATEMENTS, zip(*rows, strict=True), strict=True):
                    connection.exec_driver_sql(statement, [it for it in some if it is not None])
        with connection.begin():
            loading.make(connection, anew)
        connection.exec_driver_sql("ANALYZE")
    recount(engine)
    engine.dispose()


STATEMENTS = (
    """INSERT INTO articles (id, key, link, url, feed_id, title, summary, language, published_at,
    first_seen, revision, matched_with, indexed)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 1, 'l', 1)""",
    "INSERT INTO article_words (rowid, words) VALUES (?, ?)",
    "INSERT INTO sightings (feed_id, guid, article_id, content_hash) VALUES (?, ?, ?, '')",
    """INSERT OR IGNORE INTO stories (id, company, topic, stage, headline, first_at, last_at, hits,
    sources, regulator) VALUES (?, ?, ?, ?, ?, ?, ?, 4, 4, ?)""",
    """INSERT INTO hits (id, article_id, revision, company, topic, stage, regulator, sentence,
    found_at, story_id, score, evidence, lexicon)
    VALUES (?, ?, 1, ?, ?, ?, ?, ?, ?, ?, 0.9, '[]', 'l')""",
)


def _text(number: int) -> tuple[str, str]:
    chance = random.Random(number)
    summary = _filler(chance, chinese=number % 2 == 0)
    return summary, index_words("", summary)


def _rows(
    numbers: range, articles: int, texts: list[tuple[str, str]]
) -> Iterator[tuple[tuple[object, ...] | None, ...]]:
    chance = random.Random(numbers[0])
    for number in numbers:
        chinese = number % 2 == 0
        at = _at(DAYS * (1 - number / articles))
        key, latin, han = chance.choice(COMPANIES)
        topic, stage, deed, tat = chance.choice(DEEDS)
        summary, words = texts[(chance.randrange(TEXTS // 2) * 2) + (not chinese)]
        url, feed = f"https://example.org/{number}", number % FEEDS + 1
        title = (
            (f"{han}{tat}" if chinese else f"{latin} {deed}")
            if number % HIT_EVERY == 0
            else (f"{'雨' if chinese else 'Rain in place'} {number}")
        )
        article = (
            number,
            f"k{number:08}",
            url,
            url,
            feed,
            title,
            summary,
            "zh-Hans" if chinese else "en",
            at,
            at,
        )
        indexed = (number, f"{index_words(title)}\n{words}")
        seen = (feed, f"g{number}", number)
        if number % HIT_EVERY:
            yield article, indexed, seen, None, None
            continue
        hit, regulator = number // HIT_EVERY, chance.choice(REGULATORS)
        story = hit // PER_STORY + 1
        yield (
            article,
            indexed,
            seen,
            (story, key, topic, stage, title, at, at, regulator),
            (hit, number, key, topic, stage, regulator, title, at, story),
        )


_NEWEST: dict[str, int] = {}  # entry of each feed


class Publisher(BaseHTTPRequestHandler):
    """Feeds that show two new entries at each poll, one in ten a hit."""

    def do_GET(self) -> None:
        """Answer with the feed."""
        number = _NEWEST[self.path] = _NEWEST.get(self.path, 0) + 2
        items = "".join(
            f"<item><guid>{self.path}-{n}</guid><link>http://new.example{self.path}/{n}</link>"
            f"<title>{'Rain over' if n % 10 else 'Alibaba fined in antitrust case'} {self.path}-{n}"
            "</title></item>"
            for n in range(number + SHOWN, number, -1)
        )
        body = f'<rss version="2.0"><channel><title>x</title>{items}</channel></rss>'.encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/rss+xml")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def pages(articles: int) -> dict[str, Callable[[random.Random], str]]:
    """Return for each kind of page how to make an address by chance."""
    hits = articles // HIT_EVERY

    def of(path: str, chance: random.Random) -> str:
        company, deed = chance.choice(COMPANIES)[0], chance.choice(DEEDS)
        asked = {"company": company, "topic": deed[0], "stage": deed[1]}
        some = {key: asked[key] for key in asked if chance.random() < 0.5}  # noqa: PLR2004
        return f"{path}?{urlencode(some)}"

    return {
        "today": lambda _: "/",
        "stories": lambda chance: of("/stories/", chance),
        "story": lambda chance: f"/stories/{chance.randrange(1, hits // PER_STORY)}",
        "hits": lambda chance: of("/hits/", chance),
        "companies": lambda _: "/companies/",
        "company": lambda chance: f"/companies/{chance.choice(COMPANIES)[0]}",
        "search": lambda chance: f"/search/?{urlencode({'q': chance.choice(SEARCHES)})}",
        "feeds": lambda _: "/feeds/",
        "feed": lambda chance: f"/feeds/n{chance.randrange(POLLED)}",
        "digests": lambda _: "/digests/",
        "preview": lambda _: "/subscriptions/desk",
        "precision": lambda _: "/review/precision",
        "Atom, hits": lambda chance: of("/feeds/hits.atom", chance),
        "metrics": lambda _: "/metrics",
        "readyz": lambda _: "/readyz",
    }


class Watch:
    """Asks for pages, and for the right to write, until it is told to stop."""

    def __init__(self, file: Path, port: int, articles: int) -> None:
        self.file, self.port, self.pages = file, port, pages(articles)
        self.took: dict[str, list[float]] = {}
        self._stop = threading.Event()

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Watch until the end of the block."""
        threads = [threading.Thread(target=it) for it in (self._ask, self._ask, self._write)]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self._stop.set()
            for thread in threads:
                thread.join()

    def _ask(self) -> None:
        chance = random.Random(threading.get_ident())
        while not self._stop.wait(0.05):
            name = chance.choice(list(self.pages))
            began = time.monotonic()
            with closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)) as asking:
                path = self.pages[name](chance)
                asking.request("GET", path)
                answer = asking.getresponse()
                answer.read()
            good = answer.status in {200, 503} if name == "readyz" else answer.status == 200  # noqa: PLR2004
            self._note(
                name if good else f"{name}: {answer.status} {path}", time.monotonic() - began
            )

    def _write(self) -> None:
        with closing(sqlite3.connect(self.file, timeout=60, isolation_level=None)) as connection:
            while not self._stop.wait(0.1):
                began = time.monotonic()
                connection.execute("BEGIN IMMEDIATE")
                connection.execute("ROLLBACK")
                self._note("right to write", time.monotonic() - began)

    def _note(self, name: str, took: float) -> None:
        self.took.setdefault(name, []).append(took)

    def told(self) -> bool:
        """Print what was watched; return whether all of it was within the bar and answered."""
        for name, took in sorted(self.took.items()):
            took.sort()
            print(
                f"  {name:16} {len(took):5} times, median {took[len(took) // 2] * 1000:7.1f} ms,"
                f" p95 {took[int(len(took) * 0.95)] * 1000:7.1f}, longest {took[-1] * 1000:7.1f}"
            )
        within = all(took[-1] <= BAR_S for took in self.took.values())
        return within and not any(": " in name for name in self.took)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port: int = taken.getsockname()[1]
        return port


def _counted(file: Path, query: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as connection:
        return connection.execute(query).fetchall()


def _wait_for_pages(port: int, service: subprocess.Popen[bytes]) -> None:
    while service.poll() is None:
        try:
            with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=5)) as asking:
                asking.request("GET", "/livez")
                asking.getresponse().read()
                return
        except OSError:
            time.sleep(0.05)
    raise SystemExit("the service ended")


def measure(file: Path, articles: int, folder: Path) -> bool:
    """Run the service on the archive, print what things took; return whether nothing stalled."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Publisher)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    port = _free_port()
    feeds = "\n".join(
        f'  - {{id: n{n}, url: "http://127.0.0.1:{server.server_port}/{n}"}}' for n in range(POLLED)
    )
    companies = ", ".join(key for key, *_ in COMPANIES)
    config = CONFIG.format(file=file, companies=companies, feeds=feeds, folder=folder, port=port)
    (folder / "config.yaml").write_text(config, "utf-8")
    monitor = [sys.executable, "-m", "monitor"]
    began = time.monotonic()
    subprocess.run([*monitor, "db", "upgrade"], cwd=folder, check=True)
    print(f"upgrade: {time.monotonic() - began:.1f} s")
    with (folder / "log").open("wb") as log:
        began = time.monotonic()
        service = subprocess.Popen([*monitor, "run"], cwd=folder, stderr=log)
    good = True
    try:
        _wait_for_pages(port, service)
        print(f"start to the first page: {time.monotonic() - began:.1f} s")
        for name, work in (
            ("polls and digests", lambda: time.sleep(WATCHED_S)),
            ("the same during a backup", lambda: _back_up(monitor, folder)),
        ):
            watch = Watch(file, port, articles)
            with watch.watching():
                work()
            print(f"{name}:")
            good = watch.told() and good
        print(f"memory: {sum(map(_pss, _tree(service.pid))) / 1e3:.0f} MB (PSS)")
        service.send_signal(signal.SIGTERM)
        began = time.monotonic()
        code = service.wait(30)
        print(f"stop: {time.monotonic() - began:.1f} s, exit code {code}")
    finally:
        service.kill()
        server.shutdown()
    _tell_rounds(file, folder)
    return good and code == 0


def _back_up(monitor: list[str], folder: Path) -> None:
    began = time.monotonic()
    subprocess.run([*monitor, "db", "backup", "copy.db"], cwd=folder, check=True)
    print(f"backup: {time.monotonic() - began:.1f} s")


def _tell_rounds(file: Path, folder: Path) -> None:
    [(polls, new)] = _counted(file, "SELECT count(*), sum(new) FROM polls")
    [(first, last)] = _counted(
        file,
        "SELECT min(at), max(at) FROM (SELECT min(at) AS at FROM polls GROUP BY feed_id)",
    )
    print(f"polls: {polls}, {new} new articles; the first round from {first} to {last}")
    for line in (folder / "log").read_text("utf-8").splitlines():
        event = json.loads(line)
        if event["event"] == "digest composed":
            print(
                f"digest of {event['slot'][11:19]}: made at {event['timestamp'][11:22]},"
                f" {event['hits']} hits"
            )
        elif event["level"] in {"warning", "error"}:
            print(line)


def main() -> None:
    """Fill, run, print."""
    options = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    options.add_argument("--articles", type=int, default=5_000_000)
    options.add_argument("--database", type=Path)
    given = options.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = (given.database or Path(folder, "archive.db")).absolute()
        if not path.exists():
            began = time.monotonic()
            fill(path, given.articles)
            print(f"{given.articles:,} articles: {time.monotonic() - began:.0f} s")
        print(f"{path.stat().st_size / 1e6:,.0f} MB")
        sys.exit(0 if measure(path, given.articles, Path(folder)) else 1)


if __name__ == "__main__":
    main()
