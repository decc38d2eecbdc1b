"""How long the step of grouping takes: python benchmarks/grouping.py [KIND] [--database URL].

Fills a database (SQLite in a temporary folder; or an empty one that --database names) with hits of
one company and topic that no story has yet, and lets the step group them:

* `flood`: near-identical headlines of one publisher, 10,000 of them; `unlike`: as many headlines
  that have nothing in common; `few`: 300 of them, where 4,000 unlike stories are open.

Prints seconds by the clock and of the processor, peak memory (RSS), the longest write transaction
and the number of stories. Figures of one machine and day may be compared with each other only.
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

from sqlalchemy import Engine, event, insert, text

from monitor.pipeline.group import group_new
from monitor.store import schema as t
from monitor.store.engine import open_engine
from monitor.store.migrate import upgrade

START = datetime(2031, 1, 1, tzinfo=UTC)
RANDOM = Random(1)
WORDS = ["".join(RANDOM.choices("abcdefghijklmnopqrstuvwxyz", k=7)) for _ in range(5000)]
WIRE = [
    "Acme",
    "is",
    "fined",
    "2",
    "billion",
    "dollars",
    "after",
    "a",
    "long",
    "antitrust",
    "probe",
]


def put(engine: Engine, hits: int, *, first: int, alike: bool) -> None:
    """Store hits with their articles, numbered from *first* on."""
    articles: list[dict[str, Any]] = []
    rows: list[dict[str, Any]] = []
    for number in range(first, first + hits):
        words = [*WIRE, str(number)] if alike else ["Acme", *RANDOM.choices(WORDS, k=9)]
        if alike:
            words[RANDOM.randrange(2, len(WIRE))] = RANDOM.choice(WORDS)
        at = START + timedelta(minutes=number % 600)
        articles.append(
            {
                "id": number,
                "key": f"k{number}",
                "url": f"https://a.example.org/{number}",
                "feed_id": 1,
                "title": " ".join(words),
                "summary": " ".join(RANDOM.choices(WORDS, k=120)),
                "published_at": at,
                "first_seen": at,
            }
        )
        quote = {"role": "company", "term": "acme.en.acme", "text": "Acme", "start": 0, "end": 4}
        rows.append(
            {
                "id": number,
                "article_id": number,
                "revision": 1,
                "company": "acme",
                "topic": "antitrust",
                "score": 1.0,
                "stage": "fine" if alike else None,
                "sentence": " ".join(words),
                "evidence": [quote, {**quote, "role": "topic", "term": "x", "text": "antitrust"}],
                "parts": [{"name": f"part {n}", "value": 0.1, "why": "words"} for n in range(6)],
                "lexicon": "x",
                "found_at": at,
            }
        )
    with engine.begin() as connection:
        connection.execute(insert(t.articles), articles)
        connection.execute(insert(t.hits), rows)


def measure(engine: Engine, longest: list[float]) -> None:
    """Group what is new, and print what it took."""
    longest.clear()
    began, worked = time.perf_counter(), time.process_time()
    group_new(engine)
    took, worked = time.perf_counter() - began, time.process_time() - worked
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    with engine.connect() as connection:
        stories = connection.scalar(text("SELECT count(DISTINCT story_id) FROM hits"))
        left = connection.scalar(text("SELECT count(*) FROM hits WHERE story_id IS NULL"))
    print(
        f"{took:7.1f} s  {worked:7.1f} s of the processor  {peak:5.0f} MB"
        f"  longest write {max(longest, default=0.0):5.2f} s  {stories} stories, {left} hits left"
    )


def main() -> None:
    """Fill a database and measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kind", choices=["flood", "unlike", "few"])
    parser.add_argument("--hits", type=int, default=10_000)
    parser.add_argument("--database")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        engine = open_engine(args.database or f"sqlite:///{folder}/monitor.db")
        upgrade(engine)
        with engine.begin() as connection:
            feed = {"id": 1, "key": "a", "url": "https://a.example.org/", "name": "A"}
            connection.execute(insert(t.feeds), [{**feed, "due_at": START}])
        longest: list[float] = []
        watch(engine, longest)
        if args.kind == "few":
            put(engine, 4000, first=1, alike=False)
            group_new(engine)
            put(engine, 300, first=4001, alike=False)
        else:
            put(engine, args.hits, first=1, alike=args.kind == "flood")
        measure(engine, longest)
        engine.dispose()


def watch(engine: Any, longest: list[float]) -> None:  # noqa: ANN401 - an engine with its events
    """Note the seconds of each write transaction, from its first statement on."""

    @event.listens_for(engine, "begin")
    def _begin(connection: Any) -> None:  # noqa: ANN401
        connection.info["began"] = time.perf_counter()

    @event.listens_for(engine, "commit")
    def _commit(connection: Any) -> None:  # noqa: ANN401
        longest.append(time.perf_counter() - connection.info["began"])


if __name__ == "__main__":
    main()
