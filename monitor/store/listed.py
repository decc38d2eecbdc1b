"""Stories as a list shows them: one row each, however many hits a story has. Reads only.

* What a story says of itself is kept with it: see `monitor.store.stories.refresh`. Of its head no
  more is read than who published it and in which language.
* A page is found by the row the page before ended with, not by counting from the start: so the
  hundredth is as fast as the first, and what comes in meanwhile shifts nothing.
* A story of which that is not known yet, or whose head was withdrawn, is told from its hits.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from sqlalchemy import and_, exists, func, or_, select, tuple_

from monitor.store import schema as t
from monitor.store import stories
from monitor.store.among import among
from monitor.store.days import place
from monitor.store.grouping import chunks

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence
    from datetime import datetime

    from sqlalchemy import ColumnElement, Connection, Select, Table

    from monitor.model import Story


@dataclass(frozen=True, slots=True)
class Listed:
    """A story in a list; *publisher* and *language* are its head's, *sources* how many told it."""

    id: int
    company: str
    topic: str
    stage: str | None
    regulator: str | None
    amount_text: str | None
    headline: str
    first_at: datetime
    last_at: datetime
    hits: int
    sources: int
    publisher: str
    language: str | None

    @classmethod
    def of(cls, story: Story) -> Self:
        """Return *story* as a list shows it."""
        return cls(
            id=story.id,
            company=story.company,
            topic=story.topic,
            stage=story.stage,
            regulator=story.regulator,
            amount_text=story.amount_text,
            headline=story.headline,
            first_at=story.first_at,
            last_at=story.last_at,
            hits=story.hits,
            sources=len(story.sources),
            publisher=story.sources[0].publisher,
            language=story.sources[0].language,
        )


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a list is limited to; None means no limit."""

    company: str | None = None
    topic: str | None = None
    stage: str | None = None

    def of(self, table: Table) -> Iterator[ColumnElement[bool]]:
        """Yield the conditions on *table*, which is that of stories or of hits."""
        for name in ("company", "topic", "stage"):
            value = getattr(self, name)
            if value is not None:
                yield table.c[name] == value


def live() -> ColumnElement[bool]:
    """Return the condition that a story has hits that hold."""
    hit = exists().where(t.hits.c.story_id == t.stories.c.id, t.hits.c.withdrawn_at.is_(None))
    return or_(t.stories.c.hits > 0, and_(t.stories.c.hits.is_(None), hit))


def listed(connection: Connection, story_ids: Collection[int]) -> dict[int, Listed]:
    """Return each of the stories that has hits."""
    found: dict[int, Listed] = {}
    for chunk in chunks(story_ids):
        found |= {row.id: Listed(*row) for row in connection.execute(_rows(chunk))}
    untold = [number for number in story_ids if number not in found]
    found |= {it.id: Listed.of(it) for it in stories.told(connection, untold).values()}
    return found


def in_order(connection: Connection, story_ids: Sequence[int]) -> list[Listed]:
    """Return the stories that have hits, in the order they are named."""
    found = listed(connection, story_ids)
    return [found[number] for number in story_ids if number in found]


def page(
    connection: Connection, wanted: Wanted, *, before: int | None = None, limit: int
) -> list[Listed]:
    """Return up to *limit* stories, the one with the latest news first."""
    query = _newest(wanted, limit)
    if before is not None:
        last = select(t.stories.c.last_at).where(t.stories.c.id == before).scalar_subquery()
        query = query.where(tuple_(t.stories.c.last_at, t.stories.c.id) < tuple_(last, before))
    return in_order(connection, connection.scalars(query).all())


def since(connection: Connection, wanted: Wanted, instant: datetime, *, limit: int) -> list[Listed]:
    """Return up to *limit* stories with news since then, the latest first."""
    query = _newest(wanted, limit).where(t.stories.c.last_at >= instant)
    return in_order(connection, connection.scalars(query).all())


def at_stages(
    connection: Connection, company: str, stages: Sequence[str], instant: datetime, *, limit: int
) -> list[Listed]:
    """Return up to *limit* stories of a company at one of *stages* with news since then."""
    query = _newest(Wanted(company=company), limit)
    query = query.where(t.stories.c.stage.in_(stages), t.stories.c.last_at >= instant)
    return in_order(connection, connection.scalars(query).all())


def first_told(connection: Connection, wanted: Wanted, starts: Sequence[datetime]) -> list[int]:
    """Return how many stories were first told from each of *starts*, in order, to the next."""
    its = t.stories.c
    # What was first told since then was last told since then: an index knows the latter.
    recent = its.last_at >= starts[0], its.first_at >= starts[0]
    day = place(its.first_at, starts).label("day")
    query = select(day, func.count()).where(*wanted.of(t.stories), *recent, live())
    found = {row.day: row[1] for row in connection.execute(query.group_by(day))}
    return [found.get(number, 0) for number in range(len(starts))]


def _newest(wanted: Wanted, limit: int) -> Select[int]:
    query = select(t.stories.c.id).where(*wanted.of(t.stories), live())
    return query.order_by(t.stories.c.last_at.desc(), t.stories.c.id.desc()).limit(limit)


def _rows(story_ids: Sequence[int]) -> Select[*tuple[Any, ...]]:
    its = t.stories.c
    return (
        select(
            *(its.id, its.company, its.topic, its.stage, its.regulator, its.amount_text),
            *(its.headline, its.first_at, its.last_at, its.hits, its.sources),
            func.coalesce(t.articles.c.publisher, t.feeds.c.name),
            t.articles.c.language,
        )
        .join(t.hits, and_(t.hits.c.id == its.head_hit_id, t.hits.c.story_id == its.id))
        .join(t.articles, t.articles.c.id == t.hits.c.article_id)
        .join(t.feeds, t.feeds.c.id == t.articles.c.feed_id)
        .where(among(its.id, story_ids), its.hits > 0, t.hits.c.withdrawn_at.is_(None))
    )
