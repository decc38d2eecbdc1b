"""Proceedings in the store: new stories are linked to the affair that they are a step of."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import insert, select, update

from monitor.store.grouping import hits_of, to_group
from monitor.store.schema import HitRow, ProceedingRow, StoryRow

if TYPE_CHECKING:
    from collections.abc import Collection

    from sqlalchemy.orm import Session

    from monitor.stories.proceedings import Chapter


def link(session: Session, story_ids: Collection[int]) -> int:
    """Give each of *story_ids* without a proceeding its own; return how many got one.

    A story that no other is a step with has none until one is. The caller commits.
    """
    from monitor.stories.proceedings import place  # most rounds of polling find no story

    linked = 0
    for story_id in sorted(story_ids):
        story = session.get_one(StoryRow, story_id, populate_existing=True)
        if story.proceeding_id is not None:
            continue
        chapters = _chapters(session, story)
        chapter = chapters.pop(story_id, None)
        found = place(chapter, list(chapters.values())) if chapter else None
        if chapter is None or found is None:
            continue
        number = found.proceeding_id
        if number is None:
            row = {
                "company": story.company,
                "topic": story.topic,
                "started_at": min(chapter.at, found.at),
            }
            made = insert(ProceedingRow).returning(ProceedingRow.id)
            number = session.execute(made, [row]).scalar_one()
        steps = [story_id, found.story_id]
        session.execute(update(StoryRow).where(StoryRow.id.in_(steps)).values(proceeding_id=number))
        linked += 1
    return linked


def _chapters(session: Session, story: StoryRow) -> dict[int, Chapter]:
    """Return the stories about the same within reach of *story*, with itself, by number."""
    from monitor.stories.proceedings import LONG, Chapter

    near = select(StoryRow.head_hit_id).where(
        StoryRow.company == story.company,
        StoryRow.topic == story.topic,
        StoryRow.first_at.between(story.first_at - LONG, story.first_at + LONG),
        StoryRow.merged_into.is_(None),
    )
    query = hits_of().add_columns(StoryRow).join(StoryRow, StoryRow.id == HitRow.story_id)
    query = query.where(HitRow.id.in_(near), HitRow.withdrawn_at.is_(None))
    return {
        row.StoryRow.id: Chapter(
            story_id=row.StoryRow.id,
            stage=row.StoryRow.stage,
            at=row.StoryRow.first_at,
            head=to_group(row),
            proceeding_id=row.StoryRow.proceeding_id,
        )
        for row in session.execute(query.execution_options(populate_existing=True))
    }
