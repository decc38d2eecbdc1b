"""Proceedings in the store: new stories are linked to the affair that they are a step of.

What is there already is read before the lock is taken (`affairs`); what was just recorded, after.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import bindparam, select

from monitor.store import schema as t
from monitor.store.among import among
from monitor.store.grouping import HITS_OF, to_group
from monitor.store.numbering import insert_numbered
from monitor.store.rows import change_rows

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

    from sqlalchemy import Connection, Select

    from monitor.model import HitToGroup
    from monitor.stories.proceedings import Affairs, Chapter

    Pair = tuple[str, str]  # company and topic
    Known = Mapping[Pair, Affairs]


def affairs(connection: Connection, hits: Iterable[HitToGroup]) -> dict[Pair, Affairs]:
    """Return the stories within reach of new ones that have *hits*, by company and topic."""
    from monitor.stories.proceedings import LONG, Affairs  # most rounds of polling find no story

    found: dict[Pair, Affairs] = {}
    by_pair: dict[Pair, list[HitToGroup]] = {}
    for hit in hits:
        by_pair.setdefault((hit.company, hit.topic), []).append(hit)
    for (company, topic), about in by_pair.items():
        first, last = min(it.at for it in about), max(it.at for it in about)
        pair = {"company": company, "topic": topic}
        span = {"start": first - LONG, "end": last + LONG}
        found[company, topic] = Affairs(_chapters(connection, _NEAR, pair | span))
    return found


def link(
    connection: Connection,
    new: Collection[int],
    changed: Collection[int],
    known: Known,
) -> int:
    """Give each of the *new* stories without a proceeding its own; return how many got one.

    *known* is what `affairs` read, *changed* the stories that have taken hits since, new ones too.
    A story that no other is a step with has no proceeding until one is. The caller commits.
    """
    chapters: dict[int, Chapter] = {}
    for chapter in _chapters(connection, _NAMED, {"some": list(changed)}):
        chapters[chapter.story_id] = chapter
        pair = chapter.head.company, chapter.head.topic
        if pair in known:
            known[pair].put(chapter)
    begun: list[dict[str, Any]] = []  # proceedings, numbered -1, -2, ... until they are inserted
    of_story: dict[int, int] = {}
    linked = 0
    for story_id in sorted(new):
        if story_id not in chapters or chapters[story_id].proceeding_id is not None:
            continue
        chapter = chapters[story_id]
        of_pair = known[chapter.head.company, chapter.head.topic]
        found = of_pair.place(chapter)
        if found is None:
            continue
        number = found.proceeding_id
        if number is None:
            begun.append(
                {
                    "company": chapter.head.company,
                    "topic": chapter.head.topic,
                    "started_at": min(chapter.at, found.at),
                }
            )
            number = -len(begun)
        for step in (chapter, found):
            of_story[step.story_id] = number
            chapters[step.story_id] = replace(step, proceeding_id=number)
            of_pair.put(chapters[step.story_id])
        linked += 1
    numbers = insert_numbered(connection, t.proceedings, begun)
    rows = [
        {"id": story, "proceeding_id": number if number > 0 else numbers[-number - 1]}
        for story, number in of_story.items()
    ]
    change_rows(connection, t.stories, rows)
    return linked


_HEADED: Final = select(
    *(t.stories.c.head_hit_id, t.stories.c.id, t.stories.c.stage, t.stories.c.first_at),
    t.stories.c.proceeding_id,
).where(t.stories.c.head_hit_id.is_not(None))
_NAMED: Final = _HEADED.where(among(t.stories.c.id, "some"))
_NEAR: Final = _HEADED.where(
    t.stories.c.company == bindparam("company"),
    t.stories.c.topic == bindparam("topic"),
    t.stories.c.first_at.between(bindparam("start"), bindparam("end")),
    t.stories.c.merged_into.is_(None),
)
_HEADS: Final = HITS_OF.where(t.hits.c.withdrawn_at.is_(None))


def _chapters(
    connection: Connection, query: Select[Any], values: dict[str, Any]
) -> Iterator[Chapter]:
    """Yield the stories that *query* finds, each by the hit that heads it."""
    from monitor.stories.proceedings import Chapter

    told: dict[int | None, tuple[Any, ...]] = {}
    for head, *story in connection.execute(query, values):
        told[head] = tuple(story)
    if told:
        for row in connection.execute(_HEADS, {"some": list(told)}):
            story_id, stage, at, proceeding = told[row.id]
            if row.story_id == story_id:
                yield Chapter(story_id, stage, at, to_group(row), proceeding)
