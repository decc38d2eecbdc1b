"""Sites in the store: which feeds show articles of one, and when these were not watched."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from sqlalchemy import or_, select

from monitor.model import PollOutcome
from monitor.store import schema as t

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy import Connection

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


def feeds_of(connection: Connection, site: str, *, now: datetime) -> list[SiteFeed]:
    """Return up to FEEDS feeds that have shown articles of *site*, a host without "www."."""
    shows = (
        select(t.sightings.c.feed_id)
        .join(t.articles, t.articles.c.id == t.sightings.c.article_id)
        .where(
            or_(
                t.articles.c.link == site, t.articles.c.link.startswith(f"{site}/", autoescape=True)
            )
        )
    )
    query = select(t.feeds).where(t.feeds.c.id.in_(shows)).order_by(t.feeds.c.name).limit(FEEDS)
    return [
        SiteFeed(
            key=row.key,
            state=row.state,
            last_ok_at=row.last_ok_at,
            error=row.last_error,
            gaps=_gaps(connection, row.id, now),
        )
        for row in connection.execute(query)
    ]


def _gaps(
    connection: Connection, feed: int, now: datetime
) -> tuple[tuple[datetime, datetime], ...]:
    good = select(t.polls.c.at).where(
        t.polls.c.feed_id == feed,
        t.polls.c.outcome != PollOutcome.FAILED,
        t.polls.c.at >= now - LOOKBACK,
    )
    polls = [*connection.scalars(good.order_by(t.polls.c.at)), now]
    return tuple((one, two) for one, two in pairwise(polls) if two - one > GAP)
