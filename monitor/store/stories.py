"""Stories in the store: hits that have none yet, stories that may take them, what they tell.

* A hit keeps its story, whatever is found later; only an analyst moves it.
* What a story says of itself (stage, headline, times, how many told it) is worked out anew from
  all its hits whenever one of them comes, changes or goes, so the order of that does not show.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import Select, func, select

from monitor.model import Source, Step, Story
from monitor.store import schema as t
from monitor.store.among import among
from monitor.store.grouping import chunks, earliest, told_at
from monitor.store.numbering import insert_numbered
from monitor.store.quoted import hit_title, text_of_hit
from monitor.store.rows import change_rows, row_of
from monitor.stories.head import Account, head_of, stage_of

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from datetime import datetime

    from sqlalchemy import ColumnElement, Connection, Row

    from monitor.model import HitToGroup
    from monitor.store.grouping import Kind
    from monitor.stories.group import Grouping

_FIRST: Final = 100  # hits by which a story is told, with the first of each publisher


@dataclass(frozen=True, slots=True)
class _Count:
    """How many hits of a story tell of a stage, and when the first and the last did."""

    stage: str | None
    hits: int
    first_at: datetime
    last_at: datetime


def record(
    connection: Connection, hits: Sequence[HitToGroup], grouping: Grouping
) -> tuple[set[int], list[int]]:
    """Write *grouping* of *hits*; return the stories that took some, and which of them are new.

    The caller commits.
    """
    by_id = {hit.id: hit for hit in hits}
    placed = dict(grouping.joined)
    opened = [
        {
            "company": first.company,
            "topic": first.topic,
            "headline": first.title,
            "first_at": first.at,
            "last_at": first.at,
        }
        for first in (by_id[ids[0]] for ids in grouping.new)
    ]
    new = insert_numbered(connection, t.stories, opened)
    for story_id, ids in zip(new, grouping.new, strict=True):
        placed |= dict.fromkeys(ids, story_id)
    why = grouping.joined_by
    rows = [{"id": hit, "story_id": it, "joined": why.get(hit)} for hit, it in placed.items()]
    change_rows(connection, t.hits, rows)
    changed = set(placed.values())
    refresh(connection, changed)
    return changed, new


def refresh(connection: Connection, story_ids: Collection[int]) -> None:
    """Work out anew what stories say of themselves; one without hits stays. The caller commits."""
    for chunk in chunks(story_ids):  # so that two at once do not each miss what the other changed
        held = select(t.stories.c.id).where(t.stories.c.id.in_(chunk)).order_by(t.stories.c.id)
        connection.execute(held.with_for_update())
    counted = _counts(connection, story_ids)
    rows = []
    for story_id, own in _spoken(connection, counted).items():
        counts = counted[story_id]
        accounts = [_account(row) for row in own]
        stage = _stage(accounts, counts)
        head = head_of(accounts, stage)
        rows.append(
            {
                "id": story_id,
                "stage": stage,
                "headline": head.title,
                "head_hit_id": head.hit_id,
                "first_at": min(it.first_at for it in counts),
                "last_at": max(it.last_at for it in counts),
                "hits": sum(it.hits for it in counts),
                "sources": len({row.publisher for row in own}),
                "regulator": next((row.regulator for row in own if row.regulator), None),
                "amount_text": next((row.amount_text for row in own if row.amount_text), None),
            }
        )
    change_rows(connection, t.stories, rows)
    gone = [{"id": it, "hits": 0, "sources": 0} for it in story_ids if it not in counted]
    change_rows(connection, t.stories, gone)


def told(connection: Connection, story_ids: Collection[int]) -> dict[int, Story]:
    """Return what a reader is told of each story that has hits: head first, then its sources.

    Sources are in order of time, each publisher once, whatever subscription was told of which.
    """
    steps = history(connection, story_ids)
    counted = _counts(connection, story_ids)
    found = _spoken(connection, counted)
    stories = {}
    for chunk in chunks(found):
        for story in connection.execute(select(t.stories).where(t.stories.c.id.in_(chunk))):
            own = found[story.id]
            stories[story.id] = _story(story, own, counted[story.id], steps.get(story.id, ()))
    return stories


def reports(connection: Connection, story_id: int) -> list[Source]:
    """Return every hit of a story, in order of time, however many are of one publisher."""
    rows = _of_hits().where(t.hits.c.story_id == story_id, t.hits.c.withdrawn_at.is_(None))
    return [
        _source(_account(row), row)
        for row in connection.execute(rows.order_by(told_at(), t.hits.c.id))
    ]


def why_gone(connection: Connection, story_id: int) -> str:
    """Return, in a sentence, why a story has nothing to tell."""
    story = row_of(connection, t.stories, story_id)
    if story is None:
        return f"story {story_id} does not exist"
    if story.merged_into is not None:
        return f"the hits of story {story_id} are in story {story.merged_into}"
    return f"all hits of story {story_id} are withdrawn"


def history(connection: Connection, story_ids: Collection[int]) -> dict[int, tuple[Step, ...]]:
    """Return for each story the earlier ones of its proceeding, oldest first."""
    asked: dict[int, tuple[int, datetime]] = {}  # proceeding and beginning of each story
    for chunk in chunks(story_ids):
        query = select(t.stories.c.id, t.stories.c.proceeding_id, t.stories.c.first_at).where(
            t.stories.c.id.in_(chunk), t.stories.c.proceeding_id.is_not(None)
        )
        asked |= {row.id: (row.proceeding_id, row.first_at) for row in connection.execute(query)}
    steps: dict[int, list[Step]] = defaultdict(list)
    for chunk in chunks({proceeding for proceeding, _ in asked.values()}):
        live = select(t.hits.c.id).where(
            t.hits.c.story_id == t.stories.c.id, t.hits.c.withdrawn_at.is_(None)
        )
        rows = (
            select(t.stories)
            .where(t.stories.c.proceeding_id.in_(chunk), live.exists())
            .order_by(t.stories.c.first_at, t.stories.c.id)
        )
        for row in connection.execute(rows):
            step = Step(row.id, row.stage, row.first_at, row.headline)
            steps[row.proceeding_id or 0].append(step)
    return {
        story: tuple(it for it in steps[proceeding] if (it.at, it.story_id) < (first_at, story))
        for story, (proceeding, first_at) in asked.items()
    }


# --- rows --------------------------------------------------------------------------------------


def _publisher() -> ColumnElement[str]:
    return func.coalesce(t.articles.c.publisher, t.feeds.c.name)


def _of_hits() -> Select[*tuple[Any, ...]]:
    """Return the query of hits as a story tells of them."""
    its = t.hits.c
    query: Select[*tuple[Any, ...]] = select(
        *(its.id, its.story_id, its.stage, its.regulator, its.amount_text, its.joined),
        *(hit_title(), t.articles.c.url, t.articles.c.language, told_at()),
        _publisher().label("publisher"),
    )
    return text_of_hit(query).join(t.feeds, t.feeds.c.id == t.articles.c.feed_id)


def _counts(connection: Connection, story_ids: Collection[int]) -> dict[int, list[_Count]]:
    """Return the stages of the live hits of each story that has some, the first told first."""
    counted: dict[int, list[_Count]] = defaultdict(list)
    if story_ids:
        for story, *stage in connection.execute(_COUNTS, {"some": list(story_ids)}):
            counted[story].append(_Count(*stage))
    return {story: sorted(own, key=lambda it: it.first_at) for story, own in counted.items()}


_COUNTS: Final = (
    select(
        *(t.hits.c.story_id, t.hits.c.stage, func.count()),
        *(func.min(told_at()), func.max(told_at())),
    )
    .join(t.articles, t.articles.c.id == t.hits.c.article_id)
    .where(among(t.hits.c.story_id, "some"), t.hits.c.withdrawn_at.is_(None))
    .group_by(t.hits.c.story_id, t.hits.c.stage)
)
# By which hits a story is told: all, of one that has no more than `_FIRST`; of a larger one the
# first of each publisher and stage, and with a regulator and a sum.
_TELLING: Final[tuple[Kind, ...]] = (
    *((_FIRST, ()), (1, (_publisher(), t.hits.c.stage))),
    *((1, (t.hits.c.regulator.is_(None),)), (1, (t.hits.c.amount_text.is_(None),))),
)
_HITS: Final = _of_hits().where(among(t.hits.c.id, "some"))
_LIVE: Final = _of_hits().where(among(t.hits.c.story_id, "some"), t.hits.c.withdrawn_at.is_(None))


def _spoken(
    connection: Connection, counted: Mapping[int, Sequence[_Count]]
) -> dict[int, list[Row[Any]]]:
    """Return the hits that each story is told by, in order of time."""
    found: dict[int, list[Row[Any]]] = {story: [] for story in counted}
    hits = {story: sum(it.hits for it in counts) for story, counts in counted.items()}
    small = [story for story in counted if hits[story] <= _FIRST]
    rows = list(connection.execute(_LIVE, {"some": small})) if small else []
    if large := [story for story in counted if hits[story] > _FIRST]:
        speaking = connection.execute(earliest(*_TELLING), {"some": large})
        rows += connection.execute(_HITS, {"some": [row.hit_id for row in speaking]})
    for row in rows:
        found[row.story_id].append(row)
    for own in found.values():
        own.sort(key=lambda it: (it.at, it.id))
    return found


def _stage(accounts: Sequence[Account], counts: Sequence[_Count]) -> str | None:
    """Return the stage of a story by all of its hits, of which *accounts* may be but some."""
    if len(accounts) == sum(it.hits for it in counts):
        return stage_of(accounts)
    reported = {it.stage for it in accounts if it.stage and not it.comment}
    told = [it for it in counts if it.stage in reported]
    most = max(told, key=lambda it: it.hits, default=None)
    return most.stage if most else None


def _story(
    story: Row[Any],
    rows: Sequence[Row[Any]],
    counts: Sequence[_Count],
    earlier: tuple[Step, ...],
) -> Story:
    accounts = [_account(row) for row in rows]
    stage = _stage(accounts, counts)
    head = head_of(accounts, stage)
    sources: dict[str, Source] = {}
    for account, row in sorted(
        zip(accounts, rows, strict=True), key=lambda it: it[0].hit_id != head.hit_id
    ):
        sources.setdefault(row.publisher, _source(account, row))
    return Story(
        id=story.id,
        company=story.company,
        topic=story.topic,
        stage=stage,
        regulator=next((row.regulator for row in rows if row.regulator), None),
        amount_text=next((row.amount_text for row in rows if row.amount_text), None),
        headline=head.title,
        first_at=min(it.first_at for it in counts),
        last_at=max(it.last_at for it in counts),
        hits=sum(it.hits for it in counts),
        sources=tuple(sources.values()),
        proceeding_id=story.proceeding_id,
        earlier=earlier,
        comment=all(it.comment for it in accounts),
    )


def _account(row: Row[Any]) -> Account:
    return Account(row.id, row.title, row.url, row.stage, row.at)


def _source(account: Account, row: Row[Any]) -> Source:
    return Source(
        hit_id=account.hit_id,
        publisher=row.publisher,
        title=account.title,
        url=account.url,
        language=row.language,
        at=account.at,
        official=account.official,
        comment=account.comment,
        joined=row.joined,
    )
