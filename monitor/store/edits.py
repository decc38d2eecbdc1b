"""An analyst's edits of stories: hits go from one story to another, and the record of it stays.

* `story_edits` is only ever added to: an undo is one more edit, the other way.
* What was split stays apart, as grouping never moves a hit that has a story; what was merged
  takes later hits as one story.
* Hits keep their numbers, and so does a story that lost all of its hits: it says where they are.
* Grouping waits meanwhile (`lock`), so the service may run. The caller commits.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import insert, select, update

from monitor.errors import InputError
from monitor.store import stories
from monitor.store.engine import lock
from monitor.store.schema import HitRow, StoryEditRow, StoryRow

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from sqlalchemy.orm import Session


def split(
    session: Session,
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
    lock(session, "group")
    story = _story(session, story_id)
    held = set(_hits(session, story_id))
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
    new = session.execute(insert(StoryRow).returning(StoryRow.id), [row]).scalar_one()
    return _move(session, "split", story_id, new, asked, who=who, at=at, note=note), new


def merge(
    session: Session, story_id: int, other_id: int, *, who: str, at: datetime, note: str | None
) -> int:
    """Move all hits of the story *other_id* into *story_id*; return the number of the edit.

    Raises InputError if they are one story, or not about the same company and topic.
    """
    lock(session, "group")
    story, other = _story(session, story_id), _story(session, other_id)
    if story_id == other_id:
        raise InputError(f"story {story_id} cannot be merged with itself")
    if (story.company, story.topic) != (other.company, other.topic):
        raise InputError(
            f"story {story_id} is about {story.company}/{story.topic},"
            f" story {other_id} about {other.company}/{other.topic}"
        )
    hits = _hits(session, other_id)
    return _move(session, "merge", other_id, story_id, hits, who=who, at=at, note=note)


def undo(
    session: Session, edit_id: int, *, who: str, at: datetime, note: str | None
) -> tuple[int, int]:
    """Move the hits of an edit back; return the numbers of the new edit and of their story.

    Raises InputError if there is no such edit, or its hits are not where it put them.
    """
    lock(session, "group")
    edit = session.get(StoryEditRow, edit_id)
    if edit is None:
        raise InputError(f"edit {edit_id} does not exist")
    if edit.verb == "undo":
        raise InputError(f"edit {edit_id} is an undo itself; split or merge again")
    if not set(edit.hits) <= set(_hits(session, edit.other_story_id, empty=True)):
        raise InputError(
            f"the hits of edit {edit_id} are no longer in story {edit.other_story_id}:"
            " it was undone, or they were moved since"
        )
    back = edit.story_id
    made = _move(session, "undo", edit.other_story_id, back, edit.hits, who=who, at=at, note=note)
    return made, back


def of_story(session: Session, story_id: int) -> list[dict[str, object]]:
    """Return the edits that took hits from a story or gave it some, oldest first."""
    query = select(StoryEditRow).where(
        (StoryEditRow.story_id == story_id) | (StoryEditRow.other_story_id == story_id)
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
        for row in session.scalars(query.order_by(StoryEditRow.id))
    ]


def _story(session: Session, story_id: int) -> StoryRow:
    story = session.get(StoryRow, story_id)
    if story is None:
        raise InputError(f"story {story_id} does not exist")
    if story.merged_into is not None:
        raise InputError(f"story {story_id} was merged into story {story.merged_into}")
    return story


def _hits(session: Session, story_id: int, *, empty: bool = False) -> list[int]:
    """Return all hits of a story, withdrawn ones too; raises InputError if it must have some."""
    query = select(HitRow.id).where(HitRow.story_id == story_id).order_by(HitRow.id)
    found = list(session.scalars(query))
    if not (found or empty):
        raise InputError(f"story {story_id} has no hits")
    return found


def _move(
    session: Session,
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
    number = session.execute(insert(StoryEditRow).returning(StoryEditRow.id), [edit]).scalar_one()
    reason = f"{verb} by {who}"
    rows = [{"id": hit, "story_id": target, "joined": reason} for hit in hits]
    session.execute(update(HitRow), rows)
    left = session.scalar(select(HitRow.id).where(HitRow.story_id == source).limit(1))
    ends = [(source, None if left else target), (target, None)]
    session.execute(update(StoryRow), [{"id": it, "merged_into": into} for it, into in ends])
    stories.refresh(session, [source, target])
    return number
