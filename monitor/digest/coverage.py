"""Coverage in words: what was polled in the time a digest stands for, and what is not well.

* "Nothing new" is worth only as much as what was watched, so every edition says that.
* Each troubled feed is named with since when, after how many tries and why. "0 new" never stands
  for "failed". Of very many troubled feeds the rest is counted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from monitor.digest.edition import Line
from monitor.model import FeedState
from monitor.text.counted import counted
from monitor.text.html import one_line

if TYPE_CHECKING:
    from collections.abc import Mapping

    from monitor.digest.dates import ReaderCalendar
    from monitor.model import Coverage, FeedTrouble, Undelivered

ERROR_CHARS = 160
NAMED = 20  # troubled feeds, and gaps
LINES = 12  # of the table

_PLAIN = {
    FeedState.STALE: "is stale",
    FeedState.PLACEHOLDER: "shows a placeholder",
    FeedState.PROBATION: "has not answered with a feed yet",
    FeedState.OFF: "is switched off",
}


def polled(coverage: Coverage, *, matched: int) -> str:
    """Return one sentence of figures; *matched* counts the articles of this edition."""
    answer = "answers" if coverage.feeds == 1 else "answer"
    return (
        f"{coverage.feeds_ok:,} of {counted(coverage.feeds, 'feed')} {answer}: "
        f"{counted(coverage.polls, 'poll')}, {counted(coverage.entries, 'entry', 'entries')} read, "
        f"{counted(coverage.new_articles, 'new article')}, {matched:,} matched."
    )


def period(coverage: Coverage, when: ReaderCalendar) -> str:
    """Return the time the edition stands for, with the name of the reader's zone."""
    until = f"{when.moment(coverage.until)}, {when.zone_name()}"
    since = coverage.since
    return f"{when.moment(since)} to {until}" if since else f"First digest, up to {until}"


def troubles(coverage: Coverage, when: ReaderCalendar) -> tuple[str, ...]:
    """Return a sentence for everything that may have kept news from this edition."""
    said = [_trouble(feed, when) for feed in coverage.troubled[:NAMED]]
    rest = len(coverage.troubled) - NAMED
    if rest > 0:
        said.append(f"{counted(rest, 'more feed')} not well: see monitor feeds.")
    if not coverage.feeds:
        said.insert(0, "No feed is switched on: nothing is being watched.")
    elif not coverage.polls:
        said.insert(0, "No feed was polled in this time: what was published is not known.")
    said += [
        f"{one_line(gap.name)} had a gap before {when.moment(gap.at)}: entries may have come and "
        "gone unseen."
        for gap in coverage.gaps[:NAMED]
    ]
    if len(coverage.gaps) > NAMED:
        said.append(f"{counted(len(coverage.gaps) - NAMED, 'more gap')}: see monitor feeds.")
    said += [_missing(digest, when) for digest in coverage.undelivered]
    return tuple(said)


def notes(coverage: Coverage, fingerprint: str, when: ReaderCalendar) -> tuple[str, ...]:
    """Return a sentence for everything that is watched in another way than before."""
    said = [
        f"{one_line(feed.name)} is not polled any more since {when.moment(feed.at)}."
        for feed in coverage.removed[:NAMED]
    ]
    if len(coverage.removed) > NAMED:
        more = counted(len(coverage.removed) - NAMED, "more feed is", "more feeds are")
        said.append(f"{more} not polled any more.")
    if coverage.lexicon not in {None, fingerprint}:
        said.append(
            "The rules have changed since the last digest: "
            f"{(coverage.lexicon or '')[:12]} became {fingerprint[:12]}."
        )
    return tuple(said)


def rules(coverage: Coverage, fingerprint: str) -> str:
    """Return by which rules hits were found, and whether they are those of the last digest."""
    known = "first digest"
    if coverage.lexicon is not None:
        same = coverage.lexicon == fingerprint
        known = "unchanged since the last digest" if same else "changed since the last digest"
    return f"Rules {fingerprint[:12]}, {known}."


def table(coverage: Coverage, matched: Mapping[str, int]) -> tuple[Line, ...]:
    """Return a line for each feed that was not well or brought something, and one for the rest.

    *matched* counts this edition's articles by the key of their feed.
    """
    lines = [
        Line(
            feed=one_line(feed.name),
            state=feed.state.value,
            polls=feed.polls,
            entries=feed.entries,
            new=feed.new,
            matched=matched.get(feed.key, 0),
        )
        for feed in coverage.figures
    ]
    lines.sort(key=lambda it: (it.state == FeedState.OK, -it.matched, -it.new, it.feed))
    told = [it for it in lines if it.state != FeedState.OK or it.matched or it.new]
    shown = told[:LINES] if len(told) > LINES or len(lines) > LINES else lines
    rest = lines[len(shown) :]
    if not rest:
        return tuple(shown)
    worst = next((it.state for it in rest if it.state != FeedState.OK), FeedState.OK.value)
    others = Line(
        feed=counted(len(rest), "other feed"),
        state=worst,
        polls=sum(it.polls for it in rest),
        entries=sum(it.entries for it in rest),
        new=sum(it.new for it in rest),
        matched=sum(it.matched for it in rest),
    )
    return (*shown, others)


def _missing(digest: Undelivered, when: ReaderCalendar) -> str:
    others = f"{digest.missing} of {counted(digest.recipients, 'recipient')}"
    return f"The {digest.kind} of {when.moment(digest.slot)} has not reached {others}."


def _trouble(feed: FeedTrouble, when: ReaderCalendar) -> str:
    error = one_line(feed.error or "")
    if len(error) > ERROR_CHARS:
        error = error[: ERROR_CHARS - 1] + "…"
    tries = counted(feed.tries, "try", "tries") if feed.tries else ""
    why = ", ".join(part for part in (error, tries) if part)
    why = f" ({why})." if why else "."
    return f"{one_line(feed.name)} {_state(feed, when)}{why}"


def _state(feed: FeedTrouble, when: ReaderCalendar) -> str:
    if feed.state in _PLAIN:
        return _PLAIN[feed.state]
    if feed.last_ok_at is None:
        return f"{feed.state}, has never answered"
    return f"{feed.state} since {when.moment(feed.last_ok_at)}"
