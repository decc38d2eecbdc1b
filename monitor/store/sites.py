"""Sites in the store: which feeds show articles of one, and when these were not watched."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from sqlalchemy import or_, select

from monitor.model import PollOutcome
from monitor.store.schema import ArticleRow, FeedRow, PollRow, SightingRow

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.orm import Session

FEEDS: Final = 20  # of one site that are returned
GAP: Final = timedelta(hours=6)  # without a good poll, after which a feed may have lost entries
LOOKBACK: Final = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class SiteFeed:
    """A feed that shows articles of a site; *gaps* are times of LOOKBACK without a good poll."""

    key: str
    state: str
    last_ok_at: datetime | None
    error: str | None
    gaps: tuple[tuple[datetime, datetime], ...]


def feeds_of(session: Session, site: str, *, now: datetime) -> list[SiteFeed]:
    """Return up to FEEDS feeds that have shown articles of *site*, a host without "www."."""
    shows = (
        select(SightingRow.feed_id)
        .join(ArticleRow, ArticleRow.id == SightingRow.article_id)
        .where(
            or_(ArticleRow.link == site, ArticleRow.link.startswith(f"{site}/", autoescape=True))
        )
    )
    query = select(FeedRow).where(FeedRow.id.in_(shows)).order_by(FeedRow.name).limit(FEEDS)
    return [
        SiteFeed(
            key=row.key,
            state=row.state,
            last_ok_at=row.last_ok_at,
            error=row.last_error,
            gaps=_gaps(session, row.id, now),
        )
        for row in session.scalars(query)
    ]


def _gaps(session: Session, feed: int, now: datetime) -> tuple[tuple[datetime, datetime], ...]:
    good = select(PollRow.at).where(
        PollRow.feed_id == feed, PollRow.outcome != PollOutcome.FAILED, PollRow.at >= now - LOOKBACK
    )
    polls = [*session.scalars(good.order_by(PollRow.at)), now]
    return tuple((one, two) for one, two in pairwise(polls) if two - one > GAP)
