"""Running services in the store: their signs of life."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import delete, func, select, update

from monitor.store.schema import WorkerRow
from monitor.store.upsert import inserting

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.orm import Session


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


def forget(session: Session, *, before: datetime) -> None:
    """Remove the workers that gave no sign of life since *before*. The caller commits."""
    session.execute(delete(WorkerRow).where(WorkerRow.beat_at < before))
