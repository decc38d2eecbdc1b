"""Manners: when a server may be asked again, and at which address. Pure.

* Never sooner than the feed's interval; chance only ever adds to a wait.
* An `interval` given to a feed is kept as it is. Other feeds rest longer, up to the longest
  interval, if they bring something new seldom or if they ask to be left alone for a while.
* After a gap the interval is halved, again with each further gap, down to the shortest one; it
  comes back step by step.
* After failures the wait doubles each time, up to six hours (or the interval, if longer).
* A server's Retry-After is kept, up to a day, whatever the status (RFC 9110, 10.2.3).
* 410 Gone ends the asking (RFC 9110, 15.5.11).
* A permanent redirect is followed at each poll, and taken over only once it has held for a week.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, timedelta
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import TYPE_CHECKING

from monitor.feeds.rhythm import watched_gap

if TYPE_CHECKING:
    from datetime import datetime

    from monitor.model import Rhythm, Wishes

LONGEST_BACK_OFF = timedelta(hours=6)
LONGEST_RETRY_AFTER = timedelta(days=1)
LONGEST_SKIP = timedelta(days=3)  # skipHours and skipDays together; then we ask all the same
JITTER = 0.1  # of the wait, so that feeds that failed together do not return together
POLLS_A_GAP = 24  # of a feed that brings something new seldom
SHORTENED = 4  # how many times shorter the shortest interval is, unless it is set
MOVE_HOLDS = timedelta(days=7)
_MOST_DOUBLINGS = 16  # a second becomes eighteen hours, and a month does not overflow
_HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Pace:
    """How often feeds are polled: *usual* unless there is a reason, never beyond *longest*.

    *shortest* is as far as an interval is shortened after gaps, None for a quarter of it.
    """

    usual: timedelta
    longest: timedelta
    shortest: timedelta | None = None


def interval(
    pace: Pace,
    *,
    own: timedelta | None,
    rhythm: Rhythm,
    ttl: timedelta | None,
    fresh_for: timedelta | None,
    haste: int,
    pushed: bool = False,
) -> timedelta:
    """Return how long to wait after a good poll.

    *own* is the interval the operator gave this feed; *ttl* and *fresh_for* are how long the feed
    and HTTP say that nothing will change; *haste* is how often to halve.
    *pushed* says that a hub calls when something changes: polls are the safety net.
    """
    wait: timedelta = own or _relaxed(
        pace, rhythm, pace.longest if pushed else max(filter(None, (ttl, fresh_for)), default=None)
    )
    least = wait / SHORTENED if pace.shortest is None else pace.shortest
    hasty = wait / (1 << min(haste, _MOST_DOUBLINGS))
    return max(hasty, min(least, wait))


def _relaxed(pace: Pace, rhythm: Rhythm, asked: timedelta | None) -> timedelta:
    wanted = max((watched_gap(rhythm) or timedelta()) / POLLS_A_GAP, asked or timedelta())
    return max(pace.usual, min(wanted, pace.longest))


def next_haste(haste: int, *, gap: bool, comfortable: bool, wait: timedelta) -> int:
    """Return how often to halve the interval from now on.

    *comfortable* says that there is no danger of a gap; *wait* is the interval before any halving.
    """
    if gap:
        return haste + 1 if wait / 2**haste > timedelta(seconds=1) else haste
    return max(haste - 1, 0) if comfortable else haste


def next_due(
    *,
    now: datetime,
    interval: timedelta,
    failures: int,
    retry_after: timedelta | None,
    jitter: float,
    skip: Wishes | None = None,
) -> datetime:
    """Return when a feed may be polled again.

    *failures* counts the polls that failed in a row, this one included: 0 after a good one.
    *jitter* is a number from 0 to 1, by chance; it adds up to a tenth of the wait. The hours and
    days that *skip* names are passed over.
    """
    wait = interval
    if failures:
        doubled = interval * 2 ** min(failures, _MOST_DOUBLINGS)
        wait = max(interval, min(doubled, LONGEST_BACK_OFF))
    if retry_after is not None:
        wait = max(wait, min(retry_after, LONGEST_RETRY_AFTER))
    due = now + wait + wait * JITTER * jitter
    return due if skip is None else _after_skipped(due, skip)


def _after_skipped(due: datetime, wishes: Wishes) -> datetime:
    """Return *due*, or the first hour after it at which the feed does not ask to be skipped."""
    hours, days = wishes.skip_hours, wishes.skip_days
    at, last = due, due + LONGEST_SKIP
    while at < last and (at.hour in hours or at.weekday() in days):
        at = at.replace(minute=0, second=0, microsecond=0) + _HOUR
    # Who names every hour of a day, or every day, has said nothing.
    return at if at < last else due


def stops(status: int | None) -> bool:
    """Return whether an answer with HTTP *status* ends the polling of a feed for good."""
    return status == HTTPStatus.GONE


def read_retry_after(value: str | None, *, now: datetime) -> timedelta | None:
    """Return the wait that a Retry-After header asks for: seconds or an HTTP date.

    None for a missing or unreadable header; never negative, never over LONGEST_RETRY_AFTER.
    """
    text = (value or "").strip()
    if text.isascii() and text.isdecimal():
        longest = int(LONGEST_RETRY_AFTER.total_seconds())
        seconds = longest if len(text) > len(str(longest)) else int(text)
        return min(timedelta(seconds=seconds), LONGEST_RETRY_AFTER)
    try:
        until = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    if until.tzinfo is None:  # "-0000": UTC, of unknown origin (RFC 5322, 3.3)
        until = until.replace(tzinfo=UTC)
    return min(max(until - now, timedelta()), LONGEST_RETRY_AFTER)


# --- moves -------------------------------------------------------------------------------------


def moved_to(url: str, hops: list[tuple[int, str]]) -> str | None:
    """Return where *url* has moved for good, by the redirects followed: status and target of each.

    Only the permanent redirects before the first temporary one count (RFC 9110, 15.4). None if
    there are none, if they lead back, or from https to http.
    """
    target = url
    for status, leads_to in hops:
        if status not in {HTTPStatus.MOVED_PERMANENTLY, HTTPStatus.PERMANENT_REDIRECT}:
            break
        target = leads_to
    downgraded = url.startswith("https:") and not target.startswith("https:")
    return None if target == url or downgraded else target


def has_held(since: datetime | None, *, now: datetime, failures: int) -> bool:
    """Return whether a move first seen at *since* is taken over; not while the feed fails."""
    return since is not None and now - since >= MOVE_HOLDS and not failures
