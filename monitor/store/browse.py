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
from monitor.store import stories
from monitor.store.queries import hits_with_articles, reported_hit
from monitor.store.schema import (
    ArticleRow,
    DeliveryRow,
    DigestItemRow,
    DigestRow,
    FeedRow,
    HitRow,
    PollRow,
    StoryRow,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from sqlalchemy import ColumnElement, Select
    from sqlalchemy.orm import Session

    from monitor.model import ReportedHit, Story


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a page is limited to; None means no limit."""

    company: str | None = None
    topic: str | None = None
    stage: str | None = None

    def of(self, row: type[StoryRow | HitRow]) -> Iterator[ColumnElement[bool]]:
        """Yield the conditions on *row*."""
        for name in ("company", "topic", "stage"):
            value = getattr(self, name)
            if value is not None:
                yield getattr(row, name) == value


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
    return exists().where(HitRow.story_id == StoryRow.id, HitRow.withdrawn_at.is_(None))


def page_of_stories(
    session: Session, wanted: Wanted, *, before: int | None = None, limit: int
) -> list[Story]:
    """Return up to *limit* stories, the one with the latest news first."""
    query = select(StoryRow.id).where(*wanted.of(StoryRow), _live())
    if before is not None:
        last = select(StoryRow.last_at).where(StoryRow.id == before).scalar_subquery()
        same = and_(StoryRow.last_at == last, StoryRow.id < before)
        query = query.where(or_(StoryRow.last_at < last, same))
    query = query.order_by(StoryRow.last_at.desc(), StoryRow.id.desc()).limit(limit)
    ids = session.scalars(query).all()
    found = stories.told(session, ids)
    return [found[number] for number in ids if number in found]


def stories_since(session: Session, wanted: Wanted, since: datetime, *, limit: int) -> list[Story]:
    """Return up to *limit* stories with news since then, the latest first."""
    query = select(StoryRow.id).where(*wanted.of(StoryRow), StoryRow.last_at >= since, _live())
    query = query.order_by(StoryRow.last_at.desc(), StoryRow.id.desc()).limit(limit)
    ids = session.scalars(query).all()
    found = stories.told(session, ids)
    return [found[number] for number in ids if number in found]


def told_between(session: Session, wanted: Wanted, starts: Sequence[datetime]) -> list[int]:
    """Return how many stories were first told from each of *starts*, in order, to the next."""
    # What was first told since then was last told since then: an index knows the latter.
    recent = StoryRow.last_at >= starts[0], StoryRow.first_at >= starts[0]
    since = [
        func.coalesce(func.sum(case((StoryRow.first_at >= at, 1), else_=0)), 0) for at in starts
    ]
    counts = session.execute(select(*since).where(*wanted.of(StoryRow), *recent)).one()
    return [here - later for here, later in zip(counts, [*counts[1:], 0], strict=True)]


def story(session: Session, story_id: int) -> Story | None:
    """Return a story with its sources; None if there is none, or it has no hits left."""
    return stories.told(session, [story_id]).get(story_id)


def merged_into(session: Session, story_id: int) -> int | None:
    """Return the story that an analyst merged this one into."""
    return session.scalar(select(StoryRow.merged_into).where(StoryRow.id == story_id))


def proceeding(session: Session, of: Story) -> list[Step]:
    """Return all steps of the proceeding that a story is part of, itself included, in time."""
    if of.proceeding_id is None:
        return []
    query = (
        select(StoryRow.id, StoryRow.stage, StoryRow.first_at, StoryRow.headline)
        .where(StoryRow.proceeding_id == of.proceeding_id, _live())
        .order_by(StoryRow.first_at, StoryRow.id)
    )
    return [Step(*row) for row in session.execute(query)]


def hits_of_story(session: Session, story_id: int, *, limit: int) -> list[ReportedHit]:
    """Return up to *limit* hits of a story, in the order they were found."""
    query = hits_with_articles().where(HitRow.story_id == story_id, HitRow.withdrawn_at.is_(None))
    return [reported_hit(row) for row in session.execute(query.order_by(HitRow.id).limit(limit))]


def page_of_hits(
    session: Session, wanted: Wanted, *, before: int | None = None, limit: int
) -> list[ReportedHit]:
    """Return up to *limit* hits that have a story, the newest first."""
    query = hits_with_articles().where(*wanted.of(HitRow), HitRow.withdrawn_at.is_(None))
    if before is not None:
        query = query.where(HitRow.id < before)
    query = query.order_by(HitRow.id.desc()).limit(limit)
    return [reported_hit(row) for row in session.execute(query)]


def told_in(session: Session, story_id: int) -> list[Told]:
    """Return the digests that reported hits of a story, oldest first."""
    reported = (
        select(DigestItemRow.digest_id)
        .join(HitRow, HitRow.id == DigestItemRow.hit_id)
        .where(HitRow.story_id == story_id)
    )
    query = (
        select(
            DigestRow.id,
            DigestRow.subscription,
            DigestRow.slot,
            func.count(DeliveryRow.id),
            func.count(DeliveryRow.sent_at),
        )
        .outerjoin(DeliveryRow, DeliveryRow.digest_id == DigestRow.id)
        .where(DigestRow.id.in_(reported))
        .group_by(DigestRow.id, DigestRow.subscription, DigestRow.slot)
        .order_by(DigestRow.id)
    )
    return [Told(*row) for row in session.execute(query)]


def polls(session: Session, feed: str, *, limit: int) -> list[Polled]:
    """Return the last polls of a feed, the newest first."""
    query = (
        select(
            PollRow.at,
            PollRow.outcome,
            PollRow.status,
            PollRow.took_ms,
            PollRow.entries,
            PollRow.new,
            PollRow.gap,
            PollRow.error,
        )
        .join(FeedRow, FeedRow.id == PollRow.feed_id)
        .where(FeedRow.key == feed)
        .order_by(PollRow.at.desc(), PollRow.id.desc())
        .limit(limit)
    )
    return [Polled(*row) for row in session.execute(query)]


def feeds(session: Session) -> list[FeedHealth]:
    """Return all feeds, by name."""
    query: Select[*tuple[Any, ...]] = select(
        FeedRow.key,
        FeedRow.name,
        FeedRow.url,
        FeedRow.state,
        FeedRow.state_since,
        FeedRow.state_reason,
        FeedRow.last_ok_at,
        FeedRow.last_error,
        FeedRow.failures,
        FeedRow.gaps,
        FeedRow.gap_at,
        FeedRow.news_at,
        FeedRow.due_at,
        FeedRow.moved_to,
        FeedRow.enabled,
    )
    return [FeedHealth(*row) for row in session.execute(query.order_by(FeedRow.name, FeedRow.id))]


def older_than(article_id: int) -> ColumnElement[bool]:
    """Return the condition for articles that were stored before that one."""
    return ArticleRow.id < article_id


def articles(session: Session, ids: Sequence[int]) -> dict[int, ArticleShown]:
    """Return what is shown of each article; its story is that of its first live hit."""
    of_hit = (
        select(func.min(HitRow.story_id))
        .where(HitRow.article_id == ArticleRow.id, HitRow.withdrawn_at.is_(None))
        .scalar_subquery()
    )
    query = (
        select(
            ArticleRow.id,
            ArticleRow.title,
            ArticleRow.summary,
            ArticleRow.url,
            func.coalesce(ArticleRow.publisher, FeedRow.name),
            ArticleRow.language,
            ArticleRow.first_seen,
            of_hit,
        )
        .join(FeedRow, FeedRow.id == ArticleRow.feed_id)
        .where(ArticleRow.id.in_(ids))
    )
    return {row[0]: ArticleShown(*row) for row in session.execute(query)}
