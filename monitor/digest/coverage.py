"""Coverage in words: what was polled in the time a digest stands for, and what is not well.

* "Nothing new" is worth only as much as what was watched, so every edition says that.
* Each troubled feed is named with since when and why. "0 new" never stands for "failed".
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from monitor.model import FeedState
from monitor.text import one_line

if TYPE_CHECKING:
    from monitor.digest.dates import ReaderCalendar
    from monitor.model import Coverage, FeedTrouble, Undelivered

ERROR_CHARS = 160

_PLAIN = {
    FeedState.STALE: "is stale",
    FeedState.PLACEHOLDER: "shows a placeholder",
    FeedState.PROBATION: "has not answered with a feed yet",
    FeedState.OFF: "is switched off",
}


def polled(coverage: Coverage, *, matched: int) -> str:
    """Return one sentence of figures; *matched* counts the articles of this edition."""
    return (
        f"Polled {coverage.feeds_ok:,} of {_count(coverage.feeds, 'feed')}: "
        f"{_count(coverage.polls, 'poll')}, {_count(coverage.entries, 'entry', 'entries')} read, "
        f"{_count(coverage.new_articles, 'new article')}, {matched:,} matched."
    )


def period(coverage: Coverage, when: ReaderCalendar) -> str:
    """Return the time the edition stands for, with the name of the reader's zone."""
    until = f"{when.moment(coverage.until)}, {when.zone_name()}"
    since = coverage.since
    return f"{when.moment(since)} to {until}" if since else f"First digest, up to {until}"


def troubles(coverage: Coverage, when: ReaderCalendar) -> tuple[str, ...]:
    """Return a sentence for everything that may have kept news from this edition."""
    said = [_trouble(feed, when) for feed in coverage.troubled]
    if not coverage.feeds:
        said.insert(0, "No feed is switched on: nothing is being watched.")
    elif not coverage.polls:
        said.insert(0, "No feed was polled in this time: what was published is not known.")
    said += [_missing(digest, when) for digest in coverage.undelivered]
    return tuple(said)


def _missing(digest: Undelivered, when: ReaderCalendar) -> str:
    others = f"{digest.missing} of {_count(digest.recipients, 'recipient')}"
    return f"The digest of {when.moment(digest.slot)} has not reached {others}."


def _trouble(feed: FeedTrouble, when: ReaderCalendar) -> str:
    error = one_line(feed.error or "")
    if len(error) > ERROR_CHARS:
        error = error[: ERROR_CHARS - 1] + "…"
    why = f" ({error})." if error else "."
    return f"{one_line(feed.name)} {_state(feed, when)}{why}"


def _state(feed: FeedTrouble, when: ReaderCalendar) -> str:
    if feed.state in _PLAIN:
        return _PLAIN[feed.state]
    if feed.last_ok_at is None:
        return f"{feed.state}, has never answered"
    return f"{feed.state} since {when.moment(feed.last_ok_at)}"


def _count(number: int, noun: str, nouns: str | None = None) -> str:
    return f"{number:,} " + (noun if number == 1 else nouns or f"{noun}s")
