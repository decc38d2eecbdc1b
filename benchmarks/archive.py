"""What pages show of a large archive besides articles, hits and stories; and a copy in PostgreSQL.

`enrich` adds to the archive of benchmarks/queries.py 90 days of polls, five years of digests and
their deliveries, 250,000 reviews, proceedings, saved searches, and a story of thousands of reports.
"""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from dataclasses import asdict
from typing import TYPE_CHECKING

import psycopg
from queries import FEEDS, PER_STORY, SEARCHES, _at

from monitor.detect.associate import Detector
from monitor.store.engine import open_engine
from monitor.store.migrate import upgrade
from monitor.text.index import distinct_words, index_words

if TYPE_CHECKING:
    from pathlib import Path

    from monitor.detect.lexicon import Lexicon

POLLS_A_DAY = 48
POLL_DAYS = 90
DIGEST_DAYS = 1800
SUBSCRIPTIONS = ("daily", "weekly", "lawyers")
RECIPIENTS = 5
LARGE = 3000  # reports of the largest story
STEPS = 4  # stories of a proceeding
SAVED = 1000  # searches
HTML = "<html><head></head><body>" + "<p>阿里巴巴 antitrust fine</p>" * 300 + "</body></html>"


def enrich(path: Path, lexicon: Lexicon) -> None:
    """Add what pages show besides articles, hits and stories, once."""
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA synchronous=OFF")
        connection.execute("PRAGMA cache_size=-200000")
        if connection.execute("SELECT COUNT(*) FROM searches").fetchone()[0]:
            return
        if not connection.execute("SELECT COUNT(*) FROM polls").fetchone()[0]:
            (hits,) = connection.execute("SELECT MAX(id) FROM hits").fetchone()
            _stories(connection, hits)
            _polls(connection)
            _digests(connection, hits)
            connection.execute(
                "INSERT INTO reviews (hit_id, verdict, note, who, at)"
                " SELECT id, CASE id % 5 WHEN 0 THEN 'irrelevant' WHEN 1 THEN 'duplicate'"
                " ELSE 'relevant' END, NULL, 'analyst', found_at FROM hits WHERE id % 20 < 5"
            )
        _reviewed(connection, Detector(lexicon))
        connection.executemany(
            "INSERT INTO searches (name, query, kind, who, made_at, changed_at)"
            " VALUES (?, ?, 'articles', 'analyst', ?, ?)",
            (
                (f"search {n}", SEARCHES[n % len(SEARCHES)], _at(n / 10), _at(n / 10))
                for n in range(SAVED)
            ),
        )
        connection.commit()
        connection.execute("ANALYZE")
        connection.commit()


def _reviewed(connection: sqlite3.Connection, detector: Detector) -> None:
    """Give each hit that was reviewed a longer sentence, the words that made it, and a score."""
    found = connection.execute(
        "SELECT h.id, h.company, h.topic, a.title, a.summary FROM hits h"
        " JOIN articles a ON a.id = h.article_id WHERE h.id % 20 < 5"
    )
    quotes: dict[tuple[str, str, str], str] = {}
    rows = []
    for number, company, topic, title, summary in found:
        key = title, company, topic
        if key not in quotes:
            matches = detector.find(title, "", company=company)
            its = [it for it in matches if (it.company, it.topic) == (company, topic)]
            quotes[key] = json.dumps([asdict(quote) for it in its for quote in it.evidence])
        score = 0.6 + number // 20 % 40 / 100
        rows.append((f"{title}, {summary[:90]}", quotes[key], score, number))
    connection.executemany(
        "UPDATE hits SET sentence = ?, evidence = ?, score = ? WHERE id = ?", rows
    )


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
