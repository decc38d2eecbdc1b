"""Deliveries in the store: claim one, write down that its end is near, record how it went.

* A claim moves `due_at` on by a lease and leaves the status as it is. Only the step right before
  the last byte makes it "handing_over": so whoever finds that status knows that the mail may have
  been taken, and whoever finds "waiting" knows that it was not.
* `attempts` is a fence: a worker whose lease ran out changes nothing any more, and does not even
  send its last byte.
* Whoever has left the subscription gets nothing more: a claim passes over what is due for them,
  and ends it; one that was claimed before they left does not send its last byte.
* The bytes that are about to be sent are kept, so that a repetition, and an answer years later,
  has the same ones. What a digest's mails have in common is kept once, with the digest.
"""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Any

from sqlalchemy import case, func, select, update

from monitor.model import (
    Attachment,
    DeliveryStatus,
    DeliveryToMake,
    DigestKind,
    Rendered,
    SentForm,
    Undelivered,
    Way,
    sent_form,
)
from monitor.store import attachments, suppressions
from monitor.store import schema as t
from monitor.store.rows import change_rows, row_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence
    from datetime import datetime, timedelta

    from sqlalchemy import ColumnElement, Connection, Row

REVIVALS = 2  # how often one that ended badly comes back because its recipient took another
MAY_BE_THERE = (DeliveryStatus.SENT, DeliveryStatus.UNSURE)
ENDED_BADLY = (DeliveryStatus.REFUSED, DeliveryStatus.FAILED)
ENDED_WELL = (DeliveryStatus.SENT, DeliveryStatus.UNSUBSCRIBED)


def claim_due(
    connection: Connection,
    *,
    now: datetime,
    lease: timedelta,
    patience: timedelta,
    worker: str,
    to: Way = Way.ANY,
    but: Collection[str] = (),
) -> DeliveryToMake | None:
    """Take a delivery that is due for *worker*, if any. The lease: `claims.claim_due`.

    Those never tried come first, so that what is put off again and again delays nobody; of those
    alerts, since digests can wait; then the longest overdue. *patience* is how long after its first
    attempt one is put off. *to* is what recipients must be, *but* those to leave out. The caller
    commits.
    """
    its = t.deliveries.c
    due = (
        select(t.deliveries.c.id)
        .join(t.digests, t.digests.c.id == t.deliveries.c.digest_id)
        .where(t.deliveries.c.due_at <= now, *_by(to), t.deliveries.c.recipient.not_in(but))
        .order_by(
            t.deliveries.c.attempts > 0,
            t.digests.c.kind != DigestKind.ALERT,
            t.deliveries.c.due_at,
            t.deliveries.c.id,
        )
        .limit(1)
        .with_for_update(skip_locked=True, of=t.deliveries)
    )
    while (delivery_id := connection.scalar(due)) is not None:
        row = connection.execute(select(t.deliveries).where(its.id == delivery_id)).one()
        digest = connection.execute(select(t.digests).where(t.digests.c.id == row.digest_id)).one()
        if suppressions.find(connection, digest.subscription, row.recipient) is not None:
            suppressions.end(connection, row)
            continue
        claim = update(t.deliveries).where(its.id == delivery_id)
        claim = claim.values(
            due_at=now + lease,
            claimed_by=worker,
            attempts=row.attempts + 1,
            give_up_at=row.give_up_at or now + patience,
        )
        claimed = connection.execute(claim.returning(*its)).one()
        return _to_make(claimed, digest, attachments.of_digest(connection, digest.id))
    return None


def _to_make(row: Row[Any], digest: Row[Any], files: tuple[Attachment, ...]) -> DeliveryToMake:
    return DeliveryToMake(
        id=row.id,
        attempt=row.attempts,
        recipient=row.recipient,
        message_id=row.message_id,
        subscription=digest.subscription,
        composed_at=digest.composed_at,
        rendered=Rendered(digest.subject, digest.text, digest.html, files),
        resumed=row.status in {DeliveryStatus.HANDING_OVER, DeliveryStatus.UNSURE},
        doubts=row.doubts,
        head=row.head,
        body=None if digest.body is None else zlib.decompress(digest.body),
        give_up_at=row.give_up_at,
        brief=digest.brief,
    )


def _by(way: Way) -> list[ColumnElement[bool]]:
    is_mail = t.deliveries.c.recipient.contains("@")
    return {Way.ANY: [], Way.MAIL: [is_mail], Way.CHANNEL: [~is_mail]}[way]


def near_end(
    connection: Connection, delivery: DeliveryToMake, head: bytes, body: bytes | None
) -> bool:
    """Write down that the last byte of *delivery*, sent as *head* and *body*, is next.

    *body* is None where the digest's deliveries have nothing in common. Returns False if the lease
    ran out and another worker has taken the delivery since, if its recipient has left the list, or
    if the digest's mails have another body already: the caller rolls back then, and the byte must
    not be sent. Else the caller commits, and only then may the byte be sent.
    """
    if suppressions.find(connection, delivery.subscription, delivery.recipient) is not None:
        return False
    marked = connection.scalar(
        update(t.deliveries)
        .where(t.deliveries.c.id == delivery.id, t.deliveries.c.attempts == delivery.attempt)
        .values(status=DeliveryStatus.HANDING_OVER, head=head)
        .returning(t.deliveries.c.digest_id)
    )
    if marked is None:
        return False
    if body is None:
        return True
    if delivery.body is None:
        first = t.digests.c.id == marked, t.digests.c.body.is_(None)
        packed = zlib.compress(body, level=9)
        connection.execute(update(t.digests).where(*first).values(body=packed))
    kept = connection.scalar(select(t.digests.c.body).where(t.digests.c.id == marked))
    return kept is not None and zlib.decompress(kept) == body


def settle(
    connection: Connection,
    delivery: DeliveryToMake,
    status: DeliveryStatus,
    *,
    now: datetime,
    due_at: datetime | None,
    error: str | None,
    doubts: int = 0,
) -> bool:
    """Record how an attempt ended; with *due_at* None nothing more is tried.

    *doubts* is how many attempts, this one included, were never answered. The bytes of a mail that
    certainly was not taken are forgotten, so that better settings make better ones. One that was
    taken brings back what ended badly for the same recipient: see `_revive`.
    Does nothing, and returns False, if the lease ran out and another worker has taken the
    delivery since. The caller commits.
    """
    settled = connection.scalars(
        update(t.deliveries)
        .where(t.deliveries.c.id == delivery.id, t.deliveries.c.attempts == delivery.attempt)
        .values(
            status=status,
            due_at=due_at,
            claimed_by=None,
            doubts=doubts,
            last_error=error,
            sent_at=now if status is DeliveryStatus.SENT else None,
            **({} if delivery.resumed or status in MAY_BE_THERE else {"head": None}),
        )
        .returning(t.deliveries.c.id)
    )
    if settled.one_or_none() is None:
        return False
    if status is DeliveryStatus.SENT:
        _revive(connection, delivery.recipient, now)
    return True


def _revive(connection: Connection, recipient: str, now: datetime) -> None:
    """Let what ended badly for *recipient* be tried again, now that it takes mails again.

    The hits of a digest are in no later one, so without this they would stay unmailed.
    """
    connection.execute(
        update(t.deliveries)
        .where(t.deliveries.c.recipient == recipient, t.deliveries.c.status.in_(ENDED_BADLY))
        .where(t.deliveries.c.revivals < REVIVALS)
        .values(
            status=DeliveryStatus.WAITING,
            due_at=now,
            give_up_at=None,
            revivals=t.deliveries.c.revivals + 1,
        )
    )


def any_due(
    connection: Connection, *, now: datetime, to: Way = Way.ANY, but: Collection[str] = ()
) -> bool:
    """Return whether any delivery is due, as in `claim_due`; costs no write transaction."""
    due = select(t.deliveries.c.id).where(
        t.deliveries.c.due_at <= now, *_by(to), t.deliveries.c.recipient.not_in(but)
    )
    return connection.scalar(due.limit(1)) is not None


def retry(connection: Connection, ids: Iterable[int], *, now: datetime) -> dict[int, str | None]:
    """Make each delivery of *ids* due now, with all its patience; return what is against it.

    That is None for those that are due now. What may have been taken once stays unsure. The caller
    commits.
    """
    told: dict[int, str | None] = {}
    for delivery_id in ids:
        row = row_of(connection, t.deliveries, delivery_id, lock=True)
        told[delivery_id] = _against(row)
        if row is None or told[delivery_id] is not None:
            continue
        status = DeliveryStatus.WAITING if row.status in ENDED_BADLY else row.status
        fresh = {"due_at": now, "give_up_at": None, "doubts": 0, "revivals": 0}
        change_rows(connection, t.deliveries, [{"id": row.id, "status": status, **fresh}])
    return told


def _against(row: Row[Any] | None) -> str | None:
    if row is None:
        return "there is no such delivery"
    if row.status == DeliveryStatus.SENT:
        return "was taken, and is not sent again"
    if row.status == DeliveryStatus.UNSUBSCRIBED:
        return "its recipient has left the list"
    if row.claimed_by is not None:
        return f"is being handed over by {row.claimed_by}"
    return None


def ended_badly(connection: Connection) -> Sequence[int]:
    """Return the ids of all deliveries that were refused or given up, oldest first."""
    ended = t.deliveries.c.status.in_(ENDED_BADLY)
    return connection.scalars(
        select(t.deliveries.c.id).where(ended).order_by(t.deliveries.c.id)
    ).all()


def pruned_at(connection: Connection, delivery_id: int) -> datetime | None:
    """Return when the words of its digest were deleted; None if they are there."""
    its_digest = t.digests.c.id == t.deliveries.c.digest_id
    query = select(t.digests.c.pruned_at).join(t.deliveries, its_digest)
    found: datetime | None = connection.scalar(query.where(t.deliveries.c.id == delivery_id))
    return found


def message(connection: Connection, delivery_id: int) -> bytes | None:
    """Return the bytes that were sent, or were about to be; None if it never came to that."""
    found = sent(connection, delivery_id)
    return found and found[0]


def sent(connection: Connection, delivery_id: int) -> tuple[bytes, SentForm] | None:
    """Return the same with its form."""
    query = (
        select(t.deliveries.c.recipient, t.deliveries.c.head, t.digests.c.body)
        .join(t.digests, t.digests.c.id == t.deliveries.c.digest_id)
        .where(t.deliveries.c.id == delivery_id)
    )
    row = connection.execute(query).one_or_none()
    if row is None or row.head is None:
        return None
    head: bytes = row.head
    form = sent_form(row.recipient, head)
    if form is None:  # pragma: no cover - there is a head
        return None
    if row.body is None or form is not SentForm.MAIL:
        return head, form
    return head + zlib.decompress(row.body), form


def troubled(connection: Connection, *, since: datetime) -> list[tuple[str, str, int, str | None]]:
    """Return recipient, status, attempts and last error of every delivery that is not well.

    That is one which is still tried after an error, or which ended refused, given up or unsure for
    a digest made after *since*.
    """
    tried = t.deliveries.c.due_at.is_not(None) & t.deliveries.c.last_error.is_not(None)
    ended = t.deliveries.c.due_at.is_(None) & t.deliveries.c.status.not_in(ENDED_WELL)
    query = (
        select(
            t.deliveries.c.recipient,
            t.deliveries.c.status,
            t.deliveries.c.attempts,
            t.deliveries.c.last_error,
        )
        .join(t.digests, t.digests.c.id == t.deliveries.c.digest_id)
        .where(tried | (ended & (t.digests.c.composed_at > since)))
        .order_by(t.deliveries.c.id)
    )
    return [(*row,) for row in connection.execute(query)]


def undelivered(connection: Connection, *, since: datetime) -> dict[str, list[Undelivered]]:
    """Return by subscription its digests and alerts after *since* that not all recipients have got.

    The oldest come first. One of which all is well is left out.
    What is to be tried for the first time does not count, nor what may have arrived or what its
    recipient did not want any more.
    """
    arrived = (*MAY_BE_THERE, DeliveryStatus.UNSUBSCRIBED)
    tried = t.deliveries.c.status.not_in(arrived) & t.deliveries.c.last_error.is_not(None)
    missing = func.sum(case((tried, 1), else_=0))
    query = (
        select(
            *(t.digests.c.subscription, t.digests.c.slot, missing),
            *(func.count(t.deliveries.c.id), t.digests.c.kind),
        )
        .join(t.deliveries, t.deliveries.c.digest_id == t.digests.c.id)
        .where(t.digests.c.composed_at > since)
        .group_by(t.digests.c.id, t.digests.c.subscription, t.digests.c.slot, t.digests.c.kind)
        .having(missing > 0)
        .order_by(t.digests.c.slot)
    )
    found: dict[str, list[Undelivered]] = {}
    for subscription, slot, lost, count, kind in connection.execute(query):
        found.setdefault(subscription, []).append(Undelivered(slot, lost, count, DigestKind(kind)))
    return found


def call_back(connection: Connection, *, before: datetime, now: datetime) -> int:
    """Make those due that wait until after *before*; return how many. The caller commits."""
    its = t.deliveries.c
    put_off = its.due_at > before, its.claimed_by.is_(None)
    called = update(t.deliveries).where(*put_off).values(due_at=now).returning(its.id)
    return len(connection.scalars(called).all())


def of_slot(connection: Connection, slot: datetime) -> list[tuple[str, str, str, str | None]]:
    """Return subscription, recipient, status and last error of the deliveries of *slot*."""
    query = (
        select(
            t.digests.c.subscription,
            t.deliveries.c.recipient,
            t.deliveries.c.status,
            t.deliveries.c.last_error,
        )
        .join(t.digests, t.digests.c.id == t.deliveries.c.digest_id)
        .where(t.digests.c.slot == slot)
        .order_by(t.deliveries.c.id)
    )
    return [(*row,) for row in connection.execute(query)]
