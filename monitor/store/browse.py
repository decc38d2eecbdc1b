"""What the pages show: stories, hits and feeds, a page at a time, found by indexes. Reads only.

* A page is found by the row the page before ended with, not by counting from the start: so the
  hundredth is as fast as the first, and what comes in meanwhile shifts nothing.
* Withdrawn hits are not shown, nor stories that have no hits left.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import and_, case, exists, func, or_, select

from monitor.model import FeedState, Step
from monitor.store import schema as t
from monitor.store import stories
from monitor.store.queries import hits_with_articles, reported_hit

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from sqlalchemy import ColumnElement, Connection, Select, Table

    from monitor.model import ReportedHit, Story


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a page is limited to; None means no limit."""

    company: str | None = None
    topic: str | None = None
    stage: str | None = None

    def of(self, table: Table) -> Iterator[ColumnElement[bool]]:
        """Yield the conditions on *table*."""
        for name in ("company", "topic", "stage"):
            value = getattr(self, name)
            if value is not None:
                yield table.c[name] == value


@dataclass(frozen=True, slots=True)
class Told:
    """A digest that reported hits of a story, and how many of its recipients got it."""

    digest_id: int
    subscription: str
    slot: datetime
    recipients: int
    sent: int


@dataclass(frozen=True, slots=True)
class Polled:
    """One poll of a feed, as the ledger has it."""

    at: datetime
    outcome: str
    status: int | None
    took_ms: int | None
    entries: int
    new: int
    gap: bool
    error: str | None


@dataclass(frozen=True, slots=True)
class ArticleShown:
    """An article as a list of articles shows it."""

    id: int
    title: str
    summary: str
    url: str | None
    publisher: str
    language: str | None
    first_seen: datetime
    story: int | None


@dataclass(frozen=True, slots=True)
class FeedHealth:
    """How a feed fares."""

    key: str
    name: str
    url: str
    state: str
    since: datetime | None
    reason: str | None
    last_ok_at: datetime | None
    last_error: str | None
    failures: int
    gaps: int
    gap_at: datetime | None
    news_at: datetime | None
    due_at: datetime
    moved_to: str | None
    enabled: bool

    @property
    def trouble(self) -> bool:
        """Whether it is switched on and not well."""
        new = self.state == FeedState.PROBATION and not self.failures
        return self.enabled and self.state != FeedState.OK and not new


def _live() -> ColumnElement[bool]:
    return exists().where(t.hits.c.story_id == t.stories.c.id, t.hits.c.withdrawn_at.is_(None))


def page_of_stories(
    connection: Connection, wanted: Wanted, *, before: int | None = None, limit: int
) -> list[Story]:
    """Return up to *limit* stories, the one with the latest news first."""
    query = select(t.stories.c.id).where(*wanted.of(t.stories), _live())
    if before is not None:
        last = select(t.stories.c.last_at).where(t.stories.c.id == before).scalar_subquery()
        same = and_(t.stories.c.last_at == last, t.stories.c.id < before)
        query = query.where(or_(t.stories.c.last_at < last, same))
    query = query.order_by(t.stories.c.last_at.desc(), t.stories.c.id.desc()).limit(limit)
    ids = connection.scalars(query).all()
    found = stories.told(connection, ids)
    return [found[number] for number in ids if number in found]


def stories_since(
    connection: Connection, wanted: Wanted, since: datetime, *, limit: int
) -> list[Story]:
    """Return up to *limit* stories with news since then, the latest first."""
    query = select(t.stories.c.id).where(
        *wanted.of(t.stories), t.stories.c.last_at >= since, _live()
    )
    query = query.order_by(t.stories.c.last_at.desc(), t.stories.c.id.desc()).limit(limit)
    ids = connection.scalars(query).all()
    found = stories.told(connection, ids)
    return [found[number] for number in ids if number in found]


def told_between(connection: Connection, wanted: Wanted, starts: Sequence[datetime]) -> list[int]:
    """Return how many stories were first told from each of *starts*, in order, to the next."""
    # What was first told since then was last told since then: an index knows the latter.
    recent = t.stories.c.last_at >= starts[0], t.stories.c.first_at >= starts[0]
    since = [
        func.coalesce(func.sum(case((t.stories.c.first_at >= at, 1), else_=0)), 0) for at in starts
    ]
    counts = connection.execute(select(*since).where(*wanted.of(t.stories), *recent)).one()
    return [here - later for here, later in zip(counts, [*counts[1:], 0], strict=True)]


def story(connection: Connection, story_id: int) -> Story | None:
    """Return a story with its sources; None if there is none, or it has no hits left."""
    return stories.told(connection, [story_id]).get(story_id)


def merged_into(connection: Connection, story_id: int) -> int | None:
    """Return the story that an analyst merged this one into."""
    return connection.scalar(select(t.stories.c.merged_into).where(t.stories.c.id == story_id))


def proceeding(connection: Connection, of: Story) -> list[Step]:
    """Return all steps of the proceeding that a story is part of, itself included, in time."""
    if of.proceeding_id is None:
        return []
    query = (
        select(t.stories.c.id, t.stories.c.stage, t.stories.c.first_at, t.stories.c.headline)
        .where(t.stories.c.proceeding_id == of.proceeding_id, _live())
        .order_by(t.stories.c.first_at, t.stories.c.id)
    )
    return [Step(*row) for row in connection.execute(query)]


def hits_of_story(connection: Connection, story_id: int, *, limit: int) -> list[ReportedHit]:
    """Return up to *limit* hits of a story, in the order they were found."""
    query = hits_with_articles().where(
        t.hits.c.story_id == story_id, t.hits.c.withdrawn_at.is_(None)
    )
    return [
        reported_hit(row) for row in connection.execute(query.order_by(t.hits.c.id).limit(limit))
    ]


def page_of_hits(
    connection: Connection, wanted: Wanted, *, before: int | None = None, limit: int
) -> list[ReportedHit]:
    """Return up to *limit* hits that have a story, the newest first."""
    query = hits_with_articles().where(*wanted.of(t.hits), t.hits.c.withdrawn_at.is_(None))
    if before is not None:
        query = query.where(t.hits.c.id < before)
    query = query.order_by(t.hits.c.id.desc()).limit(limit)
    return [reported_hit(row) for row in connection.execute(query)]


def told_in(connection: Connection, story_id: int) -> list[Told]:
    """Return the digests that reported hits of a story, oldest first."""
    reported = (
        select(t.digest_items.c.digest_id)
        .join(t.hits, t.hits.c.id == t.digest_items.c.hit_id)
        .where(t.hits.c.story_id == story_id)
    )
    query = (
        select(
            t.digests.c.id,
            t.digests.c.subscription,
            t.digests.c.slot,
            func.count(t.deliveries.c.id),
            func.count(t.deliveries.c.sent_at),
        )
        .outerjoin(t.deliveries, t.deliveries.c.digest_id == t.digests.c.id)
        .where(t.digests.c.id.in_(reported))
        .group_by(t.digests.c.id, t.digests.c.subscription, t.digests.c.slot)
        .order_by(t.digests.c.id)
    )
    return [Told(*row) for row in connection.execute(query)]


def polls(connection: Connection, feed: str, *, limit: int) -> list[Polled]:
    """Return the last polls of a feed, the newest first."""
    query = (
        select(
            t.polls.c.at,
            t.polls.c.outcome,
            t.polls.c.status,
            t.polls.c.took_ms,
            t.polls.c.entries,
            t.polls.c.new,
            t.polls.c.gap,
            t.polls.c.error,
        )
        .join(t.feeds, t.feeds.c.id == t.polls.c.feed_id)
        .where(t.feeds.c.key == feed)
        .order_by(t.polls.c.at.desc(), t.polls.c.id.desc())
        .limit(limit)
    )
    return [Polled(*row) for row in connection.execute(query)]


def feeds(connection: Connection) -> list[FeedHealth]:
    """Return all feeds, by name."""
    query: Select[*tuple[Any, ...]] = select(
        t.feeds.c.key,
        t.feeds.c.name,
        t.feeds.c.url,
        t.feeds.c.state,
        t.feeds.c.state_since,
        t.feeds.c.state_reason,
        t.feeds.c.last_ok_at,
        t.feeds.c.last_error,
        t.feeds.c.failures,
        t.feeds.c.gaps,
        t.feeds.c.gap_at,
        t.feeds.c.news_at,
        t.feeds.c.due_at,
        t.feeds.c.moved_to,
        t.feeds.c.enabled,
    )
    return [
        FeedHealth(*row) for row in connection.execute(query.order_by(t.feeds.c.name, t.feeds.c.id))
    ]


def older_than(article_id: int) -> ColumnElement[bool]:
    """Return the condition for articles that were stored before that one."""
    return t.articles.c.id < article_id


def articles(connection: Connection, ids: Sequence[int]) -> dict[int, ArticleShown]:
    """Return what is shown of each article; its story is that of its first live hit."""
    of_hit = (
        select(func.min(t.hits.c.story_id))
        .where(t.hits.c.article_id == t.articles.c.id, t.hits.c.withdrawn_at.is_(None))
        .scalar_subquery()
    )
    query = (
        select(
            t.articles.c.id,
            t.articles.c.title,
            t.articles.c.summary,
            t.articles.c.url,
            func.coalesce(t.articles.c.publisher, t.feeds.c.name),
            t.articles.c.language,
            t.articles.c.first_seen,
            of_hit,
        )
        .join(t.feeds, t.feeds.c.id == t.articles.c.feed_id)
        .where(t.articles.c.id.in_(ids))
    )
    return {row[0]: ArticleShown(*row) for row in connection.execute(query)}
