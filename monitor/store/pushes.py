"""Pushes in the store: which hubs are to be asked for them, and what they have promised.

* There is one for each feed that names a hub; it follows the feed's hub and topic.
* While a push holds, its feed's `push_until` says so: it is then polled less often.
* A push that came in waits (`pending`) until its feed is not just being polled: none is lost.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import case, delete, select, update

from monitor.model import Push, PushState, PushToAsk
from monitor.store import schema as t
from monitor.store.rows import change_rows
from monitor.store.upsert import inserting

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from sqlalchemy import Connection, Row

PAUSE: Final = timedelta(minutes=1)  # between two polls of a feed, however often its hub calls


def sync(connection: Connection, *, now: datetime, secrets: Callable[[], tuple[str, str]]) -> None:
    """Have a push for each feed that names a hub, and for no other. The caller commits.

    *secrets* gives a token that nobody can guess, and a secret.
    """
    pushes = {row.feed_id: row for row in connection.execute(select(t.pushes))}
    named = select(t.feeds.c.id, t.feeds.c.url, t.feeds.c.wishes).where(
        t.feeds.c.enabled, t.feeds.c.wishes.is_not(None)
    )
    fresh: list[dict[str, Any]] = []
    for feed, url, wishes in connection.execute(named):
        hub = (wishes or {}).get("hub")
        if not hub:
            continue
        about = {"hub": hub, "topic": wishes.get("topic") or url}
        row = pushes.pop(feed, None)
        if row is not None and (row.hub, row.topic) == (hub, about["topic"]):
            if row.state == PushState.LEAVING:  # the feed is back
                wanted = {"state": PushState.WANTED, "due_at": now, "attempts": 0}
                change_rows(connection, t.pushes, [{"id": row.id, **wanted}])
            continue
        if row is not None:
            connection.execute(delete(t.pushes).where(t.pushes.c.id == row.id))
            _held_until(connection, feed, None)
        token, secret = secrets()
        fresh.append(
            {
                **about,
                "feed_id": feed,
                "token": token,
                "secret": secret,
                "state": PushState.WANTED,
                "due_at": now,
            }
        )
    for row in pushes.values():
        _leave(connection, row, now)
    if fresh:
        connection.execute(inserting(connection, t.pushes).on_conflict_do_nothing(), fresh)


def _leave(connection: Connection, row: Row[Any], now: datetime) -> None:
    if row.state in {PushState.WANTED, PushState.REFUSED}:
        connection.execute(delete(t.pushes).where(t.pushes.c.id == row.id))  # no hub knows of it
    elif row.state != PushState.LEAVING:
        leaving = {"state": PushState.LEAVING, "due_at": now, "attempts": 0, "claimed_by": None}
        change_rows(connection, t.pushes, [{"id": row.id, **leaving}])
        _held_until(connection, row.feed_id, None)


def _held_until(connection: Connection, feed: int, until: datetime | None) -> None:
    connection.execute(update(t.feeds).where(t.feeds.c.id == feed).values(push_until=until))


def anything(connection: Connection, *, now: datetime) -> bool:
    """Return whether there is a hub to be asked or a feed to be made due."""
    waiting = select(t.pushes.c.id).where((t.pushes.c.due_at <= now) | t.pushes.c.pending).limit(1)
    return connection.scalar(waiting) is not None


def claim_due(
    connection: Connection, *, now: datetime, lease: timedelta, limit: int, worker: str
) -> list[PushToAsk]:
    """Take up to *limit* pushes whose hub is to be asked. The caller commits.

    A hub may ask back before it has answered: so they count as asked for from now on.
    """
    due = (
        select(t.pushes.c.id)
        .where(t.pushes.c.due_at <= now)
        .order_by(t.pushes.c.due_at, t.pushes.c.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
        .cte("due")
    )
    asked = case(
        (t.pushes.c.state.in_([PushState.WANTED, PushState.REFUSED]), PushState.ASKED.value),
        else_=t.pushes.c.state,
    )
    claim = (
        update(t.pushes)
        .where(t.pushes.c.id == due.c.id)
        .values(
            due_at=now + lease,
            claimed_by=worker,
            attempts=t.pushes.c.attempts + 1,
            state=asked,
        )
        .returning(
            t.pushes.c.id,
            t.pushes.c.attempts,
            t.pushes.c.hub,
            t.pushes.c.topic,
            t.pushes.c.token,
            t.pushes.c.secret,
            t.pushes.c.state,
        )
    )
    return [
        PushToAsk(
            *(row.id, row.attempts, row.hub, row.topic, row.token, row.secret),
            leaving=row.state == PushState.LEAVING,
        )
        for row in connection.execute(claim)
    ]


def settle(
    connection: Connection, push: PushToAsk, *, due_at: datetime | None, error: str | None
) -> None:
    """Record how asking went; with *due_at* None the push is forgotten. The caller commits.

    Does nothing if the hub has asked back meanwhile: that says more.
    """
    mine = (
        t.pushes.c.id == push.id,
        t.pushes.c.attempts == push.attempt,
        t.pushes.c.claimed_by.is_not(None),
    )
    if due_at is None:
        connection.execute(delete(t.pushes).where(*mine))
        return
    connection.execute(
        update(t.pushes).where(*mine).values(due_at=due_at, claimed_by=None, error=error)
    )


def find(connection: Connection, token: str) -> Push | None:
    """Return the push of that token."""
    query = select(
        t.pushes.c.feed_id, t.feeds.c.key, t.pushes.c.topic, t.pushes.c.secret, t.pushes.c.state
    )
    query = query.join(t.feeds, t.feeds.c.id == t.pushes.c.feed_id).where(t.pushes.c.token == token)
    row = connection.execute(query).one_or_none()
    return Push(*row[:-1], PushState(row.state)) if row else None


def hold(connection: Connection, token: str, *, until: datetime, renew_at: datetime) -> None:
    """Record that the hub has promised to push until then. The caller commits."""
    held = (
        update(t.pushes)
        .where(t.pushes.c.token == token, t.pushes.c.state != PushState.LEAVING)
        .values(
            state=PushState.HELD,
            lease_until=until,
            due_at=renew_at,
            claimed_by=None,
            attempts=0,
            error=None,
        )
        .returning(t.pushes.c.feed_id)
    )
    for feed in connection.scalars(held).all():
        _held_until(connection, feed, until)


def refuse(connection: Connection, token: str, *, reason: str, due_at: datetime) -> None:
    """Record that the hub does not push; it is asked again then. The caller commits."""
    refused = (
        update(t.pushes)
        .where(t.pushes.c.token == token)
        .values(
            state=PushState.REFUSED,
            lease_until=None,
            due_at=due_at,
            claimed_by=None,
            error=reason,
        )
        .returning(t.pushes.c.feed_id)
    )
    for feed in connection.scalars(refused).all():
        _held_until(connection, feed, None)


def forget(connection: Connection, token: str) -> None:
    """Delete a push whose hub has confirmed the end. The caller commits."""
    connection.execute(delete(t.pushes).where(t.pushes.c.token == token))


def heard(connection: Connection, token: str, *, now: datetime) -> None:
    """Note that the hub called. The caller commits."""
    called = update(t.pushes).where(
        t.pushes.c.token == token, t.pushes.c.state != PushState.LEAVING
    )
    connection.execute(called.values(pending=True, pushed_at=now))


def make_due(connection: Connection, *, now: datetime, pause: timedelta = PAUSE) -> Sequence[str]:
    """Make the feeds due whose hubs called; return their keys. The caller commits.

    A feed that is just being polled waits its turn. One that fails keeps to its back-off; no feed
    is asked within *pause* of its last answer.
    """
    query = (
        select(
            t.pushes.c.id.label("push"),
            *(t.feeds.c.id, t.feeds.c.key, t.feeds.c.last_ok_at, t.feeds.c.enabled),
            *(t.feeds.c.failures, t.feeds.c.due_at),
        )
        .select_from(t.feeds)
        .join(t.pushes, t.pushes.c.feed_id == t.feeds.c.id)
        .where(t.pushes.c.pending, t.feeds.c.claimed_by.is_(None))
        .order_by(t.feeds.c.id)
        .with_for_update(skip_locked=True)
    )
    made = []
    for feed in connection.execute(query).all():
        change_rows(connection, t.pushes, [{"id": feed.push, "pending": False}])
        due = now if feed.last_ok_at is None else max(now, feed.last_ok_at + pause)
        if feed.enabled and not feed.failures and feed.due_at > due:
            change_rows(connection, t.feeds, [{"id": feed.id, "due_at": due}])
            made.append(feed.key)
    return made
