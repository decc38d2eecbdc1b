"""Manners: when a server may be asked again. Pure.

* Never sooner than the feed's interval; chance only ever adds to a wait.
* After failures the wait doubles each time, up to six hours (or the interval, if longer).
* A server's Retry-After is kept, up to a day, whatever the status (RFC 9110, 10.2.3).
* 410 Gone ends the asking (RFC 9110, 15.5.11).
"""

from __future__ import annotations

from datetime import UTC, timedelta
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

LONGEST_BACK_OFF = timedelta(hours=6)
LONGEST_RETRY_AFTER = timedelta(days=1)
JITTER = 0.1  # of the wait, so that feeds that failed together do not return together
_MOST_DOUBLINGS = 16  # a second becomes eighteen hours, and a month does not overflow


def next_due(
    *,
    now: datetime,
    interval: timedelta,
    failures: int,
    retry_after: timedelta | None,
    jitter: float,
) -> datetime:
    """Return when a feed may be polled again.

    *failures* counts the polls that failed in a row, this one included: 0 after a good one.
    *jitter* is a number from 0 to 1, by chance; it adds up to a tenth of the wait.
    """
    wait = interval
    if failures:
        doubled = interval * 2 ** min(failures, _MOST_DOUBLINGS)
        wait = max(interval, min(doubled, LONGEST_BACK_OFF))
    if retry_after is not None:
        wait = max(wait, min(retry_after, LONGEST_RETRY_AFTER))
    return now + wait + wait * JITTER * jitter


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
