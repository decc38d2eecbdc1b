"""Digests in the store: which slot is open, which hits are unreported, and freezing an edition.

A digest takes hits *not yet reported to this subscription*, never "hits of the last day": so a
digest that comes late, or comes after days of downtime, leaves nothing out and repeats nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import ColumnElement, exists, func, select

from monitor.model import Attachment, DigestKind, Rendered
from monitor.store import audit, suppressions
from monitor.store.schema import (
    AttachmentRow,
    DeliveryRow,
    DigestItemRow,
    DigestRow,
    SubscriptionRow,
)
from monitor.store.upsert import execute_many, insert_new, inserting

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from sqlalchemy.orm import Session


REACH = timedelta(days=7)  # how far before the last digest a hit may have been found to be due yet
LOOKBACK = timedelta(days=1)  # what a new subscription's first digest reaches back to


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a subscription stands: when its last digest was made, and by which lexicon.

    Hits found before *reaches* are not due any more.
    """

    since: datetime | None
    lexicon: str | None
    reaches: datetime


@dataclass(frozen=True, slots=True)
class FrozenDigest:
    """A composed digest, ready to be frozen. *message_ids* maps recipient to Message-ID.

    *brief* is what channels get: needed if one of the recipients is a channel.
    *token* is what the address of its page ends in.
    """

    subscription: str
    slot: datetime
    composed_at: datetime
    lexicon: str
    content: dict[str, Any]
    rendered: Rendered
    hits: Sequence[int]
    message_ids: dict[str, str]
    kind: DigestKind = DigestKind.DIGEST
    brief: dict[str, Any] | None = None
    token: str | None = None


@dataclass(frozen=True, slots=True)
class Frozen:
    """A digest as it was made, with the hits it reports."""

    rendered: Rendered
    hits: tuple[int, ...]


def sync_subscriptions(session: Session, names: Iterable[str], *, now: datetime) -> None:
    """Remember when each subscription was first seen. The caller commits."""
    rows = [{"name": name, "started_at": now} for name in names]
    insert_new(session, SubscriptionRow, rows)


def _of(subscription: str) -> ColumnElement[bool]:
    """Return what is true of the digests of *subscription*, alerts left out."""
    return (DigestRow.subscription == subscription) & (DigestRow.kind == DigestKind.DIGEST)


def is_open(session: Session, subscription: str, slot: datetime) -> bool:
    """Return whether *slot* is later than the subscription's start and has no digest yet."""
    started = select(SubscriptionRow.started_at).where(SubscriptionRow.name == subscription)
    made = exists().where(_of(subscription), DigestRow.slot == slot)
    started_at = session.scalar(started)
    return started_at is not None and slot > started_at and not session.scalar(select(made))


def last_sent(session: Session, subscription: str, *, before: datetime) -> datetime | None:
    """Return the last slot before *before* whose digest went to anybody, else the start."""
    sent = exists().where(DeliveryRow.digest_id == DigestRow.id)
    last = func.max(DigestRow.slot, type_=DigestRow.slot.type)
    made = _of(subscription), DigestRow.slot < before
    started = select(SubscriptionRow.started_at).where(SubscriptionRow.name == subscription)
    return session.scalar(select(last).where(*made, sent)) or session.scalar(started)


def last_made(session: Session, subscription: str, *, now: datetime) -> datetime | None:
    """Return the last slot not after *now* that has a digest, else the subscription's start.

    None for a subscription that was never seen. Slots after *now* are left of a clock that ran
    ahead, and hide none.
    """
    last = func.max(DigestRow.slot, type_=DigestRow.slot.type)
    made = _of(subscription), DigestRow.slot <= now
    started = select(SubscriptionRow.started_at).where(SubscriptionRow.name == subscription)
    return session.scalar(select(last).where(*made)) or session.scalar(started)


def standing(session: Session, subscription: str, slot: datetime, *, now: datetime) -> Standing:
    """Return where *subscription* stands before its digest of *slot*.

    A subscription that was never seen before starts now.
    """
    last = select(DigestRow.composed_at, DigestRow.slot, DigestRow.lexicon).where(
        _of(subscription), DigestRow.slot < slot
    )
    row = session.execute(last.order_by(DigestRow.slot.desc()).limit(1)).one_or_none()
    if row is not None:
        return Standing(row.composed_at, row.lexicon, min(row.composed_at, row.slot, now) - REACH)
    started = select(SubscriptionRow.started_at).where(SubscriptionRow.name == subscription)
    return Standing(None, None, (session.scalar(started) or now) - LOOKBACK)


def freeze(session: Session, edition: FrozenDigest) -> bool:
    """Store *edition*, its items and its deliveries; False if the slot has its digest already.

    Raises IntegrityError if one of its hits was reported to the subscription meanwhile: nothing
    is stored then, and the slot stays open. Who has left the list gets no delivery. The caller
    commits.
    """
    insert = inserting(session, DigestRow).on_conflict_do_nothing().returning(DigestRow.id)
    row: dict[str, Any] = {
        "subscription": edition.subscription,
        "slot": edition.slot,
        "composed_at": edition.composed_at,
        "lexicon": edition.lexicon,
        "content": edition.content,
        "subject": edition.rendered.subject,
        "text": edition.rendered.text,
        "html": edition.rendered.html,
        "kind": edition.kind,
        "brief": edition.brief,
        "token": edition.token,
    }
    digest_id = session.execute(insert, [row]).scalar_one_or_none()
    if digest_id is None:
        return False
    audit.append(
        session,
        audit.DIGEST,
        str(digest_id),
        audit.of_digest(row["subject"], row["text"], row["html"], edition.rendered.attachments),
        who=audit.SERVICE,
        now=edition.composed_at,
    )
    items = [
        {"digest_id": digest_id, "subscription": edition.subscription, "hit_id": hit_id}
        for hit_id in edition.hits
    ]
    if items:
        execute_many(session.connection(), inserting(session, DigestItemRow), items)
    files = [
        {
            "digest_id": digest_id,
            "number": number,
            "name": file.name,
            "kind": file.kind,
            "content": file.content,
        }
        for number, file in enumerate(edition.rendered.attachments)
    ]
    if files:
        session.execute(inserting(session, AttachmentRow), files)
    rows = [
        {
            "digest_id": digest_id,
            "recipient": recipient,
            "message_id": edition.message_ids[recipient],
            "status": "waiting",
            "attempts": 0,
            "doubts": 0,
            "due_at": edition.composed_at,
        }
        for recipient in suppressions.wanting(session, edition.subscription, edition.message_ids)
    ]
    if rows:
        session.execute(inserting(session, DeliveryRow), rows)
    return True


def made_since(session: Session, subscription: str, slot: datetime) -> bool:
    """Return whether the subscription has a digest for a slot later than *slot*."""
    made = exists().where(_of(subscription), DigestRow.slot > slot)
    return bool(session.scalar(select(made)))


def frozen(session: Session, subscription: str, minute: datetime) -> Frozen | None:
    """Return the last digest of *subscription* whose slot lies in the minute from *minute* on."""
    within = DigestRow.slot >= minute, DigestRow.slot < minute + timedelta(minutes=1)
    rows = select(DigestRow).where(DigestRow.subscription == subscription, *within)
    row = session.scalars(rows.order_by(DigestRow.id.desc()).limit(1)).one_or_none()
    if row is None:
        return None
    items = select(DigestItemRow.hit_id).where(DigestItemRow.digest_id == row.id)
    files = tuple(Attachment(it.name, it.kind, it.content) for it in row.attachments)
    return Frozen(
        Rendered(row.subject, row.text, row.html, files), tuple(sorted(session.scalars(items)))
    )
