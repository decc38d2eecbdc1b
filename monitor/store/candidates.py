"""Candidates: what grouping decides by, read with no lock held, and compared when it records.

* A `Basis` names it by numbers: the hits without a story, the stories that may take them, and the
  hits that speak for those. Whoever takes the lock reads the basis again: if it is the same,
  nobody has grouped and no analyst has moved hits meanwhile.
* A story of thousands is known by few of its hits: the earliest of each language, and the earliest
  of each day, stage, sum, authority and day of the event, MOST in all.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from itertools import groupby, islice
from typing import TYPE_CHECKING, Final

from sqlalchemy import and_, func, or_, select

from monitor.model import HitToGroup, OpenStory
from monitor.store import schema as t
from monitor.store.grouping import Kind, chunks, earliest, hits_of, to_group, told_at

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import datetime, timedelta

    from sqlalchemy import ColumnElement, Connection

MERGED: Final = "merge by "  # so begins `joined` of a hit that an analyst's merge moved
MOST: Final = 200  # hits that speak for a story
_EACH: Final = 40  # of them of each language
_CONDITIONS: Final = 100  # in one OR
_ROUNDED: Final = 0.02  # by which two outlets' words for one sum may be apart


@dataclass(frozen=True, slots=True)
class Basis:
    """What a grouping is decided by. *about*: company and topic of each story."""

    ungrouped: tuple[int, ...]
    about: tuple[tuple[int, str, str], ...]
    speaking: tuple[tuple[int, int], ...]  # story and hit
    merged: frozenset[int]
    newest: tuple[int | None, int | None]  # story and edit


def ungrouped(connection: Connection, *, limit: int) -> list[HitToGroup]:
    """Return up to *limit* hits without a story, oldest first."""
    query = hits_of().where(t.hits.c.story_id.is_(None), t.hits.c.withdrawn_at.is_(None))
    return [to_group(row) for row in connection.execute(query.order_by(t.hits.c.id).limit(limit))]


def basis(connection: Connection, hits: Sequence[HitToGroup], *, window: timedelta) -> Basis:
    """Return by what *hits*, which had no story, are grouped.

    The stories are about the same company and topic, and have a report within *window* of a hit,
    or one of the same day of the event or of the same sum, however long ago.
    """
    newest = connection.execute(
        select(
            select(func.max(t.stories.c.id)).scalar_subquery(),
            select(func.max(t.story_edits.c.id)).scalar_subquery(),
        )
    ).one()
    without: list[int] = []
    for chunk in chunks(hit.id for hit in hits):
        still = t.hits.c.id.in_(chunk), t.hits.c.story_id.is_(None), t.hits.c.withdrawn_at.is_(None)
        without += connection.scalars(select(t.hits.c.id).where(*still).order_by(t.hits.c.id))
    about: set[tuple[int, str, str]] = set()
    for near in _near(hits, window):
        query = select(t.stories.c.id, t.stories.c.company, t.stories.c.topic).where(near)
        about |= {(row.id, row.company, row.topic) for row in connection.execute(query)}
    speaking: list[tuple[int, int]] = []
    merged: set[int] = set()
    for chunk in chunks(story for story, _, _ in about):
        rows = connection.execute(earliest(chunk, *_KINDS))
        for story, own in groupby(rows, key=lambda row: row.story_id):
            speaking += ((story, row.hit_id) for row in islice(own, MOST))
        moved = t.hits.c.joined.startswith(MERGED), t.hits.c.withdrawn_at.is_(None)
        by_analyst = (
            select(t.hits.c.story_id).where(t.hits.c.story_id.in_(chunk), *moved).distinct()
        )
        merged |= {story for story in connection.scalars(by_analyst) if story is not None}
    return Basis(
        ungrouped=tuple(without),
        about=tuple(sorted(about)),
        speaking=tuple(speaking),
        merged=frozenset(merged),
        newest=(newest[0], newest[1]),
    )


_KINDS: Final[tuple[Kind, ...]] = (
    (_EACH, (t.articles.c.language,)),
    (
        1,
        (
            *(t.hits.c.stage, t.hits.c.regulator, t.hits.c.currency, t.hits.c.amount),
            *(t.hits.c.event_date, func.date(told_at())),
        ),
    ),
)


def open_stories(connection: Connection, decided_by: Basis) -> list[OpenStory]:
    """Return the stories of a basis, each with the hits that speak for it."""
    story_of = {hit: story for story, hit in decided_by.speaking}
    held: dict[int, list[HitToGroup]] = defaultdict(list)
    for chunk in chunks(story_of):
        for row in connection.execute(
            hits_of().where(t.hits.c.id.in_(chunk)).order_by(t.hits.c.id)
        ):
            held[story_of[row.id]].append(to_group(row))
    return [
        OpenStory(story, company, topic, tuple(held[story]), story in decided_by.merged)
        for story, company, topic in decided_by.about
    ]


def _near(hits: Iterable[HitToGroup], window: timedelta) -> Iterator[ColumnElement[bool]]:
    """Yield conditions of which a story that may take any of *hits* fulfils one."""
    by_pair: dict[tuple[str, str], list[HitToGroup]] = defaultdict(list)
    for hit in hits:
        by_pair[hit.company, hit.topic].append(hit)
    for (company, topic), about in sorted(by_pair.items()):
        same = and_(t.stories.c.company == company, t.stories.c.topic == topic)
        for start, end in _spans(about, window):
            yield and_(same, t.stories.c.last_at >= start, t.stories.c.first_at <= end)
        alike: list[ColumnElement[bool]] = []
        if days := {hit.event_date for hit in about if hit.event_date}:
            alike.append(t.hits.c.event_date.in_(days))
        for currency, value in {(it.currency, it.value) for hit in about for it in hit.amounts}:
            low, high = float(value) * (1 - _ROUNDED), float(value) * (1 + _ROUNDED)
            alike.append(and_(t.hits.c.currency == currency, t.hits.c.amount.between(low, high)))
        for chunk in range(0, len(alike), _CONDITIONS):
            of_story = t.hits.c.company == company, t.hits.c.topic == topic
            told = select(t.hits.c.story_id).where(
                *of_story, or_(*alike[chunk : chunk + _CONDITIONS])
            )
            yield and_(same, t.stories.c.id.in_(told))


def _spans(hits: Iterable[HitToGroup], window: timedelta) -> list[tuple[datetime, datetime]]:
    """Return the times within *window* of any of *hits*, as few as they can be."""
    spans: list[tuple[datetime, datetime]] = []
    for start, end in sorted((hit.at - window, (hit.until or hit.at) + window) for hit in hits):
        if spans and start <= spans[-1][1]:
            spans[-1] = spans[-1][0], max(spans[-1][1], end)
        else:
            spans.append((start, end))
    return spans
