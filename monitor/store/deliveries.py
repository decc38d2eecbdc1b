"""Deliveries in the store: claim one, then record how it went."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import select, update

from monitor.model import DeliveryStatus, DeliveryToMake, Rendered
from monitor.store.schema import DeliveryRow, DigestRow

if TYPE_CHECKING:
    from datetime import datetime, timedelta

    from sqlalchemy.orm import Session


def claim_due(
    session: Session, *, now: datetime, lease: timedelta, worker: str
) -> DeliveryToMake | None:
    """Take the longest overdue delivery for *worker*, if any. The lease: `feeds.claim_due`.

    A claim that finds "handing_over" succeeds a worker that died in the middle: whether the mail
    was taken, nobody can know, so `resumed` is True.
    """
    due = (
        select(DeliveryRow.id)
        .where(DeliveryRow.due_at <= now)
        .order_by(DeliveryRow.due_at, DeliveryRow.id)
        .limit(1)
        .with_for_update(skip_locked=True)
    )
    delivery_id = session.scalar(due)
    if delivery_id is None:
        return None
    row = session.get_one(DeliveryRow, delivery_id)
    digest = session.get_one(DigestRow, row.digest_id)
    resumed = row.status in {DeliveryStatus.HANDING_OVER, DeliveryStatus.UNSURE}
    row.status = DeliveryStatus.HANDING_OVER
    row.due_at = now + lease
    row.claimed_by = worker
    row.attempts += 1
    return DeliveryToMake(
        id=row.id,
        attempt=row.attempts,
        recipient=row.recipient,
        message_id=row.message_id,
        subscription=digest.subscription,
        composed_at=digest.composed_at,
        rendered=Rendered(digest.subject, digest.text, digest.html),
        resumed=resumed,
        doubts=row.doubts,
    )


def settle(
    session: Session,
    delivery: DeliveryToMake,
    status: DeliveryStatus,
    *,
    now: datetime,
    due_at: datetime | None,
    error: str | None,
    doubts: int = 0,
) -> bool:
    """Record how an attempt ended; with *due_at* None nothing more is tried.

    *doubts* is how many attempts, this one included, were never answered.
    Does nothing, and returns False, if the lease ran out and another worker has taken the
    delivery since. The caller commits.
    """
    settled = session.scalars(
        update(DeliveryRow)
        .where(DeliveryRow.id == delivery.id, DeliveryRow.attempts == delivery.attempt)
        .values(
            status=status,
            due_at=due_at,
            claimed_by=None,
            doubts=doubts,
            last_error=error,
            sent_at=now if status is DeliveryStatus.SENT else None,
        )
        .returning(DeliveryRow.id)
    )
    return settled.one_or_none() is not None


def any_due(session: Session, *, now: datetime) -> bool:
    """Return whether any delivery is due; costs no write transaction."""
    due = select(DeliveryRow.id).where(DeliveryRow.due_at <= now).limit(1)
    return session.scalar(due) is not None


def troubled(session: Session, *, since: datetime) -> list[tuple[str, str, int, str | None]]:
    """Return recipient, status, attempts and last error of every delivery that is not well.

    That is one which is still tried after an error, or which ended refused or unsure for a digest
    made after *since*.
    """
    tried = DeliveryRow.due_at.is_not(None) & DeliveryRow.last_error.is_not(None)
    ended = DeliveryRow.status.in_([DeliveryStatus.REFUSED, DeliveryStatus.UNSURE])
    refused = ended & (DigestRow.composed_at > since)
    query = (
        select(
            DeliveryRow.recipient, DeliveryRow.status, DeliveryRow.attempts, DeliveryRow.last_error
        )
        .join(DigestRow, DigestRow.id == DeliveryRow.digest_id)
        .where(tried | refused)
        .order_by(DeliveryRow.id)
    )
    return [(*row,) for row in session.execute(query)]


def of_slot(session: Session, slot: datetime) -> list[tuple[str, str, str, str | None]]:
    """Return subscription, recipient, status and last error of the deliveries of *slot*."""
    query = (
        select(
            DigestRow.subscription,
            DeliveryRow.recipient,
            DeliveryRow.status,
            DeliveryRow.last_error,
        )
        .join(DigestRow, DigestRow.id == DeliveryRow.digest_id)
        .where(DigestRow.slot == slot)
        .order_by(DeliveryRow.id)
    )
    return [(*row,) for row in session.execute(query)]
