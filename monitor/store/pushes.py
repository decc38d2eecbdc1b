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
from monitor.store.schema import FeedRow, PushRow
from monitor.store.upsert import inserting

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from sqlalchemy.orm import Session

PAUSE: Final = timedelta(minutes=1)  # between two polls of a feed, however often its hub calls


def sync(session: Session, *, now: datetime, secrets: Callable[[], tuple[str, str]]) -> None:
    """Have a push for each feed that names a hub, and for no other. The caller commits.

    *secrets* gives a token that nobody can guess, and a secret.
    """
    pushes = {row.feed_id: row for row in session.scalars(select(PushRow))}
    named = select(FeedRow.id, FeedRow.url, FeedRow.wishes).where(
        FeedRow.enabled, FeedRow.wishes.is_not(None)
    )
    fresh: list[dict[str, Any]] = []
    for feed, url, wishes in session.execute(named):
        hub = (wishes or {}).get("hub")
        if not hub:
            continue
        about = {"hub": hub, "topic": wishes.get("topic") or url}
        row = pushes.pop(feed, None)
        if row is not None and (row.hub, row.topic) == (hub, about["topic"]):
            if row.state == PushState.LEAVING:  # the feed is back
                row.state, row.due_at, row.attempts = PushState.WANTED, now, 0
            continue
        if row is not None:
            session.delete(row)
            _held_until(session, feed, None)
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
        _leave(session, row, now)
    session.flush()
    if fresh:
        session.execute(inserting(session, PushRow).on_conflict_do_nothing(), fresh)


def _leave(session: Session, row: PushRow, now: datetime) -> None:
    if row.state in {PushState.WANTED, PushState.REFUSED}:
        session.delete(row)  # no hub knows of it
    elif row.state != PushState.LEAVING:
        row.state, row.due_at, row.attempts, row.claimed_by = PushState.LEAVING, now, 0, None
        _held_until(session, row.feed_id, None)


def _held_until(session: Session, feed: int, until: datetime | None) -> None:
    session.execute(update(FeedRow).where(FeedRow.id == feed).values(push_until=until))


def anything(session: Session, *, now: datetime) -> bool:
    """Return whether there is a hub to be asked or a feed to be made due."""
    waiting = select(PushRow.id).where((PushRow.due_at <= now) | PushRow.pending).limit(1)
    return session.scalar(waiting) is not None


def claim_due(
    session: Session, *, now: datetime, lease: timedelta, limit: int, worker: str
) -> list[PushToAsk]:
    """Take up to *limit* pushes whose hub is to be asked. The caller commits.

    A hub may ask back before it has answered: so they count as asked for from now on.
    """
    due = (
        select(PushRow.id)
        .where(PushRow.due_at <= now)
        .order_by(PushRow.due_at, PushRow.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
        .cte("due")
    )
    asked = case(
        (PushRow.state.in_([PushState.WANTED, PushState.REFUSED]), PushState.ASKED.value),
        else_=PushRow.state,
    )
    claim = (
        update(PushRow)
        .where(PushRow.id == due.c.id)
        .values(
            due_at=now + lease,
            claimed_by=worker,
            attempts=PushRow.attempts + 1,
            state=asked,
        )
        .returning(
            PushRow.id,
            PushRow.attempts,
            PushRow.hub,
            PushRow.topic,
            PushRow.token,
            PushRow.secret,
            PushRow.state,
        )
    )
    return [
        PushToAsk(*row[:-1], leaving=row.state == PushState.LEAVING)
        for row in session.execute(claim)
    ]


def settle(
    session: Session, push: PushToAsk, *, due_at: datetime | None, error: str | None
) -> None:
    """Record how asking went; with *due_at* None the push is forgotten. The caller commits.

    Does nothing if the hub has asked back meanwhile: that says more.
    """
    mine = (
        PushRow.id == push.id,
        PushRow.attempts == push.attempt,
        PushRow.claimed_by.is_not(None),
    )
    if due_at is None:
        session.execute(delete(PushRow).where(*mine))
        return
    session.execute(
        update(PushRow).where(*mine).values(due_at=due_at, claimed_by=None, error=error)
    )


def find(session: Session, token: str) -> Push | None:
    """Return the push of that token."""
    query = select(PushRow.feed_id, FeedRow.key, PushRow.topic, PushRow.secret, PushRow.state)
    query = query.join(FeedRow, FeedRow.id == PushRow.feed_id).where(PushRow.token == token)
    row = session.execute(query).one_or_none()
    return Push(*row[:-1], state=PushState(row.state)) if row else None


def hold(session: Session, token: str, *, until: datetime, renew_at: datetime) -> None:
    """Record that the hub has promised to push until then. The caller commits."""
    held = (
        update(PushRow)
        .where(PushRow.token == token, PushRow.state != PushState.LEAVING)
        .values(
            state=PushState.HELD,
            lease_until=until,
            due_at=renew_at,
            claimed_by=None,
            attempts=0,
            error=None,
        )
        .returning(PushRow.feed_id)
    )
    for feed in session.scalars(held).all():
        _held_until(session, feed, until)


def refuse(session: Session, token: str, *, reason: str, due_at: datetime) -> None:
    """Record that the hub does not push; it is asked again then. The caller commits."""
    refused = (
        update(PushRow)
        .where(PushRow.token == token)
        .values(
            state=PushState.REFUSED,
            lease_until=None,
            due_at=due_at,
            claimed_by=None,
            error=reason,
        )
        .returning(PushRow.feed_id)
    )
    for feed in session.scalars(refused).all():
        _held_until(session, feed, None)


def forget(session: Session, token: str) -> None:
    """Delete a push whose hub has confirmed the end. The caller commits."""
    session.execute(delete(PushRow).where(PushRow.token == token))


def heard(session: Session, token: str, *, now: datetime) -> None:
    """Note that the hub called. The caller commits."""
    called = update(PushRow).where(PushRow.token == token, PushRow.state != PushState.LEAVING)
    session.execute(called.values(pending=True, pushed_at=now))


def make_due(session: Session, *, now: datetime, pause: timedelta = PAUSE) -> Sequence[str]:
    """Make the feeds due whose hubs called; return their keys. The caller commits.

    A feed that is just being polled waits its turn. One that fails keeps to its back-off; no feed
    is asked within *pause* of its last answer.
    """
    query = (
        select(FeedRow, PushRow)
        .join(PushRow, PushRow.feed_id == FeedRow.id)
        .where(PushRow.pending, FeedRow.claimed_by.is_(None))
        .order_by(FeedRow.id)
        .with_for_update(skip_locked=True)
    )
    made = []
    for feed, push in session.execute(query):
        push.pending = False
        due = now if feed.last_ok_at is None else max(now, feed.last_ok_at + pause)
        if feed.enabled and not feed.failures and feed.due_at > due:
            feed.due_at = due
            made.append(feed.key)
    return made
