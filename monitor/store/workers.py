"""Running services in the store: their signs of life."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from sqlalchemy import delete, func, select, update

from monitor.errors import StoreError
from monitor.store import schema as t
from monitor.store.upsert import inserting

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from sqlalchemy import Column, ColumnElement, Connection


CLAIMED = (t.feeds, t.deliveries, t.full_texts, t.pushes)
SILENCE: Final = timedelta(minutes=1)  # a running service beats every ten seconds


def started(connection: Connection, name: str, *, now: datetime) -> None:
    """Remember that the worker *name* runs from now on. The caller commits."""
    insert = inserting(connection, t.workers)
    fresh = {"started_at": now, "beat_at": now, "stopped_at": None}
    connection.execute(
        insert.on_conflict_do_update(index_elements=[t.workers.c.name], set_=fresh),
        [{"name": name, **fresh}],
    )


def beat(connection: Connection, name: str, *, now: datetime) -> None:
    """Record a sign of life. The caller commits."""
    connection.execute(update(t.workers).where(t.workers.c.name == name).values(beat_at=now))


def stopped(connection: Connection, name: str, *, now: datetime) -> None:
    """Record that the worker ended on purpose. The caller commits."""
    connection.execute(
        update(t.workers).where(t.workers.c.name == name).values(beat_at=now, stopped_at=now)
    )


def last_beat(connection: Connection, *, now: datetime) -> datetime | None:
    """Return the last sign of life of any worker that has not stopped on purpose.

    One that lies in the future is of a clock that was ahead, and says nothing of now.
    """
    beat_at = t.workers.c.beat_at
    return _last(connection, beat_at, t.workers.c.stopped_at.is_(None), beat_at <= now + SILENCE)


def require_rest(connection: Connection, *, now: datetime) -> None:
    """Raise StoreError if a service works on the database."""
    beat_at = last_beat(connection, now=now)
    if beat_at is not None and now - beat_at <= SILENCE:
        shown = connection.engine.url.render_as_string(hide_password=True)
        raise StoreError(
            f"a service runs on {shown}: stop it first (one that was killed counts for a minute)"
        )


def last_start(connection: Connection, *, now: datetime) -> datetime | None:
    """Return when a worker last started that has not stopped on purpose."""
    started_at = t.workers.c.started_at
    return _last(connection, started_at, t.workers.c.stopped_at.is_(None), started_at <= now)


def last_stop(connection: Connection) -> datetime | None:
    """Return when a worker last stopped on purpose."""
    return _last(connection, t.workers.c.stopped_at)


def _last(
    connection: Connection, instant: Column[datetime], *limits: ColumnElement[bool]
) -> datetime | None:
    found: datetime | None = connection.scalar(
        select(func.max(instant, type_=instant.type)).where(*limits)
    )
    return found


def forget(connection: Connection, *, before: datetime) -> None:
    """Remove the workers that gave no sign of life since *before*. The caller commits."""
    connection.execute(delete(t.workers).where(t.workers.c.beat_at < before))


def take_over(
    connection: Connection, host: str, *, alive: Callable[[int], bool], now: datetime
) -> int:
    """Give back what dead processes of *host* had claimed; return how many claims there were.

    A worker is called `host:pid`; what replicas of a cluster claimed is given back elsewhere
    (`monitor.cluster.rescue`), or by its lease. A delivery found in the middle of its hand-over
    stays marked as such, so that its repetition is known to be one. The caller commits.
    """
    names = {
        name
        for table in CLAIMED
        for name in connection.scalars(select(table.c.claimed_by).distinct())
        if name is not None
    }
    dead = [name for name in names if _host(name) == host and _is_dead(_pid(name), alive)]
    return _free(connection, dead, now) if dead else 0


def give_back(connection: Connection, signed: str, *, now: datetime) -> int:
    """Give back what is claimed under the name *signed*; return how many claims there were.

    The caller commits.
    """
    return _free(connection, [signed], now)


def leave_behind(connection: Connection, *, now: datetime) -> None:
    """Let no worker count as running, nor anything as claimed, in a copy of a database.

    Who worked on what it was copied from knows nothing of it. The caller commits.
    """
    running = update(t.workers).where(t.workers.c.stopped_at.is_(None))
    connection.execute(running.values(stopped_at=now))
    for table in CLAIMED:
        claimed = update(table).where(table.c.claimed_by.is_not(None))
        connection.execute(claimed.values(due_at=now, claimed_by=None))


def _free(connection: Connection, names: list[str], now: datetime) -> int:
    freed = [
        connection.scalars(
            update(table)
            .where(table.c.claimed_by.in_(names))
            .values(due_at=now, claimed_by=None)
            .returning(table.c.id)
        ).all()
        for table in CLAIMED
    ]
    return sum(map(len, freed))


def _is_dead(pid: str, alive: Callable[[int], bool]) -> bool:
    return pid.isdecimal() and not alive(int(pid))


def _host(name: str) -> str:
    return name.rpartition(":")[0]


def _pid(name: str) -> str:
    return name.rpartition(":")[2]
