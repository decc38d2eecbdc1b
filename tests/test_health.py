"""Health: what a feed's state says about its polls."""

from datetime import UTC, datetime, timedelta

import pytest

from monitor.feeds.health import judge
from monitor.model import FeedState

NOW = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
HOUR = NOW - timedelta(hours=1)
WEEK = NOW - timedelta(days=7)


@pytest.mark.parametrize(
    ("last_ok_at", "failures", "gone", "state"),
    [
        (None, 0, False, FeedState.PROBATION),
        (None, 29, False, FeedState.PROBATION),
        (None, 30, False, FeedState.DEAD),
        (HOUR, 0, False, FeedState.OK),
        (WEEK, 0, False, FeedState.OK),
        (HOUR, 1, False, FeedState.FAILING),
        (HOUR, 500, False, FeedState.FAILING),
        (WEEK, 9, False, FeedState.FAILING),
        (WEEK, 10, False, FeedState.DEAD),
        (HOUR, 1, True, FeedState.DEAD),
        (None, 1, True, FeedState.DEAD),
    ],
)
def test_state(last_ok_at, failures, gone, state):
    """A feed is dead only when gone, or when it failed both long and often enough."""
    assert judge(now=NOW, last_ok_at=last_ok_at, failures=failures, gone=gone) is state
