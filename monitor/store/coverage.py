"""Coverage in the store: what was polled in the time a digest stands for, and what was not well."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import func, select
from sqlalchemy.sql.functions import coalesce

from monitor.model import Coverage, FeedEvent, FeedFigures, FeedState, FeedTrouble
from monitor.store.schema import FeedRow, PollRow

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.orm import Session

    from monitor.store.digests import Standing

ANSWERING = (FeedState.OK, FeedState.STALE)


def coverage(session: Session, standing: Standing, *, now: datetime) -> Coverage:
    """Return what was polled since the digest before (since the beginning, if there was none)."""
    after = standing.since
    polls = (
        select(
            PollRow.feed_id,
            func.count(PollRow.id),
            coalesce(func.sum(PollRow.entries), 0),
            coalesce(func.sum(PollRow.new), 0),
        )
        .where(PollRow.at <= now)
        .group_by(PollRow.feed_id)
    )
    gaps = select(FeedRow.name, PollRow.at).join(PollRow, PollRow.feed_id == FeedRow.id)
    gaps = gaps.where(PollRow.gap, PollRow.at <= now).order_by(PollRow.at)
    if after is not None:
        polls, gaps = polls.where(PollRow.at > after), gaps.where(PollRow.at > after)
    ledger = {feed: figures for feed, *figures in session.execute(polls)}
    feeds = session.scalars(select(FeedRow).order_by(FeedRow.name)).all()
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
        gaps=tuple(FeedEvent(*row) for row in session.execute(gaps)),
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


def _trouble(feed: FeedRow) -> FeedTrouble:
    error = feed.last_error or feed.state_reason
    return FeedTrouble(feed.name, FeedState(feed.state), feed.last_ok_at, error, feed.failures)
