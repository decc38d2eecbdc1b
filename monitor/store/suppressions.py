"""Suppressions in the store: who has left which subscription, and gets nothing more of it.

* That nothing more goes out is held where a delivery is claimed, and once more before its last
  byte (`deliveries.py`): whatever made a delivery due, it ends there.
* Addresses are kept in lower case: whoever leaves has left however the configuration writes them.
* A row is never deleted: it says when a recipient left, when they came back, and how.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import select, update

from monitor.model import DeliveryStatus, is_address
from monitor.store import schema as t
from monitor.store.upsert import insert_new

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from sqlalchemy import Connection, Row

    from monitor.model import LeftBy


@dataclass(frozen=True, slots=True)
class Left:
    """A recipient who has left a subscription: when and how."""

    subscription: str
    recipient: str
    left_at: datetime
    left_by: str


def leave(
    connection: Connection, subscription: str, recipient: str, *, now: datetime, by: LeftBy
) -> bool:
    """Let *recipient* get nothing more of *subscription*; False if they had left before.

    What waits for them ends as `unsubscribed`. The caller commits.
    """
    if find(connection, subscription, recipient) is not None:
        return False
    row = {
        "subscription": subscription,
        "recipient": same(recipient),
        "left_at": now,
        "left_by": by,
        "returned_at": None,
        "returned_by": None,
    }
    insert_new(connection, t.suppressions, [row])
    waiting = (
        select(t.deliveries)
        .join(t.digests, t.digests.c.id == t.deliveries.c.digest_id)
        .where(t.digests.c.subscription == subscription, t.deliveries.c.due_at.is_not(None))
        .where(t.deliveries.c.claimed_by.is_(None))
        .with_for_update(of=t.deliveries)
    )
    for delivery in connection.execute(waiting).all():
        if same(delivery.recipient) == same(recipient):
            end(connection, delivery)
    return True


def come_back(
    connection: Connection, subscription: str, recipient: str, *, now: datetime, by: LeftBy
) -> bool:
    """Let *recipient* get *subscription* again, from the next digest on; False if they do.

    The caller commits.
    """
    row = find(connection, subscription, recipient)
    if row is None:
        return False
    over = update(t.suppressions).where(
        t.suppressions.c.id == row.id, t.suppressions.c.returned_at.is_(None)
    )
    connection.execute(over.values(returned_at=now, returned_by=by))
    return True


def in_force(connection: Connection) -> Sequence[Left]:
    """Return who has left which subscription and has not come back."""
    query = (
        select(
            t.suppressions.c.subscription,
            t.suppressions.c.recipient,
            t.suppressions.c.left_at,
            t.suppressions.c.left_by,
        )
        .where(t.suppressions.c.returned_at.is_(None))
        .order_by(t.suppressions.c.subscription, t.suppressions.c.recipient)
    )
    return [Left(*row) for row in connection.execute(query)]


def find(connection: Connection, subscription: str, recipient: str) -> Row[Any] | None:
    """Return the suppression in force, if there is one."""
    query = select(t.suppressions).where(
        t.suppressions.c.subscription == subscription,
        t.suppressions.c.recipient == same(recipient),
        t.suppressions.c.returned_at.is_(None),
    )
    return connection.execute(query).one_or_none()


def wanting(connection: Connection, subscription: str, recipients: Iterable[str]) -> list[str]:
    """Return those of *recipients* who have not left *subscription*, in their order."""
    query = select(t.suppressions.c.recipient).where(
        t.suppressions.c.subscription == subscription, t.suppressions.c.returned_at.is_(None)
    )
    away = set(connection.scalars(query))
    return [recipient for recipient in recipients if same(recipient) not in away]


def end(connection: Connection, delivery: Row[Any]) -> None:
    """Let nothing more be tried for *delivery*; what may have arrived stays what it is."""
    may_be_there = delivery.status in {DeliveryStatus.HANDING_OVER, DeliveryStatus.UNSURE}
    status = DeliveryStatus.UNSURE if may_be_there else DeliveryStatus.UNSUBSCRIBED
    ended = update(t.deliveries).where(t.deliveries.c.id == delivery.id)
    connection.execute(ended.values(status=status, due_at=None, claimed_by=None))


def same(recipient: str) -> str:
    """Return *recipient* as it is kept here: whatever its spelling, it is the same reader."""
    return recipient.lower() if is_address(recipient) else recipient
