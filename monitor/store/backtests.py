"""Backtests in the store: what replicas were asked to try, how far each part is, what it came to.

* A part's progress and outcome are written together, by whoever knows how far it was before: what
  two do of one part is counted once.
* The last few are kept, for KEPT; one that is gone is ended by that, whoever is at it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import ColumnElement, delete, func, insert, select, update

from monitor.errors import UsageError
from monitor.store import schema as t
from monitor.store.engine import lock

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from sqlalchemy import Connection, RowMapping

KEPT: Final = timedelta(days=30)  # as near-misses are: outcomes quote articles
LAST: Final = 5  # how many are kept

_UNDONE: Final = t.backtest_parts.c.reached < t.backtest_parts.c.upto


@dataclass(frozen=True, slots=True)
class Asked:
    """What is tried: a lexicon as text, and which feeds, by key, are about which company.

    On articles first seen *since*; *examples* of each kind are kept.
    """

    lexicon: str
    fingerprint: str
    bound: Mapping[str, str | None]
    since: datetime | None
    examples: int


@dataclass(frozen=True, slots=True)
class Part:
    """Articles numbered above *reached* and up to *upto* are to be looked through yet."""

    id: int
    backtest: int
    upto: int
    reached: int
    outcome: dict[str, Any]
    asked: Asked


def add(
    connection: Connection, asked: Asked, ranges: Sequence[tuple[int, int]], *, now: datetime
) -> int:
    """Store a backtest with a part for each of *ranges*; return its number. The caller commits.

    Forgets all but the last. Raises UsageError while parts of another are not done.
    """
    lock(connection, "backtests")
    its, part = t.backtests.c, t.backtest_parts.c
    undone = connection.scalar(select(part.backtest_id).where(_UNDONE).limit(1))
    if undone is not None:
        raise UsageError(
            f"backtest {undone} is not done: `monitor backtest --result {undone}` waits for it,"
            f" `--end {undone}` ends it"
        )
    newest = select(its.id).order_by(its.id.desc()).limit(LAST - 1)
    _remove(connection, its.id.not_in(list(connection.scalars(newest))))
    row = {
        "asked_at": now,
        "lexicon": asked.lexicon,
        "fingerprint": asked.fingerprint,
        "bound": dict(asked.bound),
        "since": asked.since,
        "examples": asked.examples,
    }
    number: int = connection.execute(insert(t.backtests).returning(its.id), row).scalar_one()
    if ranges:
        parts = [
            {"backtest_id": number, "above": above, "upto": upto, "reached": above, "outcome": {}}
            for above, upto in ranges
        ]
        connection.execute(insert(t.backtest_parts), parts)
    return number


def get(connection: Connection, number: int) -> Asked:
    """Return what was asked; raises UsageError if it is not kept."""
    found = connection.execute(select(t.backtests).where(t.backtests.c.id == number)).mappings()
    row = found.one_or_none()
    if row is None:
        raise UsageError(f"there is no backtest {number}: the last {LAST} are kept")
    return _asked(row)


def _asked(row: RowMapping) -> Asked:
    return Asked(**{name: row[name] for name in Asked.__dataclass_fields__})


def part(connection: Connection, number: int) -> Part | None:
    """Return the part of that number; None if its backtest was ended."""
    its = t.backtest_parts.c
    row = connection.execute(select(t.backtest_parts).where(its.id == number)).one_or_none()
    if row is None:
        return None
    asked = get(connection, row.backtest_id)
    return Part(row.id, row.backtest_id, row.upto, row.reached, row.outcome, asked)


def undone(connection: Connection, backtest: int) -> list[int]:
    """Return the numbers of its parts that are not done, in order."""
    its = t.backtest_parts.c
    query = select(its.id).where(its.backtest_id == backtest, _UNDONE).order_by(its.above)
    return list(connection.scalars(query))


def advance(
    connection: Connection, part: int, *, was: int, reached: int, outcome: dict[str, Any]
) -> bool:
    """Record how far a part is, with all it came to so far; False if it is not where it *was*.

    Then another is ahead with it, or its backtest was ended. The caller commits.
    """
    its = t.backtest_parts.c
    moved = update(t.backtest_parts).where(its.id == part, its.reached == was)
    values = {"reached": reached, "outcome": outcome}
    return connection.scalar(moved.values(**values).returning(its.id)) is not None


def progress(connection: Connection, backtest: int) -> tuple[int, int]:
    """Return how many numbers of articles are behind it, of how many."""
    its = t.backtest_parts.c
    behind, all_of_them = func.sum(its.reached - its.above), func.sum(its.upto - its.above)
    query = select(behind, all_of_them).where(its.backtest_id == backtest)
    done, total = connection.execute(query).one()
    return int(done or 0), int(total or 0)


def outcomes(connection: Connection, backtest: int) -> list[dict[str, Any]]:
    """Return what each of its parts came to so far, in the order of their articles."""
    its = t.backtest_parts.c
    query = select(its.outcome).where(its.backtest_id == backtest).order_by(its.above)
    return list(connection.scalars(query))


def end(connection: Connection, backtest: int) -> None:
    """Remove it, done or not; raises UsageError if it is not kept. The caller commits."""
    get(connection, backtest)
    _remove(connection, t.backtests.c.id == backtest)


def prune(connection: Connection, *, before: datetime, limit: int) -> int:
    """Remove up to *limit* that were asked for before then; return how many. The caller commits."""
    its = t.backtests.c
    old = select(its.id).where(its.asked_at < before).order_by(its.id).limit(limit)
    return _remove(connection, its.id.in_(list(connection.scalars(old))))


def _remove(connection: Connection, which: ColumnElement[bool]) -> int:
    numbers = list(connection.scalars(select(t.backtests.c.id).where(which)))
    if numbers:
        parts = t.backtest_parts.c.backtest_id.in_(numbers)
        connection.execute(delete(t.backtest_parts).where(parts))
        connection.execute(delete(t.backtests).where(t.backtests.c.id.in_(numbers)))
    return len(numbers)
