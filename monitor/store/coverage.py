"""Coverage in the store: what was polled in the time a digest stands for, and what was not well."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import func, select
from sqlalchemy.sql.functions import coalesce

from monitor.model import Coverage, FeedEvent, FeedFigures, FeedState, FeedTrouble
from monitor.store import schema as t

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy import Connection, Row

    from monitor.store.digests import Standing

ANSWERING = (FeedState.OK, FeedState.STALE)


def coverage(connection: Connection, standing: Standing, *, now: datetime) -> Coverage:
    """Return what was polled since the digest before.

    If there was none, since when hits are told of.
    """
    after = standing.since
    polls = (
        select(
            t.polls.c.feed_id,
            func.count(t.polls.c.id),
            coalesce(func.sum(t.polls.c.entries), 0),
            coalesce(func.sum(t.polls.c.new), 0),
        )
        .where(t.polls.c.at <= now)
        .group_by(t.polls.c.feed_id)
    )
    gaps = select(t.feeds.c.name, t.polls.c.at).join(t.polls, t.polls.c.feed_id == t.feeds.c.id)
    gaps = gaps.where(t.polls.c.gap, t.polls.c.at <= now).order_by(t.polls.c.at)
    told_of = t.polls.c.at > (after or standing.reaches)
    polls, gaps = polls.where(told_of), gaps.where(told_of)
    # PostgreSQL adds numbers up to a numeric, which JSON does not know.
    ledger = {feed: [*map(int, figures)] for feed, *figures in connection.execute(polls)}
    feeds = connection.execute(select(t.feeds).order_by(t.feeds.c.name)).all()
    watched = [feed for feed in feeds if feed.enabled]
    return Coverage(
        since=after,
        until=now,
        feeds=len(watched),
        feeds_ok=sum(feed.state in ANSWERING for feed in watched),
        polls=sum(count for count, _, _ in ledger.values()),
        entries=sum(entries for _, entries, _ in ledger.values()),
        new_articles=sum(new for _, _, new in ledger.values()),
        troubled=tuple(_trouble(feed) for feed in watched if feed.state != FeedState.OK),
        figures=tuple(
            FeedFigures(feed.key, feed.name, FeedState(feed.state), *ledger.get(feed.id, (0, 0, 0)))
            for feed in watched
        ),
        gaps=tuple(FeedEvent(*row) for row in connection.execute(gaps)),
        removed=tuple(
            FeedEvent(feed.name, feed.state_since)
            for feed in feeds
            if not feed.enabled
            and after is not None
            and feed.state_since is not None
            and after < feed.state_since <= now
        ),
        lexicon=standing.lexicon,
    )


def _trouble(feed: Row[Any]) -> FeedTrouble:
    error = feed.last_error or feed.state_reason
    return FeedTrouble(feed.name, FeedState(feed.state), feed.last_ok_at, error, feed.failures)
