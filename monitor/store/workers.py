"""Running services in the store: their signs of life."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import delete, func, select, update

from monitor.store.schema import DeliveryRow, FeedRow, FullTextRow, PushRow, WorkerRow
from monitor.store.upsert import inserting

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from sqlalchemy.orm import Session


CLAIMED = (FeedRow, DeliveryRow, FullTextRow, PushRow)


def started(session: Session, name: str, *, now: datetime) -> None:
    """Remember that the worker *name* runs from now on. The caller commits."""
    insert = inserting(session, WorkerRow)
    fresh = {"started_at": now, "beat_at": now, "stopped_at": None}
    session.execute(
        insert.on_conflict_do_update(index_elements=[WorkerRow.name], set_=fresh),
        [{"name": name, **fresh}],
    )


def beat(session: Session, name: str, *, now: datetime) -> None:
    """Record a sign of life. The caller commits."""
    session.execute(update(WorkerRow).where(WorkerRow.name == name).values(beat_at=now))


def stopped(session: Session, name: str, *, now: datetime) -> None:
    """Record that the worker ended on purpose. The caller commits."""
    session.execute(
        update(WorkerRow).where(WorkerRow.name == name).values(beat_at=now, stopped_at=now)
    )


def last_beat(session: Session) -> datetime | None:
    """Return the last sign of life of any worker that has not stopped on purpose."""
    last = func.max(WorkerRow.beat_at, type_=WorkerRow.beat_at.type)
    return session.scalar(select(last).where(WorkerRow.stopped_at.is_(None)))


def last_start(session: Session) -> datetime | None:
    """Return when a worker last started that has not stopped on purpose."""
    last = func.max(WorkerRow.started_at, type_=WorkerRow.beat_at.type)
    return session.scalar(select(last).where(WorkerRow.stopped_at.is_(None)))


def last_stop(session: Session) -> datetime | None:
    """Return when a worker last stopped on purpose."""
    return session.scalar(select(func.max(WorkerRow.stopped_at, type_=WorkerRow.beat_at.type)))


def forget(session: Session, *, before: datetime) -> None:
    """Remove the workers that gave no sign of life since *before*. The caller commits."""
    session.execute(delete(WorkerRow).where(WorkerRow.beat_at < before))


def take_over(session: Session, host: str, *, alive: Callable[[int], bool], now: datetime) -> int:
    """Give back what dead processes of *host* had claimed; return how many claims there were.

    A worker is called `host:pid`. A delivery found in the middle of its hand-over stays marked as
    such, so that its repetition is known to be one. The caller commits.
    """
    names = {
        name
        for table in CLAIMED
        for name in session.scalars(select(table.claimed_by).distinct())
        if name is not None
    }
    dead = [name for name in names if _host(name) == host and not alive(_pid(name))]
    if not dead:
        return 0
    freed = [
        session.scalars(
            update(table)
            .where(table.claimed_by.in_(dead))
            .values(due_at=now, claimed_by=None)
            .returning(table.id)
        ).all()
        for table in CLAIMED
    ]
    return sum(map(len, freed))


def _host(name: str) -> str:
    return name.rpartition(":")[0]


def _pid(name: str) -> int:
    return int(name.rpartition(":")[2])
