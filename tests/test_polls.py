"""The history of a feed: its polls by day, when it failed, its errors and gaps."""

from datetime import timedelta

import pytest
from sqlalchemy import insert
from stored import NOW

from monitor.store import polls
from monitor.store import schema as t
from monitor.store.engine import reading
from monitor.store.polls import Day, Mishap, Spell

HOUR = timedelta(hours=1)
# Hours ago, error, new articles, gap: the newest last.
LEDGER = (
    (80, "HTTP 500", 0, False),
    (50, "HTTP 503", 0, False),
    (49, "timeout", 0, False),
    (48, None, 3, True),
    (30, None, 2, False),
    (20, "timeout", 0, False),
    (19, None, 1, False),
    (2, "HTTP 503", 0, False),
    (1, "HTTP 503", 0, False),
)


@pytest.fixture
def feed(engine):
    """A feed with a ledger, and one with another, which is none of its business."""
    both = [
        {"id": n, "key": f"f{n}", "url": f"https://{n}.example/", "name": "F", "due_at": NOW}
        for n in (1, 2)
    ]
    rows = [
        {
            "feed_id": 1,
            "at": NOW - ago * HOUR,
            "outcome": "failed" if error else "stored",
            "new": new,
            "gap": gap,
            "error": error,
        }
        for ago, error, new, gap in LEDGER
    ]
    other = {**rows[0], "feed_id": 2, "at": NOW - 3 * HOUR, "error": "elsewhere", "gap": True}
    with engine.begin() as connection:
        connection.execute(insert(t.feeds), both)
        connection.execute(insert(t.polls), [*rows, other])
    with reading(engine) as connection:
        yield connection


def test_by_day(feed):
    """Each poll counts on its day, and the days stand even where there was none."""
    starts = [NOW - hours * HOUR for hours in (96, 72, 48, 24)]
    assert polls.by_day(feed, 1, starts) == [
        Day(1, 1, 0, 0),
        Day(2, 2, 0, 0),
        Day(2, 0, 5, 1),
        Day(4, 3, 1, 0),
    ]
    assert sum(polls.by_day(feed, 1, starts), Day()) == Day(9, 6, 6, 1)
    assert polls.by_day(feed, 1, [NOW + HOUR]) == [Day()]


def test_spells(feed):
    """Failures one after another are one spell, with the error that began it."""
    since = NOW - 72 * HOUR
    latest, single, early = polls.spells(feed, 1, since, limit=9)
    assert latest == Spell(NOW - 2 * HOUR, None, "HTTP 503")
    assert single == Spell(NOW - 20 * HOUR, NOW - 19 * HOUR, "timeout")
    assert early == Spell(None, NOW - 48 * HOUR, "HTTP 503"), "it may have begun before"
    assert polls.spells(feed, 1, since, limit=2) == [latest, single]


def test_mishaps_and_gaps(feed):
    """Errors are told once each with how often they came, the one that came last first."""
    since = NOW - 72 * HOUR
    assert polls.mishaps(feed, 1, since, limit=9) == [
        Mishap("HTTP 503", 3, NOW - 50 * HOUR, NOW - HOUR),
        Mishap("timeout", 2, NOW - 49 * HOUR, NOW - 20 * HOUR),
    ]
    assert polls.mishaps(feed, 1, since, limit=1)[0].error == "HTTP 503"
    assert polls.gaps(feed, 1, since, limit=9) == [NOW - 48 * HOUR]


def test_pages_of_polls(feed):
    """Page by page every poll of the feed comes once, the newest first."""
    seen, before = [], None
    while some := polls.latest(feed, 1, before=before, limit=4):
        seen += some
        before = some[-1].id
    assert [it.at for it in seen] == [NOW - ago * HOUR for ago, *_ in LEDGER[::-1]]
