"""An analyst's edits of stories: hits go from one story to another, and the record of it stays.

* `story_edits` is only ever added to: an undo is one more edit, the other way.
* What was split stays apart, as grouping never moves a hit that has a story; what was merged
  takes later hits as one story.
* Hits keep their numbers, and so does a story that lost all of its hits: it says where they are.
* Grouping waits meanwhile (`lock`), so the service may run. The caller commits.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import insert, select

from monitor.errors import InputError
from monitor.store import schema as t
from monitor.store import stories
from monitor.store.engine import lock
from monitor.store.rows import change_rows, row_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from sqlalchemy import Connection, Row


def split(
    connection: Connection,
    story_id: int,
    hits: Sequence[int],
    *,
    who: str,
    at: datetime,
    note: str | None,
) -> tuple[int, int]:
    """Move *hits* of a story into a new one; return the numbers of the edit and the new story.

    Raises InputError if they are not hits of that story, or all of them.
    """
    lock(connection, "group")
    story = _story(connection, story_id)
    held = set(_hits(connection, story_id))
    asked = sorted(set(hits))
    if strange := [hit for hit in asked if hit not in held]:
        raise InputError(f"story {story_id} has no hit {', '.join(map(str, strange))}")
    if len(asked) == len(held):
        raise InputError(f"these are all hits of story {story_id}; there is nothing to split off")
    row = {
        "company": story.company,
        "topic": story.topic,
        "headline": story.headline,
        "first_at": story.first_at,
        "last_at": story.last_at,
        "proceeding_id": story.proceeding_id,
    }
    new = connection.execute(insert(t.stories).returning(t.stories.c.id), [row]).scalar_one()
    return _move(connection, "split", story_id, new, asked, who=who, at=at, note=note), new


def merge(
    connection: Connection,
    story_id: int,
    other_id: int,
    *,
    who: str,
    at: datetime,
    note: str | None,
) -> int:
    """Move all hits of the story *other_id* into *story_id*; return the number of the edit.

    Raises InputError if they are one story, or not about the same company and topic.
    """
    lock(connection, "group")
    story, other = _story(connection, story_id), _story(connection, other_id)
    if story_id == other_id:
        raise InputError(f"story {story_id} cannot be merged with itself")
    if (story.company, story.topic) != (other.company, other.topic):
        raise InputError(
            f"story {story_id} is about {story.company}/{story.topic},"
            f" story {other_id} about {other.company}/{other.topic}"
        )
    hits = _hits(connection, other_id)
    return _move(connection, "merge", other_id, story_id, hits, who=who, at=at, note=note)


def undo(
    connection: Connection, edit_id: int, *, who: str, at: datetime, note: str | None
) -> tuple[int, int]:
    """Move the hits of an edit back; return the numbers of the new edit and of their story.

    Raises InputError if there is no such edit, or its hits are not where it put them.
    """
    lock(connection, "group")
    edit = row_of(connection, t.story_edits, edit_id)
    if edit is None:
        raise InputError(f"edit {edit_id} does not exist")
    if edit.verb == "undo":
        raise InputError(f"edit {edit_id} is an undo itself; split or merge again")
    if not set(edit.hits) <= set(_hits(connection, edit.other_story_id, empty=True)):
        raise InputError(
            f"the hits of edit {edit_id} are no longer in story {edit.other_story_id}:"
            " it was undone, or they were moved since"
        )
    back = edit.story_id
    made = _move(
        connection, "undo", edit.other_story_id, back, edit.hits, who=who, at=at, note=note
    )
    return made, back


def of_story(connection: Connection, story_id: int) -> list[dict[str, object]]:
    """Return the edits that took hits from a story or gave it some, oldest first."""
    query = select(t.story_edits).where(
        (t.story_edits.c.story_id == story_id) | (t.story_edits.c.other_story_id == story_id)
    )
    return [
        {
            "edit_id": row.id,
            "at": row.at,
            "who": row.who,
            "verb": row.verb,
            "story_id": row.story_id,
            "other_story_id": row.other_story_id,
            "hits": row.hits,
            "note": row.note,
        }
        for row in connection.execute(query.order_by(t.story_edits.c.id))
    ]


def _story(connection: Connection, story_id: int) -> Row[Any]:
    story = row_of(connection, t.stories, story_id)
    if story is None:
        raise InputError(f"story {story_id} does not exist")
    if story.merged_into is not None:
        raise InputError(f"story {story_id} was merged into story {story.merged_into}")
    return story


def _hits(connection: Connection, story_id: int, *, empty: bool = False) -> list[int]:
    """Return all hits of a story, withdrawn ones too; raises InputError if it must have some."""
    query = select(t.hits.c.id).where(t.hits.c.story_id == story_id).order_by(t.hits.c.id)
    found = list(connection.scalars(query))
    if not (found or empty):
        raise InputError(f"story {story_id} has no hits")
    return found


def _move(
    connection: Connection,
    verb: str,
    source: int,
    target: int,
    hits: Sequence[int],
    *,
    who: str,
    at: datetime,
    note: str | None,
) -> int:
    """Record the edit, move the hits, and let both stories say what they now hold."""
    edit = {
        "at": at,
        "who": who,
        "verb": verb,
        "story_id": source,
        "other_story_id": target,
        "hits": list(hits),
        "note": note,
    }
    number: int = connection.execute(
        insert(t.story_edits).returning(t.story_edits.c.id), [edit]
    ).scalar_one()
    reason = f"{verb} by {who}"
    rows = [{"id": hit, "story_id": target, "joined": reason} for hit in hits]
    change_rows(connection, t.hits, rows)
    left = connection.scalar(select(t.hits.c.id).where(t.hits.c.story_id == source).limit(1))
    ends = [(source, None if left else target), (target, None)]
    change_rows(connection, t.stories, [{"id": it, "merged_into": into} for it, into in ends])
    stories.refresh(connection, [source, target])
    return number
