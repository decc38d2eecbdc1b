"""Digests as they were sent, for whoever looks at them later. Reads only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import case, func, select

from monitor.model import DeliveryStatus
from monitor.store.schema import DeliveryRow, DigestItemRow, DigestRow

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from sqlalchemy import Select
    from sqlalchemy.orm import Session


@dataclass(frozen=True, slots=True)
class Listed:
    """A digest in a list: *sent* of *recipients* have got it."""

    id: int
    subscription: str
    slot: datetime
    composed_at: datetime
    subject: str
    recipients: int
    sent: int


@dataclass(frozen=True, slots=True)
class Delivered:
    """What became of a digest for one recipient; *kept* if its bytes can be shown."""

    id: int
    recipient: str
    status: str
    attempts: int
    message_id: str
    sent_at: datetime | None
    next_attempt_at: datetime | None
    last_error: str | None
    kept: bool


@dataclass(frozen=True, slots=True)
class Archived:
    """A digest in full, as it was frozen."""

    id: int
    subscription: str
    slot: datetime
    composed_at: datetime
    lexicon: str
    subject: str
    text: str
    html: str
    token: str | None
    hits: int
    deliveries: tuple[Delivered, ...]


def listed(
    session: Session, *, subscription: str | None = None, before: int | None = None, limit: int
) -> Sequence[Listed]:
    """Return up to *limit* digests, newest first; *before* is the id the last page ended with."""
    query = select(
        DigestRow.id,
        DigestRow.subscription,
        DigestRow.slot,
        DigestRow.composed_at,
        DigestRow.subject,
    )
    if subscription is not None:
        query = query.where(DigestRow.subscription == subscription)
    if before is not None:
        query = query.where(DigestRow.id < before)
    digests = session.execute(query.order_by(DigestRow.id.desc()).limit(limit)).all()
    sent = func.sum(case((DeliveryRow.status == DeliveryStatus.SENT, 1), else_=0))
    counts = (
        select(DeliveryRow.digest_id, func.count(DeliveryRow.id), sent)
        .where(DeliveryRow.digest_id.in_([row.id for row in digests]))
        .group_by(DeliveryRow.digest_id)
    )
    found = {digest: (count, taken) for digest, count, taken in session.execute(counts)}
    return [Listed(*row, *found.get(row.id, (0, 0))) for row in digests]


def subscriptions(session: Session) -> Sequence[str]:
    """Return the names of all subscriptions that ever had a digest, in order."""
    query = select(DigestRow.subscription).distinct().order_by(DigestRow.subscription)
    return session.scalars(query).all()


def archived(session: Session, digest_id: int) -> Archived | None:
    """Return the digest of this id."""
    return _archived(session, select(DigestRow).where(DigestRow.id == digest_id))


def by_token(session: Session, token: str) -> Archived | None:
    """Return the digest whose page has an address that ends in *token*."""
    return _archived(session, select(DigestRow).where(DigestRow.token == token))


def _archived(session: Session, query: Select[DigestRow]) -> Archived | None:
    digest = session.scalars(query).first()
    if digest is None:
        return None
    hits = select(func.count(DigestItemRow.id)).where(DigestItemRow.digest_id == digest.id)
    return Archived(
        id=digest.id,
        subscription=digest.subscription,
        slot=digest.slot,
        composed_at=digest.composed_at,
        lexicon=digest.lexicon,
        subject=digest.subject,
        text=digest.text,
        html=digest.html,
        token=digest.token,
        hits=session.scalars(hits).one(),
        deliveries=tuple(deliveries_of(session, digest.id)),
    )


def deliveries_of(session: Session, digest_id: int) -> list[Delivered]:
    """Return what became of a digest, recipient by recipient."""
    query = (
        select(
            DeliveryRow.id,
            DeliveryRow.recipient,
            DeliveryRow.status,
            DeliveryRow.attempts,
            DeliveryRow.message_id,
            DeliveryRow.sent_at,
            DeliveryRow.due_at,
            DeliveryRow.last_error,
            DeliveryRow.head.is_not(None),
        )
        .where(DeliveryRow.digest_id == digest_id)
        .order_by(DeliveryRow.id)
    )
    return [Delivered(*row) for row in session.execute(query)]
