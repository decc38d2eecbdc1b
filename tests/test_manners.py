"""Manners: never too soon, slower after failures, and as the server asks."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.feeds.manners import (
    LONGEST_BACK_OFF,
    LONGEST_RETRY_AFTER,
    next_due,
    read_retry_after,
    stops,
)

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
