"""Health: how a feed fares, from what its polls gave. Pure.

* A feed starts in probation and leaves it with its first answer that could be read.
* One failed poll makes it failing; one good poll makes it ok again, even a dead one.
* It is dead once the server says 410 Gone, or after a week without a good poll that saw at
  least ten tries: a week in which we were switched off ourselves proves nothing.
* A feed that never answered well is dead after thirty tries, about a week at the longest wait.

A dead feed is reported as such; only 410 Gone ends the asking (`monitor.feeds.manners`).
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from monitor.model import FeedState

if TYPE_CHECKING:
    from datetime import datetime

DEAD_AFTER = timedelta(days=7)
DEAD_AFTER_TRIES = 10
DEAD_IN_PROBATION_AFTER_TRIES = 30


def judge(*, now: datetime, last_ok_at: datetime | None, failures: int, gone: bool) -> FeedState:
    """Return the state of a feed that is switched on.

    *failures* counts the polls that failed since the last good one; *last_ok_at* is None for a
    feed that never gave a document; *gone* says that the server answered 410.
    """
    if gone:
        return FeedState.DEAD
    if last_ok_at is None:
        tried_enough = failures >= DEAD_IN_PROBATION_AFTER_TRIES
        return FeedState.DEAD if tried_enough else FeedState.PROBATION
    if not failures:
        return FeedState.OK
    if failures >= DEAD_AFTER_TRIES and now - last_ok_at >= DEAD_AFTER:
        return FeedState.DEAD
    return FeedState.FAILING
