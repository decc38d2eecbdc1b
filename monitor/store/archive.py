"""Digests as they were sent, for whoever looks at them later. Reads only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import case, func, select

from monitor.model import DeliveryStatus, SentForm, sent_form
from monitor.store import schema as t
from monitor.store.among import among

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from sqlalchemy import Connection, Select


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
    """What became of a digest for one recipient; *form* is that of its bytes, if they are kept."""

    id: int
    recipient: str
    status: str
    attempts: int
    message_id: str
    sent_at: datetime | None
    next_attempt_at: datetime | None
    last_error: str | None
    form: SentForm | None


@dataclass(frozen=True, slots=True)
class Archived:
    """A digest in full, as it was frozen; without its words if they were deleted at *pruned_at*."""

    id: int
    subscription: str
    slot: datetime
    composed_at: datetime
    lexicon: str
    subject: str
    text: str
    html: str
    token: str | None
    pruned_at: datetime | None
    hits: int
    deliveries: tuple[Delivered, ...]


def listed(
    connection: Connection,
    *,
    subscription: str | None = None,
    before: int | None = None,
    limit: int,
) -> Sequence[Listed]:
    """Return up to *limit* digests, newest first; *before* is the id the last page ended with."""
    query = select(
        t.digests.c.id,
        t.digests.c.subscription,
        t.digests.c.slot,
        t.digests.c.composed_at,
        t.digests.c.subject,
    )
    if subscription is not None:
        query = query.where(t.digests.c.subscription == subscription)
    if before is not None:
        query = query.where(t.digests.c.id < before)
    digests = connection.execute(query.order_by(t.digests.c.id.desc()).limit(limit)).all()
    sent = func.sum(case((t.deliveries.c.status == DeliveryStatus.SENT, 1), else_=0))
    counts = (
        select(t.deliveries.c.digest_id, func.count(t.deliveries.c.id), sent)
        .where(among(t.deliveries.c.digest_id, [row.id for row in digests]))
        .group_by(t.deliveries.c.digest_id)
    )
    found = {digest: (count, taken) for digest, count, taken in connection.execute(counts)}
    return [Listed(*row, *found.get(row.id, (0, 0))) for row in digests]


def subscriptions(connection: Connection) -> Sequence[str]:
    """Return the names of all subscriptions that ever had a digest, in order."""
    query = select(t.digests.c.subscription).distinct().order_by(t.digests.c.subscription)
    return connection.scalars(query).all()


def archived(connection: Connection, digest_id: int) -> Archived | None:
    """Return the digest of this id."""
    return _archived(connection, select(t.digests).where(t.digests.c.id == digest_id))


def by_token(connection: Connection, token: str) -> Archived | None:
    """Return the digest whose page has an address that ends in *token*."""
    return _archived(connection, select(t.digests).where(t.digests.c.token == token))


def _archived(connection: Connection, query: Select[*tuple[Any, ...]]) -> Archived | None:
    digest = connection.execute(query).first()
    if digest is None:
        return None
    hits = select(func.count(t.digest_items.c.id)).where(t.digest_items.c.digest_id == digest.id)
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
        pruned_at=digest.pruned_at,
        hits=connection.scalars(hits).one(),
        deliveries=tuple(deliveries_of(connection, digest.id)),
    )


def deliveries_of(connection: Connection, digest_id: int) -> list[Delivered]:
    """Return what became of a digest, recipient by recipient."""
    query = (
        select(
            t.deliveries.c.id,
            t.deliveries.c.recipient,
            t.deliveries.c.status,
            t.deliveries.c.attempts,
            t.deliveries.c.message_id,
            t.deliveries.c.sent_at,
            t.deliveries.c.due_at,
            t.deliveries.c.last_error,
            func.substr(t.deliveries.c.head, 1, 1),
        )
        .where(t.deliveries.c.digest_id == digest_id)
        .order_by(t.deliveries.c.id)
    )
    rows = connection.execute(query).all()
    return [Delivered(*row[:-1], form=sent_form(row.recipient, row[-1])) for row in rows]
