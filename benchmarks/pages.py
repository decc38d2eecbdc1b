"""How fast the web pages of a large archive are: python benchmarks/pages.py [--hits 1000000].

Serves the site on the archive of benchmarks/queries.py, with what pages show besides: 90 days of
polls, five years of digests and their deliveries, reviews, proceedings, a story of thousands of
reports. Asks for each kind of page over HTTP, `--repeat` times, with other filters, places and
words each time, and prints what its answers took: time by the clock, CPU of server and asker.

* `--database FILE` keeps the archive, and uses one that is there; `--postgresql URL` copies it into
  an empty PostgreSQL database first, or uses one that is full.
* What is asked is the same at every run. The clock of the site stands at the archive's end.
* Fails (exit 1) if an answer is no 200, or the p95 of a page is above its bar.
"""

from __future__ import annotations

import argparse
import http.client
import random
import sqlite3
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING
from urllib.parse import urlencode

import psycopg
from queries import COMPANIES, DEEDS, END, FEEDS, PER_STORY, SEARCHES, _at, fill

from monitor import logs
from monitor.app import App
from monitor.config import load
from monitor.store.engine import open_engine
from monitor.store.migrate import upgrade
from monitor.text.index import distinct_words, index_words
from monitor.web.server import serving

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

BARS_MS = {"search": 100.0}
BAR_MS = 50.0  # of every other page
POLLS_A_DAY = 48
POLL_DAYS = 90
DIGEST_DAYS = 1800
SUBSCRIPTIONS = ("daily", "weekly", "lawyers")
RECIPIENTS = 5
LARGE = 3000  # reports of the largest story
STEPS = 4  # stories of a proceeding
HTML = "<html><head></head><body>" + "<p>阿里巴巴 antitrust fine</p>" * 300 + "</body></html>"
CONFIG = """
companies: [{companies}]
topics: [antitrust, ipo, listing]
feeds: []
database: {database}
delivery: {{outbox: {folder}}}
web: {{timezone: Asia/Hong_Kong}}
"""


class _AtTheEnd:
    """The clock of the site."""

    def now(self) -> datetime:
        return END


def enrich(path: Path) -> None:
    """Add what pages show besides articles, hits and stories, once."""
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA synchronous=OFF")
        connection.execute("PRAGMA cache_size=-200000")
        if connection.execute("SELECT COUNT(*) FROM polls").fetchone()[0]:
            return
        (hits,) = connection.execute("SELECT MAX(id) FROM hits").fetchone()
        _stories(connection, hits)
        _polls(connection)
        _digests(connection, hits)
        connection.execute(
            "INSERT INTO reviews (hit_id, verdict, note, who, at)"
            " SELECT id, CASE id % 5 WHEN 0 THEN 'irrelevant' WHEN 1 THEN 'duplicate'"
            " ELSE 'relevant' END, NULL, 'analyst', found_at FROM hits WHERE id % 20 < 5"
        )
        connection.commit()
        connection.execute("ANALYZE")
        connection.commit()


def _stories(connection: sqlite3.Connection, hits: int) -> None:
    largest = hits // PER_STORY
    connection.execute(
        "UPDATE hits SET story_id = ? WHERE id > ? AND id % 2 = 0", (largest, hits - 2 * LARGE)
    )
    connection.execute(
        "UPDATE stories SET proceeding_id = id / ?, head_hit_id = (id - 1) * ? + 1,"
        " first_at = COALESCE((SELECT MIN(found_at) FROM hits WHERE story_id = stories.id),"
        " first_at)",
        (STEPS, PER_STORY),
    )
    connection.execute(
        "INSERT INTO proceedings (id, company, topic, started_at)"
        " SELECT proceeding_id, company, topic, MIN(first_at) FROM stories GROUP BY proceeding_id"
    )
    connection.commit()


def _polls(connection: sqlite3.Connection) -> None:
    for day in range(POLL_DAYS, 0, -1):
        connection.executemany(
            "INSERT INTO polls (feed_id, at, outcome, status, bytes, entries, new, known, revised,"
            " rejected, gap, took_ms, error) VALUES (?, ?, ?, ?, 9000, 20, ?, ?, 0, 0, ?, ?, ?)",
            (
                _poll(feed, day - at / POLLS_A_DAY, feed * 31 + day * 7 + at)
                for at in range(POLLS_A_DAY)
                for feed in range(1, FEEDS + 1)
            ),
        )
        connection.commit()


def _poll(feed: int, days_ago: float, chance: int) -> tuple[object, ...]:
    failed = chance % 23 == 0
    new = 0 if failed else chance % 3
    outcome = "failed" if failed else "stored" if new else "unchanged"
    error = "HTTP 503" if failed else None
    status = 503 if failed else 200
    took = 80 + chance % 400
    return feed, _at(days_ago), outcome, status, new, 20 - new, chance % 997 == 0, took, error


def _digests(connection: sqlite3.Connection, hits: int) -> None:
    a_day = hits // DIGEST_DAYS
    for day in range(DIGEST_DAYS, 0, -1):
        first = (DIGEST_DAYS - day) * a_day
        for number, subscription in enumerate(SUBSCRIPTIONS):
            digest = (DIGEST_DAYS - day) * len(SUBSCRIPTIONS) + number + 1
            at = _at(day - 1 + number / 24)
            connection.execute(
                "INSERT INTO digests (id, subscription, slot, composed_at, lexicon, content,"
                " subject, text, html) VALUES (?, ?, ?, ?, 'l', '{}', ?, 'text', ?)",
                (digest, subscription, at, at, f"[Monitor] day {day}: {a_day} hits", HTML),
            )
            connection.executemany(
                "INSERT INTO digest_items (digest_id, subscription, hit_id) VALUES (?, ?, ?)",
                ((digest, subscription, hit) for hit in range(first + 1, first + a_day + 1)),
            )
            connection.executemany(
                "INSERT INTO deliveries (digest_id, recipient, message_id, status, attempts,"
                " doubts, sent_at) VALUES (?, ?, ?, 'sent', 1, 0, ?)",
                (
                    (digest, f"r{to}@example.com", f"<{digest}.{to}@x.example>", at)
                    for to in range(RECIPIENTS)
                ),
            )
        connection.commit()


# --- PostgreSQL ---------------------------------------------------------------------------------


def copy(path: Path, url: str) -> None:
    """Copy the archive at *path* into the PostgreSQL database at *url*, unless it is full."""
    engine = open_engine(url)
    upgrade(engine)
    engine.dispose()
    address = url.replace("postgresql+psycopg:", "postgresql:", 1)
    with psycopg.connect(address) as target, closing(sqlite3.connect(path)) as source:
        some = target.execute("SELECT EXISTS (SELECT FROM hits)").fetchone()
        if some == (True,):
            return
        target.execute("SET session_replication_role = replica")  # no foreign key is checked
        names = source.execute(
            "SELECT name FROM sqlite_schema WHERE type = 'table' AND sql NOT LIKE '%VIRTUAL%'"
            " AND name NOT LIKE 'article_words%' AND name NOT LIKE 'sqlite_%'"
            " AND name <> 'alembic_version'"
        ).fetchall()
        for (name,) in names:
            _copy_table(source, target, name)
        _copy_words(path, target)
    with psycopg.connect(address, autocommit=True) as target:
        target.execute("VACUUM ANALYZE")


def _copy_table(source: sqlite3.Connection, target: psycopg.Connection, name: str) -> None:
    rows = source.execute(f"SELECT * FROM {name}")  # noqa: S608 - a table of ours
    columns = ", ".join(f'"{column[0]}"' for column in rows.description)
    into = f"COPY {name} ({columns}) FROM STDIN"
    with target.cursor() as cursor, cursor.copy(into) as copied:
        for row in rows:
            copied.write_row(row)


def _copy_words(path: Path, target: psycopg.Connection) -> None:
    with closing(sqlite3.connect(path)) as source, target.cursor() as cursor:
        rows = source.execute("SELECT id, title, summary FROM articles")
        with cursor.copy("COPY article_words (article_id, words) FROM STDIN") as copied:
            for number, title, summary in rows:
                words = distinct_words(index_words(title, summary))
                copied.write_row((number, " ".join(f"'{word}'" for word in words)))


# --- asking -------------------------------------------------------------------------------------


def addresses(hits: int) -> dict[str, Callable[[random.Random], str]]:
    """Return for each page how to make an address of it, by chance."""
    stories = hits // PER_STORY
    digests = DIGEST_DAYS * len(SUBSCRIPTIONS)

    def choice(chance: random.Random) -> dict[str, str]:
        chosen = {"company": chance.choice(COMPANIES)[0]}
        chosen["topic"], chosen["stage"] = chance.choice(DEEDS)[0], chance.choice(DEEDS)[1]
        return {key: value for key, value in chosen.items() if chance.random() < 0.5}  # noqa: PLR2004

    def narrowed(path: str, last: int) -> Callable[[random.Random], str]:
        def made(chance: random.Random) -> str:
            query: dict[str, object] = {**choice(chance)}
            if chance.random() < 0.4:  # noqa: PLR2004
                query["before"] = chance.randrange(1, last)
            return f"{path}?{urlencode(query)}"

        return made

    def search(chance: random.Random) -> str:
        query = {"q": chance.choice(SEARCHES), "in": chance.choice(("articles", "stories"))}
        query["sort"] = chance.choice(("newest", "relevance"))
        return f"/search/?{urlencode(query)}"

    return {
        "today": lambda _: "/",
        "stories": narrowed("/stories/", stories),
        "story": lambda chance: f"/stories/{chance.randrange(1, stories - LARGE)}",
        "largest story": lambda _: f"/stories/{stories}",
        "companies": lambda _: "/companies/",
        "company": lambda chance: f"/companies/{chance.choice(COMPANIES)[0]}",
        "hits": narrowed("/hits/", hits),
        "search": search,
        "feeds": lambda _: "/feeds/",
        "feed": lambda chance: f"/feeds/f{chance.randrange(1, FEEDS)}",
        "digests": lambda chance: f"/digests/?before={chance.randrange(1, digests)}",
        "digests of one": lambda chance: f"/digests/?subscription={chance.choice(SUBSCRIPTIONS)}",
        "digest": lambda chance: f"/digests/{chance.randrange(1, digests)}",
        "digest's HTML": lambda chance: f"/digests/{chance.randrange(1, digests)}/html",
        "Atom, hits": narrowed("/feeds/hits.atom", hits),
        "Atom, stories": narrowed("/feeds/stories.atom", stories),
    }


def ask(port: int, address: str) -> tuple[float, float, int]:
    """Return the milliseconds until the whole answer was there, of CPU, and its status."""
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=120)) as connection:
        connection.connect()
        began, cpu = time.perf_counter(), time.process_time()
        connection.request("GET", address)
        answer = connection.getresponse()
        answer.read()
        took, burnt = time.perf_counter() - began, time.process_time() - cpu
    return took * 1000, burnt * 1000, answer.status


def measured(port: int, hits: int, repeat: int, only: list[str]) -> Iterator[bool]:
    """Ask for every page, print what it took, and yield whether it is within its bar."""
    print(
        f"{'ms':16} {'median':>8} {'p95':>8} {'most':>8} {'CPU, median':>12} {'p95':>8}"
        "  the slowest"
    )
    for name, made in addresses(hits).items():
        if only and name not in only:
            continue
        chance = random.Random(name)
        ask(port, made(random.Random(0)))  # templates are compiled once
        told = []
        for _ in range(repeat):
            address = made(chance)
            took, burnt, status = ask(port, address)
            if status != http.client.OK:
                print(f"{address}: {status}")
                yield False
            told.append((took, burnt, address))
        told.sort()
        clock = [took for took, _, _ in told]
        burnt_all = sorted(burnt for _, burnt, _ in told)
        p95 = int(repeat * 0.95)
        print(
            f"{name:16} {clock[repeat // 2]:8.1f} {clock[p95]:8.1f} {clock[-1]:8.1f}"
            f" {burnt_all[repeat // 2]:12.1f} {burnt_all[p95]:8.1f}  {told[-1][2]}",
            flush=True,
        )
        yield clock[p95] < BARS_MS.get(name, BAR_MS)


def main() -> None:
    """Fill, serve, ask, print."""
    options = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    options.add_argument("--hits", type=int, default=1_000_000)
    options.add_argument("--repeat", type=int, default=60)
    options.add_argument("--database", type=Path)
    options.add_argument("--postgresql", metavar="URL")
    options.add_argument("--only", nargs="*", default=[], metavar="PAGE")
    given = options.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = (given.database or Path(folder, "archive.db")).absolute()
        url = given.postgresql or f"sqlite:///{path}"
        if not path.exists():
            fill(path, given.hits)
        enrich(path)
        if given.postgresql:
            copy(path, url)
        config = Path(folder, "config.yaml")
        keys = ", ".join(key for key, _, _ in COMPANIES)
        config.write_text(CONFIG.format(companies=keys, database=url, folder=folder), "utf-8")
        logs.set_up("WARNING", "auto")
        with App(load(config, {}), _AtTheEnd()) as app:
            upgrade(app.engine)
            with serving(app, "127.0.0.1:0", Event()) as (_, port):
                within = list(measured(port, given.hits, given.repeat, given.only))
    sys.exit(not all(within))


if __name__ == "__main__":
    main()
