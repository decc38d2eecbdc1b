"""Running services in the store: their signs of life."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import update

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
