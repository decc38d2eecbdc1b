"""What the pages show: one story, hits, articles and feeds, found by indexes. Reads only.

* Lists of stories are in `monitor.store.listed`, polls in `monitor.store.polls`.
* Withdrawn hits are not shown, nor stories that have no hits left.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import func, select

from monitor.model import FeedState, Step
from monitor.store import listed
from monitor.store import schema as t
from monitor.store.among import among
from monitor.store.queries import NEWEST, found_before, hits_with_articles, reported_hit
from monitor.store.rows import row_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from sqlalchemy import Connection, Select

    from monitor.model import ReportedHit
    from monitor.store.listed import Listed, Wanted


@dataclass(frozen=True, slots=True)
class StoryShown:
    """A story on its own page; *head* is the hit that its headline is of."""

    story: Listed
    proceeding: int | None
    head: int


@dataclass(frozen=True, slots=True)
class Told:
    """A digest that reported hits of a story, and how many of its recipients got it."""

    digest_id: int
    subscription: str
    slot: datetime
    recipients: int
    sent: int


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

    id: int
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


def story(connection: Connection, story_id: int) -> StoryShown | None:
    """Return a story; None if there is none, or it has no hits left."""
    found = listed.listed(connection, [story_id]).get(story_id)
    row = row_of(connection, t.stories, story_id)
    if found is None or row is None:
        return None
    return StoryShown(found, row.proceeding_id, row.head_hit_id or 0)


def merged_into(connection: Connection, story_id: int) -> int | None:
    """Return the story that an analyst merged this one into."""
    return connection.scalar(select(t.stories.c.merged_into).where(t.stories.c.id == story_id))


def proceeding(connection: Connection, number: int | None) -> list[Step]:
    """Return all steps of a proceeding, in time; none of none."""
    if number is None:
        return []
    its = t.stories.c
    query = select(its.id, its.stage, its.first_at, its.headline)
    query = query.where(its.proceeding_id == number, listed.live())
    return [Step(*row) for row in connection.execute(query.order_by(its.first_at, its.id))]


def hits_of_story(
    connection: Connection, shown: StoryShown, *, after: int | None = None, limit: int
) -> list[tuple[ReportedHit, str | None]]:
    """Return up to *limit* hits of a story in the order they were found, those behind *after*.

    From the beginning its head is first. With each comes why it is in this story.
    """
    its = t.hits.c
    live = its.story_id == shown.story.id, its.withdrawn_at.is_(None)
    behind = select(its.id).where(*live, its.id > (after or 0), its.id != shown.head)
    # By a sum, since a planner may else walk along all hits to the first of the story.
    ids = list(connection.scalars(behind.order_by(its.id + 0).limit(limit)))
    if not after:
        ids = [shown.head, *ids][:limit]
    query = hits_with_articles().add_columns(its.joined).where(*live, among(its.id, ids))
    found = {row.id: (reported_hit(row), row.joined) for row in connection.execute(query)}
    return [found[number] for number in ids if number in found]


def page_of_hits(
    connection: Connection, wanted: Wanted, *, before: int | None = None, limit: int
) -> list[ReportedHit]:
    """Return up to *limit* hits that have a story, the newest first."""
    found: list[ReportedHit] = []
    while len(found) < limit:
        ids = _newest_hits(connection, wanted, before, limit)
        query = hits_with_articles().where(among(t.hits.c.id, ids))
        shown = {row.id: reported_hit(row) for row in connection.execute(query)}
        found += [shown[number] for number in ids if number in shown]
        if len(ids) < limit:
            break
        before = ids[-1]
    return found[:limit]


def _newest_hits(
    connection: Connection, wanted: Wanted, before: int | None, limit: int
) -> Sequence[int]:
    """Return hits that hold, grouped or not: asked for no more, an index has all it takes."""
    its = t.hits.c
    query = select(its.id).where(*wanted.of(t.hits), its.withdrawn_at.is_(None))
    if before is not None:
        query = query.where(found_before(before))
    return connection.scalars(query.order_by(*NEWEST).limit(limit)).all()


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


def feeds(connection: Connection) -> list[FeedHealth]:
    """Return all feeds, by name."""
    rows = connection.execute(_feeds().order_by(t.feeds.c.name, t.feeds.c.id))
    return [FeedHealth(*row) for row in rows]


def names_of_feeds(connection: Connection) -> dict[str, str]:
    """Return what feeds are called, by their ids."""
    return {row.key: row.name for row in connection.execute(select(t.feeds.c.key, t.feeds.c.name))}


def feed(connection: Connection, key: str) -> FeedHealth | None:
    """Return the feed of that key."""
    row = connection.execute(_feeds().where(t.feeds.c.key == key)).one_or_none()
    return FeedHealth(*row) if row else None


def _feeds() -> Select[*tuple[Any, ...]]:
    its = t.feeds.c
    query: Select[*tuple[Any, ...]] = select(
        *(its.id, its.key, its.name, its.url, its.state, its.state_since, its.state_reason),
        *(its.last_ok_at, its.last_error, its.failures, its.gaps, its.gap_at, its.news_at),
        *(its.due_at, its.moved_to, its.enabled),
    )
    return query


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
        .where(among(t.articles.c.id, ids))
    )
    return {row[0]: ArticleShown(*row) for row in connection.execute(query)}
