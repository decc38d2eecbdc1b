"""Reviews: an analyst's verdict is kept for good, and shown where the hit is."""

import subprocess
import sys
from datetime import timedelta

import pytest
from sqlalchemy import select, text
from stored import NOW, put

from monitor.model import Review, Verdict
from monitor.store import reviews
from monitor.store import schema as t
from monitor.store.audit import verify
from monitor.store.engine import reading


@pytest.fixture
def hits(engine):
    """The numbers of two stored hits."""
    put(engine)
    with reading(engine) as connection:
        return list(connection.scalars(text("SELECT hit_id FROM v_hits ORDER BY hit_id")))


def verdicts(engine):
    with reading(engine) as connection:
        return list(connection.scalars(text("SELECT verdict FROM v_hits ORDER BY hit_id")))


def give(engine, hit, verdict, who="analyst", at=NOW, note=None):
    with engine.begin() as connection:
        return reviews.add(connection, Review(hit, verdict, who, at, note))


def test_the_latest_verdict_holds_and_none_is_lost(engine, hits):
    """Second thoughts are a second review: the view shows it, the first one stays on record."""
    assert verdicts(engine) == [None, None]

    give(engine, hits[0], Verdict.RELEVANT)
    give(engine, hits[0], Verdict.IRRELEVANT, at=NOW + timedelta(hours=1), note="only a rumour")

    assert verdicts(engine) == ["irrelevant", None]
    query = "SELECT verdict, who, note, holds, company, feed FROM v_reviews ORDER BY review_id"
    with reading(engine) as connection:
        rows = [(*row[:3], bool(row[3]), *row[4:]) for row in connection.execute(text(query))]
    assert rows == [
        ("relevant", "analyst", None, False, "acme", "a"),
        ("irrelevant", "analyst", "only a rumour", True, "acme", "a"),
    ]


def test_a_review_of_nothing_is_refused(engine, hits):
    """There is no verdict on a hit that does not exist, and nothing is recorded."""
    assert give(engine, max(hits) + 1, Verdict.RELEVANT) is None
    with reading(engine) as connection:
        assert connection.execute(select(t.reviews)).all() == []


def test_a_review_and_its_link_are_one(engine, hits):
    """What dies between a review and the commit leaves neither, and the chain whole."""

    def die():
        with engine.begin() as connection:
            reviews.add(connection, Review(hits[0], Verdict.RELEVANT, "analyst", NOW))
            raise SystemExit

    with pytest.raises(SystemExit):
        die()
    give(engine, hits[1], Verdict.DUPLICATE)

    assert verdicts(engine) == [None, "duplicate"]
    with reading(engine) as connection:
        assert verify(connection).flaws == ()


def test_the_command(tmp_path):
    """An analyst gives a verdict, and is told of a hit that is not there or a word that is none."""
    (tmp_path / "config.yaml").write_text("feeds: []\n", "utf-8")

    def monitor(*args):
        done = subprocess.run(
            [sys.executable, "-m", "monitor", *args],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        return done.returncode, done.stdout + done.stderr

    from monitor.store.engine import open_engine

    assert monitor("db", "upgrade")[0] == 0
    engine = open_engine(f"sqlite:///{tmp_path}/monitor.db")
    put(engine)
    engine.dispose()

    code, said = monitor("review", "1", "irrelevant", "--who", "desk", "--note", "旧闻")
    assert (code, said) == (0, "review 1: hit 1 is irrelevant, says desk\n")
    assert '"verdict": "irrelevant"' in monitor("hits", "--company", "acme")[1]
    assert monitor("review", "99", "relevant") == (1, "monitor: hit 99 does not exist\n")
    assert monitor("review", "1", "splendid")[0] == 2
    assert monitor("review", "1", "relevant", "--who", " ")[0] == 2
