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
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import and_, bindparam, func, or_, select

from monitor.store import schema as t
from monitor.store.among import among
from monitor.store.grouping import HITS_OF, Kind, chunks, earliest, hits_of, to_group, told_at

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import datetime, timedelta

    from sqlalchemy import Connection, Select

    from monitor.model import HitToGroup

MERGED: Final = "merge by "  # so begins `joined` of a hit that an analyst's merge moved
MOST: Final = 200  # hits that speak for a story
_EACH: Final = 40  # of them of each language
_SUMS: Final = 20  # in one OR
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
    return [to_group(row) for row in connection.execute(_UNGROUPED, {"most": limit})]


def basis(connection: Connection, hits: Sequence[HitToGroup], *, window: timedelta) -> Basis:
    """Return by what *hits*, which had no story, are grouped.

    The stories are about the same company and topic, and have a report within *window* of a hit,
    or one of the same day of the event or of the same sum, however long ago.
    """
    newest = connection.execute(_NEWEST).one()
    without = connection.scalars(_WITHOUT, {"some": [hit.id for hit in hits]}).all()
    about: set[tuple[int, str, str]] = set()
    for query, values in _near(hits, window) if newest[0] else ():  # else there is no story yet
        about |= {(row.id, row.company, row.topic) for row in connection.execute(query, values)}
    speaking: list[tuple[int, int]] = []
    merged: set[int] = set()
    if about:
        stories = {"some": [story for story, _, _ in about]}
        rows = connection.execute(earliest(*_KINDS), stories)
        for story, own in groupby(rows, key=lambda row: row.story_id):
            speaking += ((story, row.hit_id) for row in islice(own, MOST))
        merged.update(connection.scalars(_MERGED, stories))
    return Basis(
        ungrouped=tuple(without),
        about=tuple(sorted(about)),
        speaking=tuple(speaking),
        merged=frozenset(merged),
        newest=(newest[0], newest[1]),
    )


_LIVE: Final = t.hits.c.withdrawn_at.is_(None)
_FREE: Final = t.hits.c.story_id.is_(None), _LIVE
_UNGROUPED: Final = hits_of().where(*_FREE).order_by(t.hits.c.id).limit(bindparam("most"))
_WITHOUT: Final = (
    select(t.hits.c.id).where(among(t.hits.c.id, "some"), *_FREE).order_by(t.hits.c.id)
)
_NEWEST: Final = select(
    select(func.max(t.stories.c.id)).scalar_subquery(),
    select(func.max(t.story_edits.c.id)).scalar_subquery(),
)
_MERGED: Final = (
    select(t.hits.c.story_id)
    .where(among(t.hits.c.story_id, "some"), t.hits.c.joined.startswith(MERGED), _LIVE)
    .distinct()
)
_OF_PAIR: Final = select(t.stories.c.id, t.stories.c.company, t.stories.c.topic).where(
    t.stories.c.company == bindparam("company"), t.stories.c.topic == bindparam("topic")
)
_AT_THE_TIME: Final = _OF_PAIR.where(
    t.stories.c.last_at >= bindparam("start"), t.stories.c.first_at <= bindparam("end")
)
_TOLD: Final = select(t.hits.c.story_id).where(
    t.hits.c.company == bindparam("company"), t.hits.c.topic == bindparam("topic")
)
_OF_DAYS: Final = _OF_PAIR.where(
    t.stories.c.id.in_(_TOLD.where(among(t.hits.c.event_date, "some")))
)
_OF_SUMS: Final = _OF_PAIR.where(
    t.stories.c.id.in_(
        _TOLD.where(
            or_(
                *(
                    and_(
                        t.hits.c.currency == bindparam(f"currency{at}"),
                        t.hits.c.amount.between(bindparam(f"low{at}"), bindparam(f"high{at}")),
                    )
                    for at in range(_SUMS)
                )
            )
        )
    )
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


def hits(connection: Connection, numbers: Sequence[int]) -> Iterator[HitToGroup]:
    """Yield the hits of these *numbers*, in their order."""
    for some in chunks(numbers):
        yield from map(to_group, connection.execute(HITS_OF, {"some": some}).all())


def _near(
    hits: Iterable[HitToGroup], window: timedelta
) -> Iterator[tuple[Select[Any], dict[str, Any]]]:
    """Yield queries, with their values, one of which finds a story that may take any of *hits*."""
    by_pair: dict[tuple[str, str], list[HitToGroup]] = defaultdict(list)
    for hit in hits:
        by_pair[hit.company, hit.topic].append(hit)
    for (company, topic), about in sorted(by_pair.items()):
        pair = {"company": company, "topic": topic}
        for start, end in _spans(about, window):
            yield _AT_THE_TIME, {**pair, "start": start, "end": end}
        if days := {hit.event_date.isoformat() for hit in about if hit.event_date}:
            yield _OF_DAYS, {**pair, "some": list(days)}
        sums = sorted({(it.currency, it.value) for hit in about for it in hit.amounts})
        for first in range(0, len(sums), _SUMS):
            values: dict[str, Any] = dict(pair)
            for at in range(_SUMS):  # the last again and again, so that it stays one statement
                currency, value = sums[min(first + at, len(sums) - 1)]
                values[f"currency{at}"] = currency
                values[f"low{at}"] = float(value) * (1 - _ROUNDED)
                values[f"high{at}"] = float(value) * (1 + _ROUNDED)
            yield _OF_SUMS, values


def _spans(hits: Iterable[HitToGroup], window: timedelta) -> list[tuple[datetime, datetime]]:
    """Return the times within *window* of any of *hits*, as few as they can be."""
    spans: list[tuple[datetime, datetime]] = []
    for start, end in sorted((hit.at - window, (hit.until or hit.at) + window) for hit in hits):
        if spans and start <= spans[-1][1]:
            spans[-1] = spans[-1][0], max(spans[-1][1], end)
        else:
            spans.append((start, end))
    return spans
