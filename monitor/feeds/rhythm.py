"""Rhythm: how often a feed brings something new. Pure.

* It is watched: what counts is when we saw something new, not what entries say of themselves.
* Until it was watched for a while, the dates of its entries say how far apart they usually are.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from monitor.model import Rhythm

REMEMBERED: Final = 20  # gaps
FEWEST: Final = 5  # gaps, or dates, that say anything


def observe(rhythm: Rhythm, *, now: datetime, new: int, dates: Sequence[datetime | None]) -> Rhythm:
    """Return the rhythm after a poll that showed *new* entries the feed had not shown before.

    *dates* are those of all entries it showed. At the first poll all entries are new to us, and
    the newest date stands for when the feed last brought one.
    """
    believed = sorted({date for date in dates if date is not None and date <= now})
    if len(believed) >= FEWEST:
        apart = [later - earlier for earlier, later in pairwise(believed)]
        rhythm = replace(rhythm, dated_gap=_median(apart))
    if rhythm.news_at is None:
        return replace(rhythm, news_at=believed[-1] if believed else now)
    if not new:
        return rhythm
    gap = _whole(max(now - rhythm.news_at, timedelta()))
    return replace(rhythm, news_at=now, gaps=(*rhythm.gaps, gap)[-REMEMBERED:])


def watched_gap(rhythm: Rhythm) -> timedelta | None:
    """Return the median time between polls that brought something new; None if too few did."""
    return _median(rhythm.gaps) if len(rhythm.gaps) >= FEWEST else None


def usual_gap(rhythm: Rhythm) -> timedelta | None:
    """Return the longer of what was watched and what the dates say; None if neither says much."""
    return max(filter(None, (watched_gap(rhythm), rhythm.dated_gap)), default=None)


def _median(gaps: Sequence[timedelta]) -> timedelta:
    """Return the median in whole seconds; `statistics` takes long to import, for each poll."""
    ordered = sorted(gaps)
    middle = ordered[(len(ordered) - 1) // 2], ordered[len(ordered) // 2]  # one, or two of an even
    return _whole((middle[0] + middle[1]) / 2)


def _whole(gap: timedelta) -> timedelta:
    return timedelta(seconds=int(gap.total_seconds()))
