"""How fast a large archive answers: python benchmarks/queries.py [--hits 1000000].

Fills a SQLite database with so many articles of a sentence or two, English and Chinese by turns,
each with a hit, four hits to a story; then times each view as analysts and pages ask it, searches
as people type them, and an export as CSV.

* The archive is the same at every run; `--database FILE` keeps it, and uses one that is there.
  `--postgresql URL` asks a PostgreSQL database that benchmarks/pages.py has filled.
* Each question is asked `--repeat` times, the first included: none is of a warm cache alone.
* Figures of one machine and day may be compared with each other only.
"""

from __future__ import annotations

import argparse
import os
import random
import resource
import sqlite3
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import text

from monitor.pipeline.recount import recount
from monitor.query import parse
from monitor.store.answers import answers
from monitor.store.engine import open_engine, reading
from monitor.store.migrate import upgrade
from monitor.store.queries import ARTICLES, HITS, STORIES, Filter, rows
from monitor.text.index import index_words

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sqlalchemy import Engine

    from monitor.store.queries import Listing

FEEDS = 300
BATCH = 20_000
PER_STORY = 4
END = datetime(2026, 11, 29, tzinfo=UTC)
DAYS = 5 * 365
COMPANIES = (("alibaba", "Alibaba", "阿里巴巴"), ("ant", "Ant Group", "蚂蚁集团"))
COMPANIES += (("tencent", "Tencent", "腾讯"), ("xiaomi", "Xiaomi", "小米集团"))
COMPANIES += (("huawei", "Huawei", "华为"), ("baidu", "Baidu", "百度"))
DEEDS = (
    ("antitrust", "fine", "fined in antitrust case", "因垄断行为被罚款"),
    ("antitrust", "probe", "faces antitrust probe", "遭反垄断调查"),
    ("ipo", "filing", "files for IPO", "提交IPO申请"),
    ("ipo", "suspension", "sees IPO suspended", "IPO被暂停"),
    ("listing", "delisted", "to delist from New York", "从纽约退市"),
    ("listing", "approval", "wins approval for secondary listing", "二次上市获批"),
)
REGULATORS = ("samr", "csrc", "sec", "hkex", None, None)
_RANDOM = random.Random(7)
ENGLISH = [
    "".join(_RANDOM.choices("abdefgilmnoprstu", k=_RANDOM.randint(3, 9))) for _ in range(9000)
]
HAN = [chr(code) for code in range(0x4E00, 0x4E00 + 3000)]
SEARCHES = (
    "alibaba",
    "罚款",
    "垄断",
    "IPO被暂停",
    "IPO",
    '"antitrust probe"',
    "反垄断调查 腾讯",
    "蚂蚁集团 NEAR/5 暂停",
    "SENTENCE(huawei fined)",
    "(罚款 OR fined) (百度 OR baidu)",
    "fined NOT alibaba",
    "delist*",
    "company:xiaomi stage:approval",
    "company:ant regulator:hkex IPO",
    "amount>9bn CNY",
    "退市 since:30d",
    "tencent lang:en since:365d",
    f"{ENGLISH[5]} {ENGLISH[77]}",
    f'"{ENGLISH[5]} {ENGLISH[77]}"',
    ENGLISH[8000],
    HAN[5] + HAN[9],
    HAN[11],
    "NOT alibaba",
    "nothinglikethis",
    "罚款 OR company:baidu",
)
VIEWS = {
    "v_hits, newest 50": "SELECT * FROM v_hits ORDER BY found_at DESC LIMIT 50",
    "v_hits, of a company": "SELECT * FROM v_hits WHERE company = 'ant'"
    " ORDER BY found_at DESC LIMIT 50",
    "v_hits, of company and topic, 30 days": "SELECT * FROM v_hits WHERE company = 'ant'"
    " AND topic = 'ipo' AND found_at >= '2026-10-30' ORDER BY found_at DESC",
    "v_hits, at a stage": "SELECT * FROM v_hits WHERE stage = 'fine'"
    " ORDER BY found_at DESC LIMIT 50",
    "v_hits, of a story": "SELECT * FROM v_hits WHERE story_id = 777",
    "v_hits, of a regulator": "SELECT * FROM v_hits WHERE regulator = 'samr'"
    " ORDER BY found_at DESC LIMIT 50",
    "v_hits, by number": "SELECT * FROM v_hits WHERE hit_id = 4711",
    "v_stories, newest 50": "SELECT * FROM v_stories ORDER BY last_seen DESC LIMIT 50",
    "v_stories, of a company": "SELECT * FROM v_stories WHERE company = 'ant'"
    " ORDER BY last_seen DESC LIMIT 50",
    "v_stories, at a stage": "SELECT * FROM v_stories WHERE stage = 'fine'"
    " ORDER BY last_seen DESC LIMIT 50",
    "v_articles, newest 50": "SELECT * FROM v_articles ORDER BY first_seen DESC LIMIT 50",
    "v_articles, of a feed": "SELECT * FROM v_articles WHERE feed = 'f7'"
    " ORDER BY first_seen DESC LIMIT 50",
    "v_feeds": "SELECT * FROM v_feeds",
    "v_withdrawn_hits": "SELECT * FROM v_withdrawn_hits ORDER BY withdrawn_at DESC LIMIT 50",
    "v_near_misses": "SELECT * FROM v_near_misses ORDER BY found_at DESC LIMIT 50",
}


def fill(path: Path, hits: int) -> None:
    """Make an archive of that many articles, each with a hit, at *path*."""
    engine = open_engine(f"sqlite:///{path}")
    upgrade(engine)
    engine.dispose()
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA synchronous=OFF")
        connection.execute("PRAGMA cache_size=-200000")
        connection.executemany(
            "INSERT INTO feeds (id, key, url, name, enabled, due_at, state, failures)"
            " VALUES (?, ?, ?, ?, 1, ?, 'ok', 0)",
            (
                (n, f"f{n}", f"https://f{n}.example/", f"Feed {n}", _at(0))
                for n in range(1, FEEDS + 1)
            ),
        )
        for first in range(1, hits + 1, BATCH):
            _fill_batch(connection, range(first, min(first + BATCH, hits + 1)), hits)
            connection.commit()
        connection.execute("ANALYZE")
    engine = open_engine(f"sqlite:///{path}")
    recount(engine)
    engine.dispose()


def _at(days_ago: float) -> str:
    at = END - timedelta(days=days_ago)
    return at.replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def _fill_batch(connection: sqlite3.Connection, numbers: range, hits: int) -> None:
    chance = random.Random(numbers[0])
    articles, words, found, stories = [], [], [], []
    for number in numbers:
        chinese = number % 2 == 0
        at = _at(DAYS * (1 - number / hits))
        key, latin, han = chance.choice(COMPANIES)
        topic, stage, deed, tat = chance.choice(DEEDS)
        title = f"{han}{tat}" if chinese else f"{latin} {deed}"
        summary = _filler(chance, chinese=chinese)
        url = f"https://example.org/{number}"
        language = "zh-Hans" if chinese else "en"
        feed = number % FEEDS + 1
        articles.append((number, f"k{number}", url, url, feed, title, summary, language, at, at))
        words.append((number, index_words(title, summary)))
        amount = chance.randrange(10**6, 10**10) if stage == "fine" else None
        story = number // PER_STORY + 1
        regulator = chance.choice(REGULATORS)
        currency = amount and ("CNY" if chinese else "USD")
        found.append(
            (number, number, key, topic, stage, regulator, amount, currency, title, at, story)
        )
        if number % PER_STORY == 0 or number == numbers[0]:
            stories.append((story, key, topic, stage, title, at, at))
    connection.executemany(
        "INSERT INTO articles (id, key, link, url, feed_id, title, summary, language,"
        " published_at, first_seen, revision, matched_with, indexed)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 1, 'l', 1)",
        articles,
    )
    connection.executemany("INSERT INTO article_words (rowid, words) VALUES (?, ?)", words)
    connection.executemany(
        "INSERT OR IGNORE INTO stories (id, company, topic, stage, headline, first_at, last_at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)",
        stories,
    )
    connection.executemany(
        "INSERT INTO hits (id, article_id, revision, company, topic, stage, regulator, amount,"
        " currency, sentence, found_at, story_id, score, evidence, lexicon)"
        " VALUES (?, ?, 1, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0.9, '[]', 'l')",
        found,
    )


def _filler(chance: random.Random, *, chinese: bool) -> str:
    """Return a sentence or two of made-up words, some of them common and most of them rare."""
    pool = HAN if chinese else ENGLISH
    some = [pool[int(len(pool) * chance.random() ** 3)] for _ in range(60 if chinese else 25)]
    return "".join(some) + "。" if chinese else " ".join(some) + "."


def timed(work: Callable[[], int], repeat: int) -> tuple[list[float], list[float], int]:
    """Return the milliseconds *work* took each time, by clock and of CPU, and its rows."""
    took, burnt, found = [], [], 0
    for _ in range(repeat):
        began, cpu = time.perf_counter(), time.process_time()
        found = work()
        took.append((time.perf_counter() - began) * 1000)
        burnt.append((time.process_time() - cpu) * 1000)
    return sorted(took), sorted(burnt), found


def questions(engine: Engine) -> Iterator[tuple[str, str, Callable[[], int]]]:
    """Yield what is measured: its group, its name, and what to do."""

    def ask(sql: str) -> int:
        with reading(engine) as connection:
            return len(connection.execute(text(sql)).all())

    def listed(listing: Listing) -> int:
        with reading(engine) as connection:
            return sum(1 for _ in rows(connection, listing, Filter(limit=50)))

    def search(listing: Listing, query: str) -> int:
        tree = parse(query, now=END)
        with reading(engine) as connection:
            return sum(1 for _ in answers(connection, listing, tree, Filter(limit=50)))

    for name, sql in VIEWS.items():
        yield "view", name, lambda sql=sql: ask(sql)
    for listing in (HITS, STORIES, ARTICLES):
        yield "view", f"{listing.name}, as a command lists it", lambda it=listing: listed(it)
        for query in SEARCHES:
            name = f"{listing.name[2:]}: {query}"
            yield "search", name, lambda it=listing, query=query: search(it, query)


def export(url: str, form: str) -> None:
    """Print how fast `monitor hits` writes everything out, and how much memory it takes."""
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder, "config.yaml")
        config.write_text(f"companies: [alibaba]\ntopics: [ipo]\ndatabase: {url}\nfeeds: []\n")
        command = [sys.executable, "-m", "monitor", "--config", str(config), "hits"]
        out = Path(folder, f"hits.{form}")
        began, spent = time.perf_counter(), os.times()
        if form in {"parquet", "xlsx"}:
            command += ["--output", str(out)]
        with out.open("wb") as file:
            subprocess.run([*command, "--format", form], stdout=file, check=True)
        took, now = time.perf_counter() - began, os.times()
        size = out.stat().st_size / 1e6
    burnt = now.children_user + now.children_system - spent.children_user - spent.children_system
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    print(
        f"export {form}: {took:.1f} s, CPU {burnt:.1f}, {size:.0f} MB,"
        f" at most {peak:.0f} MB of memory so far"
    )


def _middle(ordered: list[float]) -> float:
    return ordered[len(ordered) // 2]


def main() -> None:
    """Fill, ask, print."""
    options = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    options.add_argument("--hits", type=int, default=1_000_000)
    options.add_argument("--repeat", type=int, default=5)
    options.add_argument("--database", type=Path)
    options.add_argument("--postgresql", metavar="URL")
    options.add_argument("--export", nargs="*", default=["csv"], help="csv ndjson parquet xlsx")
    given = options.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = (given.database or Path(folder, "archive.db")).absolute()
        url = given.postgresql or f"sqlite:///{path}"
        if not given.postgresql and not path.exists():
            began = time.perf_counter()
            fill(path, given.hits)
            print(
                f"{given.hits:,} articles with hits: {time.perf_counter() - began:.0f} s,"
                f" {path.stat().st_size / 1e6:,.0f} MB"
            )
        engine = open_engine(url)
        by_clock: dict[str, list[float]] = {}
        of_cpu: dict[str, list[float]] = {}
        for group, name, work in questions(engine):
            took, burnt, found = timed(work, given.repeat)
            by_clock.setdefault(group, []).extend(took)
            of_cpu.setdefault(group, []).extend(burnt)
            print(f"{_middle(took):9.1f} ms, CPU {_middle(burnt):8.1f}, {found:4} rows  {name}")
        engine.dispose()
        for group, clock in by_clock.items():
            for measure, all_took in (("clock", clock), ("CPU", of_cpu[group])):
                all_took.sort()
                p95 = all_took[int(len(all_took) * 0.95)]
                print(f"{group}, {measure}: median {_middle(all_took):.1f} ms, p95 {p95:.1f} ms")
        for form in given.export:
            export(url, form)


if __name__ == "__main__":
    os.nice(5)
    main()
