"""How long `monitor backtest` takes over many stored articles: python benchmarks/backtest.py.

Fills a SQLite database in a temporary folder with articles of about 1 kB, English and Chinese by
turns, one in twenty a hit and two more with a company that is not one; then runs the command as a
whole process from its start, with other rules, and prints seconds and peak memory (PSS).

* The articles are the same at every run.
* Figures of one machine and day may be compared with each other only.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from intake import measure
from sqlalchemy import insert

from monitor.config.watchlist import bundled_lexicon
from monitor.detect.associate import Detector
from monitor.detect.changes import changes
from monitor.store import counts, hits, lexicons, near_misses
from monitor.store import schema as t
from monitor.store.engine import open_engine
from monitor.store.migrate import upgrade

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sqlalchemy import Engine

BATCH = 5000
DAYS = 90
NEW_RULES = """\
companies: [alibaba, tencent, xiaomi, huawei, {id: bakery, name: Bakery, aliases: [面包店]}]
topics: [antitrust, ipo, {id: weather, name: Weather, keywords: [weather, 季节]}]
"""
WORDS = [
    "market",
    "analysts",
    "said",
    "shares",
    "rose",
    "quarterly",
    "revenue",
    "growth",
    "company",
    "plans",
    "cloud",
    "services",
    "customers",
    "supply",
    "chain",
    "demand",
    "consumers",
    "price",
    "retail",
    "investors",
    "report",
    "year",
    "percent",
    "strong",
    "outlook",
    "board",
    "meeting",
    "policy",
    "trade",
    "bank",
    "rate",
    "inflation",
    "energy",
    "project",
    "port",
    "shipping",
    "factory",
    "workers",
    "season",
    "weather",
    "travel",
    "airline",
]
CHARACTERS = (
    "市场分析师表示股价上涨季度收入增长公司计划云服务客户供应链出口需求消费者价格零售投资者报告今年"
    "强劲展望董事会会议政策贸易银行贷款利率通胀能源项目港口航运工厂工人季节天气旅游航空"
)
NAMES = (
    ("Alibaba", "Tencent", "Xiaomi", "Huawei", "Baidu", "Ant Group"),
    ("阿里巴巴", "腾讯", "小米", "华为", "百度", "蚂蚁集团"),
)
EVENTS = (
    (
        "{} fined $2.8 billion by regulator in antitrust probe",
        "Regulator opens antitrust investigation into {}",
        "{} files for IPO in Hong Kong",
    ),
    ("市场监管总局对{}作出182亿元反垄断处罚", "{}拟在香港上市 提交招股书"),
)
SHARES = {"event": 5, "named": 10, "decoy": 5, "other": 80}  # in a hundred articles
DECOYS = ("Bakery plans IPO in London", "面包店拟在伦敦上市")


def texts(count: int) -> Iterator[tuple[str, str]]:
    """Yield title and summary of *count* articles, the same ones every time."""
    chance = random.Random(7)
    for number in range(count):
        chinese = number % 2
        kind = chance.choices(tuple(SHARES), SHARES.values())[0]
        name = chance.choice(NAMES[chinese])
        title = _sentence(chance, chinese, 9)
        if kind == "event":
            title = chance.choice(EVENTS[chinese]).format(name)
        elif kind == "named":
            title = f"{name} {title}"
        elif kind == "decoy":
            title = DECOYS[chinese]
        sentences = (_sentence(chance, chinese, chance.randint(12, 22)) for _ in range(9))
        yield f"{title} {number}", " ".join(sentences)


def _sentence(chance: random.Random, chinese: int, words: int) -> str:
    if not chinese:
        return " ".join(chance.choices(WORDS, k=words)).capitalize() + "."
    places = (chance.randrange(len(CHARACTERS) - 4) for _ in range(words))
    return "".join(CHARACTERS[at : at + 4] for at in places) + "。"


def fill(engine: Engine, count: int) -> int:
    """Store *count* articles of one feed with their hits and near-misses; return how many hits."""
    lexicon, now = bundled_lexicon(), datetime.now(UTC)
    detector = Detector(lexicon)
    with engine.begin() as connection:
        feed = {"id": 1, "key": "a", "url": "https://a.example/", "name": "A", "due_at": now}
        state = {"enabled": True, "state": "ok", "failures": 0}
        connection.execute(insert(t.feeds), [{**feed, **state}])
        lexicons.keep(
            connection, fingerprint=lexicon.fingerprint, content=lexicon.canonical, now=now
        )
    found, rows = 0, []
    for number, (title, summary) in enumerate(texts(count), start=1):
        at = now - timedelta(days=DAYS) * (1 - number / count)
        rows.append(_article(number, title, summary, at, lexicon.fingerprint))
        if len(rows) == BATCH or number == count:
            found += _store(engine, rows, detector)
            rows = []
    return found


def _article(
    number: int, title: str, summary: str, at: datetime, fingerprint: str
) -> dict[str, object]:
    link = f"a.example/{number}"
    return {
        "id": number,
        "key": str(number),
        "link": link,
        "url": f"https://{link}",
        "feed_id": 1,
        "title": title,
        "summary": summary,
        "published_at": at,
        "first_seen": at,
        "revision": 1,
        "matched_with": fingerprint,
    }


def _store(engine: Engine, rows: Sequence[dict[str, object]], detector: Detector) -> int:
    new, near = [], []
    for row in rows:
        at = row["first_seen"]
        matches = detector.find(str(row["title"]), str(row["summary"]), published=at)  # type: ignore[arg-type]
        came = changes({1: matches}, 1, ())
        where = hits.Finding(row["id"], 1, detector.lexicon.fingerprint, at)  # type: ignore[arg-type]
        new += [hits.row(match, where) for match in came.found]
        near += [near_misses.row(match, where) for match in came.near]
    with engine.begin() as connection:
        connection.execute(insert(t.articles), rows)
        near_misses.replace(connection, (), near)
        with counts.tally(connection) as tally:
            for row in rows:
                tally.article(row["id"], 1, row["published_at"])  # type: ignore[arg-type]
            return len(hits.insert(connection, new, tally))


def main() -> None:
    """Fill a database, time the command on it, and print what came of it."""
    options = argparse.ArgumentParser(description="How long a backtest takes.")
    options.add_argument("--articles", type=int, default=100_000, metavar="N")
    options.add_argument("--database", metavar="URL", help="an empty one (default: SQLite)")
    options.add_argument("--jobs", type=int, metavar="N", help="processes (default: all cores)")
    given = options.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        url = given.database or f"sqlite:///{folder}/monitor.db"
        engine = open_engine(url)
        upgrade(engine)
        stored = fill(engine, given.articles)
        engine.dispose()
        (folder / "config.yaml").write_text(f"database: '{url}'\n", "utf-8")
        (folder / "new.yaml").write_text(NEW_RULES, "utf-8")
        command = [sys.executable, "-m", "monitor", "backtest", "--with", "new.yaml"]
        jobs = ["--jobs", str(given.jobs)] if given.jobs else []
        measured = measure([*command, "--format", "json", *jobs], folder)
        told = json.loads((folder / "log.txt").read_text("utf-8"))
    sums = {name: told[name] for name in ("articles", "added", "removed", "unchanged")}
    print(f"{stored} hits were stored; {sums}")
    print("{wall:.1f} s, {pss:.0f} MB".format(**measured))


if __name__ == "__main__":
    main()
