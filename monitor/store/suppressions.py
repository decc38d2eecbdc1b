"""Suppressions in the store: who has left which subscription, and gets nothing more of it.

* That nothing more goes out is held where a delivery is claimed, and once more before its last
  byte (`deliveries.py`): whatever made a delivery due, it ends there.
* Addresses are kept in lower case: whoever leaves has left however the configuration writes them.
* A row is never deleted: it says when a recipient left, when they came back, and how.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import select, update

from monitor.model import DeliveryStatus, is_address
from monitor.store.schema import DeliveryRow, DigestRow, SuppressionRow
from monitor.store.upsert import insert_new

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from sqlalchemy.orm import Session

    from monitor.model import LeftBy


@dataclass(frozen=True, slots=True)
class Left:
    """A recipient who has left a subscription: when and how."""

    subscription: str
    recipient: str
    left_at: datetime
    left_by: str


def leave(
    session: Session, subscription: str, recipient: str, *, now: datetime, by: LeftBy
) -> bool:
    """Let *recipient* get nothing more of *subscription*; False if they had left before.

    What waits for them ends as `unsubscribed`. The caller commits.
    """
    if find(session, subscription, recipient) is not None:
        return False
    row = {
        "subscription": subscription,
        "recipient": same(recipient),
        "left_at": now,
        "left_by": by,
        "returned_at": None,
        "returned_by": None,
    }
    insert_new(session, SuppressionRow, [row])
    waiting = (
        select(DeliveryRow)
        .join(DigestRow, DigestRow.id == DeliveryRow.digest_id)
        .where(DigestRow.subscription == subscription, DeliveryRow.due_at.is_not(None))
        .where(DeliveryRow.claimed_by.is_(None))
        .with_for_update(of=DeliveryRow)
    )
    for delivery in session.scalars(waiting):
        if same(delivery.recipient) == same(recipient):
            end(delivery)
    return True


def come_back(
    session: Session, subscription: str, recipient: str, *, now: datetime, by: LeftBy
) -> bool:
    """Let *recipient* get *subscription* again, from the next digest on; False if they do.

    The caller commits.
    """
    row = find(session, subscription, recipient)
    if row is None:
        return False
    over = update(SuppressionRow).where(
        SuppressionRow.id == row.id, SuppressionRow.returned_at.is_(None)
    )
    session.execute(over.values(returned_at=now, returned_by=by))
    return True


def in_force(session: Session) -> Sequence[Left]:
    """Return who has left which subscription and has not come back."""
    query = (
        select(
            SuppressionRow.subscription,
            SuppressionRow.recipient,
            SuppressionRow.left_at,
            SuppressionRow.left_by,
        )
        .where(SuppressionRow.returned_at.is_(None))
        .order_by(SuppressionRow.subscription, SuppressionRow.recipient)
    )
    return [Left(*row) for row in session.execute(query)]


def find(session: Session, subscription: str, recipient: str) -> SuppressionRow | None:
    """Return the suppression in force, if there is one."""
    query = select(SuppressionRow).where(
        SuppressionRow.subscription == subscription,
        SuppressionRow.recipient == same(recipient),
        SuppressionRow.returned_at.is_(None),
    )
    return session.scalars(query).one_or_none()


def wanting(session: Session, subscription: str, recipients: Iterable[str]) -> list[str]:
    """Return those of *recipients* who have not left *subscription*, in their order."""
    query = select(SuppressionRow.recipient).where(
        SuppressionRow.subscription == subscription, SuppressionRow.returned_at.is_(None)
    )
    away = set(session.scalars(query))
    return [recipient for recipient in recipients if same(recipient) not in away]


def end(delivery: DeliveryRow) -> None:
    """Let nothing more be tried for *delivery*; what may have arrived stays what it is."""
    if delivery.status == DeliveryStatus.HANDING_OVER:
        delivery.status = DeliveryStatus.UNSURE
    elif delivery.status != DeliveryStatus.UNSURE:
        delivery.status = DeliveryStatus.UNSUBSCRIBED
    delivery.due_at = delivery.claimed_by = None


def same(recipient: str) -> str:
    """Return *recipient* as it is kept here: whatever its spelling, it is the same reader."""
    return recipient.lower() if is_address(recipient) else recipient
