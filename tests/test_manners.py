"""Manners: never too soon, slower after failures, and as the server asks."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.feeds.manners import (
    LONGEST_BACK_OFF,
    LONGEST_RETRY_AFTER,
    LONGEST_SKIP,
    Pace,
    has_held,
    interval,
    moved_to,
    next_due,
    next_haste,
    read_retry_after,
    stops,
)
from monitor.model import Rhythm, Wishes

NOW = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
MINUTES = timedelta(minutes=1)
HOURS = timedelta(hours=1)


def wait(interval=15 * MINUTES, failures=0, retry_after=None, jitter=0.0):
    due = next_due(
        now=NOW, interval=interval, failures=failures, retry_after=retry_after, jitter=jitter
    )
    return due - NOW


@pytest.mark.parametrize(
    ("case", "expected"),
    [
        ({}, 15 * MINUTES),
        ({"failures": 1}, 30 * MINUTES),
        ({"failures": 3}, 2 * HOURS),
        ({"failures": 5}, 6 * HOURS),
        ({"failures": 1_000_000}, 6 * HOURS),
        ({"interval": 12 * HOURS, "failures": 4}, 12 * HOURS),
        ({"retry_after": 2 * HOURS}, 2 * HOURS),
        ({"retry_after": 1 * MINUTES}, 15 * MINUTES),
        ({"retry_after": 400 * HOURS}, 24 * HOURS),
        ({"failures": 2, "retry_after": 30 * MINUTES}, 1 * HOURS),
        ({"jitter": 1.0}, 16.5 * MINUTES),
    ],
)
def test_wait(case, expected):
    """The wait doubles with each failure up to six hours, and Retry-After is kept up to a day."""
    assert wait(**case) == expected


@given(
    interval=st.timedeltas(timedelta(seconds=1), timedelta(days=30)),
    failures=st.integers(0, 10**9),
    retry_after=st.none() | st.timedeltas(timedelta(0), timedelta(days=9999)),
    jitter=st.floats(0, 1),
)
def test_bounds(interval, failures, retry_after, jitter):
    """Nothing is ever polled faster than its interval, nor put off without bound."""
    longest = max(interval, LONGEST_BACK_OFF, LONGEST_RETRY_AFTER)

    assert interval <= wait(interval, failures, retry_after, jitter) <= longest * 1.1


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("120", 2 * MINUTES),
        (" 0 ", timedelta(0)),
        ("Mon, 23 Nov 2026 10:00:00 GMT", 2 * HOURS),
        ("Monday, 23-Nov-26 10:00:00 GMT", 2 * HOURS),
        ("Mon, 23 Nov 2026 07:00:00 GMT", timedelta(0)),
        ("Mon, 23 Nov 2026 10:00:00 -0000", 2 * HOURS),
        ("Fri, 31 Dec 9999 23:59:59 GMT", LONGEST_RETRY_AFTER),
        ("9" * 5000, LONGEST_RETRY_AFTER),
        ("-5", None),
        ("1.5", None),
        ("²", None),
        ("soon", None),
        ("", None),
        (None, None),
    ],
)
def test_retry_after(header, expected):
    """Both forms of Retry-After are read; nonsense counts as none, and a year as a day."""
    assert read_retry_after(header, now=NOW) == expected


@pytest.mark.parametrize(
    ("status", "end"), [(410, True), (404, False), (503, False), (None, False)]
)
def test_stops(status, end):
    """Only 410 Gone ends the polling of a feed."""
    assert stops(status) is end


# --- intervals ---------------------------------------------------------------------------------

PACE = Pace(usual=15 * MINUTES, longest=HOURS)


def every(pace=PACE, own=None, gap=None, ttl=None, fresh_for=None, haste=0):
    rhythm = Rhythm(gaps=(gap,) * 9 if gap else ())
    return interval(pace, own=own, rhythm=rhythm, ttl=ttl, fresh_for=fresh_for, haste=haste)


@pytest.mark.parametrize(
    ("case", "expected"),
    [
        ({}, 15 * MINUTES),
        ({"own": 5 * MINUTES}, 5 * MINUTES),
        ({"gap": 5 * MINUTES}, 15 * MINUTES),
        ({"gap": 12 * HOURS}, 30 * MINUTES),
        ({"gap": 800 * HOURS}, HOURS),
        ({"ttl": 40 * MINUTES}, 40 * MINUTES),
        ({"ttl": 1 * MINUTES}, 15 * MINUTES),
        ({"ttl": 30 * MINUTES, "fresh_for": 45 * MINUTES}, 45 * MINUTES),
        ({"fresh_for": 9000 * HOURS}, HOURS),
        ({"own": 5 * MINUTES, "ttl": HOURS, "fresh_for": HOURS, "gap": 800 * HOURS}, 5 * MINUTES),
        ({"haste": 1}, 7.5 * MINUTES),
        ({"haste": 9}, 3.75 * MINUTES),
        ({"haste": 9, "own": 8 * MINUTES}, 2 * MINUTES),
        ({"haste": 9, "pace": Pace(15 * MINUTES, HOURS, MINUTES)}, MINUTES),
        ({"haste": 9, "pace": Pace(15 * MINUTES, HOURS, MINUTES), "own": MINUTES / 2}, MINUTES / 2),
        ({"haste": 10**9}, 3.75 * MINUTES),
    ],
)
def test_interval(case, expected):
    """A feed's own interval is kept; others rest by rhythm and wish; gaps shorten either."""
    assert every(**case) == expected


@given(
    gap=st.none() | st.timedeltas(timedelta(seconds=1), timedelta(days=3000)),
    ttl=st.none() | st.timedeltas(timedelta(0), timedelta(days=365)),
    haste=st.integers(0, 100),
)
def test_interval_bounds(gap, ttl, haste):
    """Whatever a feed does or says, its interval stays between the shortest and the longest."""
    found = every(gap=gap, ttl=ttl, haste=haste)

    assert (PACE.usual / 4 if haste else PACE.usual) <= found <= PACE.longest


def test_haste():
    """Each gap adds to the haste; it goes back step by step once there is no danger."""
    gap = {"gap": True, "comfortable": False, "wait": 15 * MINUTES}
    near = {**gap, "gap": False}
    calm = {**near, "comfortable": True}

    assert [next_haste(n, **gap) for n in (0, 1)] == [1, 2]
    assert [next_haste(n, **near) for n in (0, 2)] == [0, 2]
    assert [next_haste(n, **calm) for n in (0, 2)] == [0, 1]
    assert next_haste(50, **gap) == 50, "no endless way back"


@pytest.mark.parametrize(
    ("skip", "hours"),
    [
        (Wishes(skip_hours=frozenset({9})), 0),
        (Wishes(skip_hours=frozenset({8})), 0.75),
        (Wishes(skip_hours=frozenset({8, 9, 10})), 2.75),
        (Wishes(skip_days=frozenset({0})), 15.75),
        (Wishes(skip_hours=frozenset({0}), skip_days=frozenset({0})), 16.75),
        (Wishes(skip_hours=frozenset(range(24))), 0),
        (Wishes(skip_days=frozenset(range(6))), 0),
    ],
)
def test_skipped_hours(skip, hours):
    """Hours and days that a feed asks to skip are passed over; one that names all says nothing."""
    due = next_due(
        now=NOW, interval=15 * MINUTES, failures=0, retry_after=None, jitter=0.0, skip=skip
    )

    assert due - NOW - 15 * MINUTES == timedelta(hours=hours)
    assert due <= NOW + LONGEST_SKIP


# --- moves -------------------------------------------------------------------------------------

OLD, NEW, LAST = "https://a.example/feed", "https://b.example/feed", "https://c.example/feed"


@pytest.mark.parametrize(
    ("hops", "target"),
    [
        ([], None),
        ([(301, NEW)], NEW),
        ([(308, NEW)], NEW),
        ([(302, NEW)], None),
        ([(307, NEW)], None),
        ([(301, NEW), (301, LAST)], LAST),
        ([(301, NEW), (302, LAST)], NEW),
        ([(302, NEW), (301, LAST)], None),
        ([(301, NEW), (301, OLD)], None),
        ([(301, "http://a.example/feed")], None),
    ],
)
def test_moved(hops, target):
    """Only permanent redirects move a feed, as far as the first temporary one, never to http."""
    assert moved_to(OLD, hops) == target


@pytest.mark.parametrize(
    ("age", "failures", "held"),
    [(None, 0, False), (6, 0, False), (7, 0, True), (7, 1, False), (70, 0, True)],
)
def test_held(age, failures, held):
    """A move is taken over after a week, and not while the feed fails."""
    since = None if age is None else NOW - timedelta(days=age)

    assert has_held(since, now=NOW, failures=failures) is held
