"""Feeds in the store: what the configuration says of them, which are due, how a poll ended."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import select, true, update

from monitor.model import FeedState, FeedToPoll
from monitor.store.schema import FeedRow, PollRow
from monitor.store.upsert import inserting

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from sqlalchemy.orm import Session

    from monitor.model import Feed

CONFIGURED = ("url", "name", "language", "company", "interval_s", "enabled")


def sync(session: Session, feeds: Sequence[Feed], *, now: datetime) -> None:
    """Make the stored feeds say what the configuration says; new ones are due at once.

    A feed that left the configuration is switched off and keeps its articles. A feed with a new
    address forgets the validators of the old one. The caller commits.
    """
    stored = {row.key: row for row in session.scalars(select(FeedRow))}
    fresh = []
    for feed in feeds:
        row = stored.pop(feed.key, None)
        if row is None:
            state = FeedState.PROBATION if feed.enabled else FeedState.OFF
            fresh.append({"key": feed.key, "due_at": now, "state": state, **_configured(feed)})
        else:
            _update(row, feed, now=now)
    for row in stored.values():
        row.enabled, row.state = False, FeedState.OFF
    if fresh:
        session.execute(inserting(session, FeedRow).on_conflict_do_nothing(), fresh)


def _update(row: FeedRow, feed: Feed, *, now: datetime) -> None:
    if row.url != feed.url:
        row.etag = row.last_modified = row.body_hash = None
        row.due_at = now
    if feed.enabled and not row.enabled:
        row.due_at, row.state, row.failures = now, FeedState.PROBATION, 0
    if not feed.enabled:
        row.state = FeedState.OFF
    for column, value in _configured(feed).items():
        if getattr(row, column) != value:
            setattr(row, column, value)


def _configured(feed: Feed) -> dict[str, Any]:
    interval_s = None if feed.interval is None else int(feed.interval.total_seconds())
    values = {column: getattr(feed, column) for column in CONFIGURED if column != "interval_s"}
    return {**values, "interval_s": interval_s}


def make_due(session: Session, keys: Sequence[str] | None, *, now: datetime) -> list[str]:
    """Make the named feeds (all that are switched on, if None) due; return their keys.

    The caller commits.
    """
    feeds = update(FeedRow).where(FeedRow.enabled).values(due_at=now).returning(FeedRow.key)
    if keys is not None:
        feeds = feeds.where(FeedRow.key.in_(keys))
    return list(session.scalars(feeds))


def claim_due(
    session: Session,
    *,
    now: datetime,
    lease: timedelta,
    limit: int,
    worker: str,
    keys: Sequence[str] | None = None,
    due_by: datetime | None = None,
) -> list[FeedToPoll]:
    """Take up to *limit* of the longest overdue feeds for *worker*, in no set order.

    With *keys*, only of the feeds so named; with *due_by*, only of those due by then.

    A claim moves `due_at` on by *lease*: no other worker sees the feed meanwhile, and a worker
    that dies leaves it to come due again. Any number of workers may call this at once; PostgreSQL
    skips the rows another worker holds, SQLite lets one writer in at a time. The caller commits.

    *lease* must outlast the slowest poll. If it does not, a feed is polled twice at once, which
    costs a request and changes nothing, since storing is idempotent.
    """
    due = (
        select(FeedRow.id)
        .where(FeedRow.due_at <= (due_by or now), FeedRow.enabled)
        .where(true() if keys is None else FeedRow.key.in_(keys))
        .order_by(FeedRow.due_at, FeedRow.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
        .cte("due")
    )
    claim = (
        update(FeedRow)
        .where(FeedRow.id == due.c.id)
        .values(due_at=now + lease, claimed_by=worker)
        .returning(
            FeedRow.id,
            FeedRow.key,
            FeedRow.url,
            FeedRow.name,
            FeedRow.language,
            FeedRow.company,
            FeedRow.interval_s,
            FeedRow.etag,
            FeedRow.last_modified,
            FeedRow.body_hash,
            FeedRow.failures,
            FeedRow.last_ok_at,
        )
    )
    return [
        FeedToPoll(
            row.id,
            row.key,
            row.url,
            row.name,
            row.language,
            row.company,
            None if row.interval_s is None else timedelta(seconds=row.interval_s),
            row.etag,
            row.last_modified,
            row.body_hash,
            row.failures,
            row.last_ok_at,
        )
        for row in session.execute(claim)
    ]


def hand_back(session: Session, ids: Sequence[int], *, worker: str, now: datetime) -> None:
    """Give back unpolled, due at once, those of *ids* that *worker* still holds.

    The caller commits.
    """
    mine = update(FeedRow).where(FeedRow.id.in_(ids), FeedRow.claimed_by == worker)
    session.execute(mine.values(due_at=now, claimed_by=None))


def settle(session: Session, feed: FeedToPoll, poll: dict[str, Any], after: dict[str, Any]) -> None:
    """Write a poll's line in the ledger and the feed's state after it.

    *poll* holds columns of `polls`, *after* columns of `feeds`; a feed that was given another
    address meanwhile is left as it is, since the validators are not its own. The caller commits.
    """
    session.execute(inserting(session, PollRow), {"feed_id": feed.id, **poll})
    same = (FeedRow.id == feed.id, FeedRow.url == feed.url)
    session.execute(update(FeedRow).where(*same).values(claimed_by=None, **after))


def any_due(session: Session, *, now: datetime) -> bool:
    """Return whether any feed is due; costs no write transaction."""
    due = select(FeedRow.id).where(FeedRow.due_at <= now, FeedRow.enabled).limit(1)
    return session.scalar(due) is not None
