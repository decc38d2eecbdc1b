"""The ledger of one feed as its page shows it: its polls, day by day, and what went wrong.

Reads only, along the index of a feed's polls.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from sqlalchemy import case, func, or_, select, tuple_

from monitor.store import schema as t
from monitor.store.days import place

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from sqlalchemy import Connection

FAILED: Final = "failed"


@dataclass(frozen=True, slots=True)
class Polled:
    """One poll of a feed, as the ledger has it."""

    id: int
    at: datetime
    outcome: str
    status: int | None
    took_ms: int | None
    entries: int
    new: int
    gap: bool
    error: str | None


@dataclass(frozen=True, slots=True)
class Day:
    """The polls of one day: how many, how many of them failed, new articles and gaps."""

    polls: int = 0
    failed: int = 0
    new: int = 0
    gaps: int = 0

    def __add__(self, other: Day) -> Day:
        """Return the polls of both."""
        return Day(
            self.polls + other.polls,
            self.failed + other.failed,
            self.new + other.new,
            self.gaps + other.gaps,
        )


@dataclass(frozen=True, slots=True)
class Spell:
    """Polls that failed one after another: *until* is the first good one, None if it still lasts.

    *since* is None if it began before what was looked at.
    """

    since: datetime | None
    until: datetime | None
    error: str | None


@dataclass(frozen=True, slots=True)
class Mishap:
    """An error of a feed's polls: how often it came, first and last."""

    error: str
    polls: int
    first_at: datetime
    last_at: datetime


def latest(
    connection: Connection, feed_id: int, *, before: int | None = None, limit: int
) -> list[Polled]:
    """Return up to *limit* polls of a feed, the newest first; *before* is one of them."""
    its = t.polls.c
    query = select(
        *(its.id, its.at, its.outcome, its.status, its.took_ms, its.entries, its.new, its.gap),
        its.error,
    ).where(its.feed_id == feed_id)
    if before is not None:
        at = select(its.at).where(its.id == before).scalar_subquery()
        query = query.where(tuple_(its.at, its.id) < tuple_(at, before))
    query = query.order_by(its.at.desc(), its.id.desc()).limit(limit)
    return [Polled(*row) for row in connection.execute(query)]


def by_day(connection: Connection, feed_id: int, starts: Sequence[datetime]) -> list[Day]:
    """Return the polls of each day; days begin at *starts*, the last has no end."""
    its = t.polls.c
    day = place(its.at, starts).label("day")
    query = select(
        day,
        func.count(),
        func.sum(case((its.outcome == FAILED, 1), else_=0)),
        func.sum(its.new),
        func.sum(case((its.gap, 1), else_=0)),
    ).where(its.feed_id == feed_id, its.at >= starts[0])
    query = query.group_by("day")  # by its name: of one day it is a constant
    found = {number: Day(*map(int, row)) for number, *row in connection.execute(query)}
    return [found.get(number, Day()) for number in range(len(starts))]


def spells(connection: Connection, feed_id: int, since: datetime, *, limit: int) -> list[Spell]:
    """Return up to *limit* spells of failure that ended since then or last, the latest first."""
    its = t.polls.c
    failed = case((its.outcome == FAILED, 1), else_=0)
    before = func.lag(failed).over(order_by=[its.at, its.id])
    ranked = (
        select(its.at, its.error, failed.label("failed"), before.label("before"))
        .where(its.feed_id == feed_id, its.at >= since)
        .subquery()
    )
    turn = ranked.c
    turns = (
        select(turn.at, turn.error, turn.failed, turn.before)
        .where(or_(turn.before.is_(None), turn.before != turn.failed))
        .order_by(turn.at.desc())
        .limit(2 * limit)
    )
    found, later = [], None
    for at, error, has_failed, former in connection.execute(turns):
        if has_failed:
            found.append(Spell(None if former is None else at, later, error))
        later = at
    return found[:limit]


def mishaps(connection: Connection, feed_id: int, since: datetime, *, limit: int) -> list[Mishap]:
    """Return up to *limit* errors that came since then, the one that came last first."""
    its = t.polls.c
    last = func.max(its.at)
    query = (
        select(its.error, func.count(), func.min(its.at), last)
        .where(its.feed_id == feed_id, its.at >= since, its.error.is_not(None))
        .group_by(its.error)
        .order_by(last.desc())
        .limit(limit)
    )
    return [Mishap(*row) for row in connection.execute(query)]


def gaps(connection: Connection, feed_id: int, since: datetime, *, limit: int) -> list[datetime]:
    """Return up to *limit* instants since then at which a gap was found, the latest first."""
    its = t.polls.c
    query = select(its.at).where(its.feed_id == feed_id, its.at >= since, its.gap)
    return list(connection.scalars(query.order_by(its.at.desc()).limit(limit)))
