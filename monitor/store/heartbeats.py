"""Heartbeats in the store: up to which digest a watcher outside was told that all went well.

A row is a claim too: whoever is to call moves `due_at` on by a lease, so that of several processes
one calls.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from sqlalchemy import exists, func, or_, select, update

from monitor.model import DeliveryStatus, DigestKind
from monitor.store import schema as t
from monitor.store.upsert import insert_new

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy import Connection

DIGESTS: Final = "digests"
REACH: Final = timedelta(days=1)  # how far back a round may reach
_GOOD: Final = (DeliveryStatus.SENT, DeliveryStatus.UNSUBSCRIBED)


@dataclass(frozen=True, slots=True)
class Failing:
    """A watcher that could not be told, with how many tries and the last error."""

    attempts: int
    error: str


def good_round(connection: Connection, *, now: datetime) -> int | None:
    """Return the newest digest of a round that went well and was not told of yet, else None.

    The round is the latest digest of each subscription that was made since the watcher was told,
    at most `REACH` ago. It went well if each got through to somebody, or was for nobody.
    """
    told = select(t.heartbeats.c.digest_id).where(t.heartbeats.c.name == DIGESTS)
    its = t.digests.c
    latest = (
        select(func.max(its.id).label("id"))
        .where(its.composed_at > now - REACH, its.kind == DigestKind.DIGEST)
        .where(its.id > (connection.scalar(told) or 0))
        .group_by(its.subscription)
        .subquery()
    )
    deliveries = exists().where(t.deliveries.c.digest_id == latest.c.id)
    query = select(latest.c.id, deliveries.where(t.deliveries.c.status.in_(_GOOD)) | ~deliveries)
    found = connection.execute(query).all()
    return max(number for number, _ in found) if found and all(good for _, good in found) else None


def claim(connection: Connection, *, now: datetime, lease: timedelta) -> int | None:
    """Take the call for oneself; return how many tries failed before, None if it is not due.

    The caller commits.
    """
    insert_new(connection, t.heartbeats, [{"name": DIGESTS}])
    its = t.heartbeats.c
    due = its.name == DIGESTS, or_(its.due_at.is_(None), its.due_at <= now)
    taken = update(t.heartbeats).where(*due).values(due_at=now + lease, tried_at=now)
    attempts: int | None = connection.scalar(taken.returning(its.attempts))
    return attempts


def called(connection: Connection, digest: int, *, now: datetime) -> None:
    """Record that the watcher was told of all up to *digest*. The caller commits."""
    _set(connection, digest_id=digest, called_at=now, due_at=None, attempts=0, error=None)


def failed(connection: Connection, attempts: int, error: str, *, due_at: datetime) -> None:
    """Record that the watcher could not be told, and when to try again. The caller commits."""
    _set(connection, attempts=attempts, error=error, due_at=due_at)


def _set(connection: Connection, **values: object) -> None:
    connection.execute(update(t.heartbeats).where(t.heartbeats.c.name == DIGESTS).values(**values))


def failing(connection: Connection, *, now: datetime) -> Failing | None:
    """Return what is wrong if the watcher could not be told and is still tried."""
    its = t.heartbeats.c
    query = select(its.attempts, its.error).where(its.name == DIGESTS, its.error.is_not(None))
    row = connection.execute(query.where(its.tried_at > now - REACH)).one_or_none()
    return None if row is None else Failing(*row)
