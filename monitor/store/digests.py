"""Digests in the store: which slot is open, which hits are unreported, and freezing an edition.

A digest takes hits *not yet reported to this subscription*, never "hits of the last day": so a
digest that comes late, or comes after days of downtime, leaves nothing out and repeats nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import ColumnElement, exists, func, select

from monitor.model import DigestKind, Rendered
from monitor.store import attachments, audit, suppressions
from monitor.store import schema as t
from monitor.store.many import Many
from monitor.store.upsert import inserting

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from sqlalchemy import Connection


REACH = timedelta(days=7)  # how far before the last digest a hit may have been found to be due yet
LOOKBACK = timedelta(days=1)  # what a new subscription's first digest reaches back to
_ADD_ITEMS: Final = Many(
    ("digest_id", "subscription", "hit_id"),
    lambda connection: inserting(connection, t.digest_items),
)


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
    """A digest as it was made, with the hits it reports; without words once they were deleted."""

    rendered: Rendered
    hits: tuple[int, ...]
    pruned_at: datetime | None


def _of(subscription: str) -> ColumnElement[bool]:
    """Return what is true of the digests of *subscription*, alerts left out."""
    return (t.digests.c.subscription == subscription) & (t.digests.c.kind == DigestKind.DIGEST)


def is_open(connection: Connection, subscription: str, slot: datetime) -> bool:
    """Return whether *slot* is later than the subscription's start and has no digest yet."""
    started = select(t.subscriptions.c.started_at).where(t.subscriptions.c.name == subscription)
    made = exists().where(_of(subscription), t.digests.c.slot == slot)
    started_at = connection.scalar(started)
    return started_at is not None and slot > started_at and not connection.scalar(select(made))


def last_sent(connection: Connection, subscription: str, *, before: datetime) -> datetime | None:
    """Return the last slot before *before* whose digest went to anybody, else the start."""
    sent = exists().where(t.deliveries.c.digest_id == t.digests.c.id)
    last = func.max(t.digests.c.slot, type_=t.digests.c.slot.type)
    made = _of(subscription), t.digests.c.slot < before
    started = select(t.subscriptions.c.started_at).where(t.subscriptions.c.name == subscription)
    return connection.scalar(select(last).where(*made, sent)) or connection.scalar(started)


def last_made(connection: Connection, subscription: str, *, now: datetime) -> datetime | None:
    """Return the last slot not after *now* that has a digest, else the subscription's start.

    None for a subscription that was never seen. Slots after *now* are left of a clock that ran
    ahead, and hide none.
    """
    last = func.max(t.digests.c.slot, type_=t.digests.c.slot.type)
    made = _of(subscription), t.digests.c.slot <= now
    started = select(t.subscriptions.c.started_at).where(t.subscriptions.c.name == subscription)
    return connection.scalar(select(last).where(*made)) or connection.scalar(started)


def standing(
    connection: Connection, subscription: str, slot: datetime, *, now: datetime
) -> Standing:
    """Return where *subscription* stands before its digest of *slot*.

    A subscription that was never seen before starts now.
    """
    last = select(t.digests.c.composed_at, t.digests.c.slot, t.digests.c.lexicon).where(
        _of(subscription), t.digests.c.slot < slot
    )
    row = connection.execute(last.order_by(t.digests.c.slot.desc()).limit(1)).one_or_none()
    if row is not None:
        return Standing(row.composed_at, row.lexicon, min(row.composed_at, row.slot, now) - REACH)
    started = select(t.subscriptions.c.started_at).where(t.subscriptions.c.name == subscription)
    return Standing(None, None, (connection.scalar(started) or now) - LOOKBACK)


def freeze(connection: Connection, edition: FrozenDigest) -> bool:
    """Store *edition*, its items and its deliveries; False if the slot has its digest already.

    Raises IntegrityError if one of its hits was reported to the subscription meanwhile: nothing
    is stored then, and the slot stays open. Who has left the list gets no delivery. The caller
    commits.
    """
    insert = inserting(connection, t.digests).on_conflict_do_nothing().returning(t.digests.c.id)
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
    digest_id = connection.execute(insert, [row]).scalar_one_or_none()
    if digest_id is None:
        return False
    audit.append(
        connection,
        audit.DIGEST,
        str(digest_id),
        audit.of_digest(row["subject"], row["text"], row["html"], edition.rendered.attachments),
        who=audit.SERVICE,
        now=edition.composed_at,
    )
    items = [(digest_id, edition.subscription, hit_id) for hit_id in edition.hits]
    _ADD_ITEMS.execute(connection, items)
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
        connection.execute(inserting(connection, t.attachments), files)
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
        for recipient in suppressions.wanting(connection, edition.subscription, edition.message_ids)
    ]
    if rows:
        connection.execute(inserting(connection, t.deliveries), rows)
    return True


def made_since(connection: Connection, subscription: str, slot: datetime) -> bool:
    """Return whether the subscription has a digest for a slot later than *slot*."""
    made = exists().where(_of(subscription), t.digests.c.slot > slot)
    return bool(connection.scalar(select(made)))


def frozen(connection: Connection, subscription: str, minute: datetime) -> Frozen | None:
    """Return the last digest of *subscription* whose slot lies in the minute from *minute* on."""
    within = t.digests.c.slot >= minute, t.digests.c.slot < minute + timedelta(minutes=1)
    rows = select(t.digests).where(t.digests.c.subscription == subscription, *within)
    row = connection.execute(rows.order_by(t.digests.c.id.desc()).limit(1)).one_or_none()
    if row is None:
        return None
    items = select(t.digest_items.c.hit_id).where(t.digest_items.c.digest_id == row.id)
    files = attachments.of_digest(connection, row.id)
    return Frozen(
        Rendered(row.subject, row.text, row.html, files),
        tuple(sorted(connection.scalars(items))),
        row.pruned_at,
    )
