"""Stories in the store: the hits that have none yet, the stories that may take them."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from sqlalchemy import func, insert, select, tuple_, update

from monitor.model import HitToGroup, OpenStory
from monitor.store.queries import hit_title, text_of_hit
from monitor.store.schema import ArticleRow, HitRow, StoryRow

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from sqlalchemy.orm import Session

    from monitor.stories.group import Grouping

HEADLINES = 30  # of a story: the latest ones are what a new report resembles


def ungrouped(session: Session, *, limit: int) -> list[HitToGroup]:
    """Return up to *limit* hits without a story, oldest first."""
    at = func.coalesce(ArticleRow.published_at, ArticleRow.first_seen, type_=HitRow.found_at.type)
    columns = (HitRow.id, HitRow.company, HitRow.topic, HitRow.stage, hit_title(), at.label("at"))
    query = text_of_hit(select(*columns))
    query = query.where(HitRow.story_id.is_(None), HitRow.withdrawn_at.is_(None))
    query = query.order_by(HitRow.id).limit(limit)
    return [HitToGroup(*row) for row in session.execute(query)]


def open_stories(
    session: Session, hits: Sequence[HitToGroup], *, since: datetime
) -> list[OpenStory]:
    """Return the stories about what *hits* are about whose last report is not before *since*."""
    pairs = sorted({(hit.company, hit.topic) for hit in hits})
    query = (
        select(StoryRow)
        .where(tuple_(StoryRow.company, StoryRow.topic).in_(pairs), StoryRow.last_at >= since)
        .order_by(StoryRow.id)
    )
    rows = session.scalars(query).all()
    titles: dict[int, list[str]] = defaultdict(list)
    found = (
        select(HitRow.story_id, ArticleRow.title)
        .join(ArticleRow, ArticleRow.id == HitRow.article_id)
        .where(HitRow.story_id.in_([row.id for row in rows]), HitRow.withdrawn_at.is_(None))
        .order_by(HitRow.id.desc())
    )
    for story_id, title in session.execute(found):
        if story_id is not None and len(titles[story_id]) < HEADLINES:
            titles[story_id].append(title)
    return [
        OpenStory(
            row.id,
            row.company,
            row.topic,
            row.stage,
            tuple(titles[row.id]),
            row.first_at,
            row.last_at,
        )
        for row in rows
    ]


def record(session: Session, hits: Sequence[HitToGroup], grouping: Grouping) -> int:
    """Write *grouping* of *hits*; return how many stories are new. The caller commits."""
    by_id = {hit.id: hit for hit in hits}
    joined: dict[int, list[HitToGroup]] = defaultdict(list)
    for hit_id, story_id in grouping.joined.items():
        joined[story_id].append(by_id[hit_id])
    for story_id, members in joined.items():
        _join(session, story_id, members)
    for ids in grouping.new:
        members = [by_id[hit_id] for hit_id in ids]
        first = min(members, key=lambda hit: (hit.at, hit.id))
        story = {
            "company": first.company,
            "topic": first.topic,
            "stage": next((hit.stage for hit in members if hit.stage), None),
            "headline": first.title,
            "first_at": first.at,
            "last_at": max(hit.at for hit in members),
        }
        story_id = session.execute(insert(StoryRow).returning(StoryRow.id), [story]).scalar_one()
        session.execute(update(HitRow).where(HitRow.id.in_(ids)).values(story_id=story_id))
    return len(grouping.new)


def _join(session: Session, story_id: int, members: Sequence[HitToGroup]) -> None:
    story = session.get_one(StoryRow, story_id)
    story.first_at = min(story.first_at, *(hit.at for hit in members))
    story.last_at = max(story.last_at, *(hit.at for hit in members))
    story.stage = story.stage or next((hit.stage for hit in members if hit.stage), None)
    ids = [hit.id for hit in members]
    session.execute(update(HitRow).where(HitRow.id.in_(ids)).values(story_id=story_id))
