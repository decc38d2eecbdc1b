"""Stories in the store: hits that have none yet, stories that may take them, what they tell.

* A hit keeps its story, whatever is found later; only an analyst moves it.
* What a story says of itself (stage, headline, times) is worked out anew from all its hits
  whenever it takes one, so the order in which they came does not show.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import Select, and_, func, insert, or_, select, update

from monitor.model import HitToGroup, OpenStory, Source, Step, Story
from monitor.store.grouping import hits_of, to_group, told_at
from monitor.store.queries import hit_title, text_of_hit
from monitor.store.schema import ArticleRow, FeedRow, HitRow, StoryRow
from monitor.stories.head import Account, head_of, stage_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence
    from datetime import datetime, timedelta

    from sqlalchemy import ColumnElement, Row
    from sqlalchemy.orm import Session

    from monitor.stories.group import Grouping

MERGED: Final = "merge by "  # so begins `joined` of a hit that an analyst's merge moved
_CHUNK: Final = 500  # numbers in one IN
_CONDITIONS: Final = 100  # in one OR
_ROUNDED: Final = 0.02  # by which two outlets' words for one sum may be apart


def ungrouped(session: Session, *, limit: int) -> list[HitToGroup]:
    """Return up to *limit* hits without a story, oldest first."""
    query = hits_of().where(HitRow.story_id.is_(None), HitRow.withdrawn_at.is_(None))
    return [to_group(row) for row in session.execute(query.order_by(HitRow.id).limit(limit))]


def open_stories(
    session: Session, hits: Sequence[HitToGroup], *, window: timedelta
) -> list[OpenStory]:
    """Return the stories that *hits* may belong to, with all that they hold.

    They are about the same company and topic, and have a report within *window* of a hit, or one of
    the same day of the event or of the same sum, however long ago.
    """
    rows: dict[int, tuple[str, str]] = {}
    for near in _near(hits, window):
        query = select(StoryRow.id, StoryRow.company, StoryRow.topic).where(near)
        rows |= {row.id: (row.company, row.topic) for row in session.execute(query)}
    held: dict[int, list[HitToGroup]] = defaultdict(list)
    merged: set[int] = set()
    for chunk in _chunks(rows):
        members = hits_of().where(HitRow.story_id.in_(chunk), HitRow.withdrawn_at.is_(None))
        for row in session.execute(members.order_by(HitRow.id)):
            held[row.HitRow.story_id].append(to_group(row))
            if (row.HitRow.joined or "").startswith(MERGED):
                merged.add(row.HitRow.story_id)
    return [OpenStory(it, *rows[it], tuple(held[it]), it in merged) for it in sorted(rows)]


def _near(hits: Iterable[HitToGroup], window: timedelta) -> Iterator[ColumnElement[bool]]:
    """Yield conditions of which a story that may take any of *hits* fulfils one."""
    by_pair: dict[tuple[str, str], list[HitToGroup]] = defaultdict(list)
    for hit in hits:
        by_pair[hit.company, hit.topic].append(hit)
    for (company, topic), about in sorted(by_pair.items()):
        same = and_(StoryRow.company == company, StoryRow.topic == topic)
        for start, end in _spans(about, window):
            yield and_(same, StoryRow.last_at >= start, StoryRow.first_at <= end)
        alike: list[ColumnElement[bool]] = []
        if days := {hit.event_date for hit in about if hit.event_date}:
            alike.append(HitRow.event_date.in_(days))
        for currency, value in {(it.currency, it.value) for hit in about for it in hit.amounts}:
            low, high = float(value) * (1 - _ROUNDED), float(value) * (1 + _ROUNDED)
            alike.append(and_(HitRow.currency == currency, HitRow.amount.between(low, high)))
        for chunk in range(0, len(alike), _CONDITIONS):
            of_story = HitRow.company == company, HitRow.topic == topic
            told = select(HitRow.story_id).where(
                *of_story, or_(*alike[chunk : chunk + _CONDITIONS])
            )
            yield and_(same, StoryRow.id.in_(told))


def _spans(hits: Iterable[HitToGroup], window: timedelta) -> list[tuple[datetime, datetime]]:
    """Return the times within *window* of any of *hits*, as few as they can be."""
    spans: list[tuple[datetime, datetime]] = []
    for start, end in sorted((hit.at - window, (hit.until or hit.at) + window) for hit in hits):
        if spans and start <= spans[-1][1]:
            spans[-1] = spans[-1][0], max(spans[-1][1], end)
        else:
            spans.append((start, end))
    return spans


def record(session: Session, hits: Sequence[HitToGroup], grouping: Grouping) -> list[int]:
    """Write *grouping* of *hits*; return the stories that are new. The caller commits."""
    by_id = {hit.id: hit for hit in hits}
    placed = dict(grouping.joined)
    new: list[int] = []
    for ids in grouping.new:
        first = by_id[ids[0]]
        story = {
            "company": first.company,
            "topic": first.topic,
            "headline": first.title,
            "first_at": first.at,
            "last_at": first.at,
        }
        story_id = session.execute(insert(StoryRow).returning(StoryRow.id), [story]).scalar_one()
        placed |= dict.fromkeys(ids, story_id)
        new.append(story_id)
    why = grouping.joined_by
    rows = [{"id": hit, "story_id": it, "joined": why.get(hit)} for hit, it in placed.items()]
    session.execute(update(HitRow), rows)
    refresh(session, set(placed.values()))
    return new


def refresh(session: Session, story_ids: Collection[int]) -> None:
    """Work out anew what stories say of themselves; one without hits stays. The caller commits."""
    rows = []
    for story_id, accounts in _accounts(session, story_ids).items():
        head = head_of(accounts)
        rows.append(
            {
                "id": story_id,
                "stage": stage_of(accounts),
                "headline": head.title,
                "head_hit_id": head.hit_id,
                "first_at": min(it.at for it in accounts),
                "last_at": max(it.at for it in accounts),
            }
        )
    if rows:
        session.execute(update(StoryRow), rows)


def told(session: Session, story_ids: Collection[int]) -> dict[int, Story]:
    """Return what a reader is told of each story that has hits: head first, then its sources.

    Sources are in order of time, each publisher once, whatever subscription was told of which.
    """
    steps = history(session, story_ids)
    found: dict[int, list[Row[Any]]] = defaultdict(list)
    for chunk in _chunks(story_ids):
        for row in session.execute(_of_stories(chunk)):
            found[row.HitRow.story_id].append(row)
    stories = {}
    for chunk in _chunks(found):
        for story in session.scalars(select(StoryRow).where(StoryRow.id.in_(chunk))):
            stories[story.id] = _story(story, found[story.id], steps.get(story.id, ()))
    return stories


def reports(session: Session, story_id: int) -> list[Source]:
    """Return every hit of a story, in order of time, however many are of one publisher."""
    return [_source(_account(row), row) for row in session.execute(_of_stories([story_id]))]


def why_gone(session: Session, story_id: int) -> str:
    """Return, in a sentence, why a story has nothing to tell."""
    story = session.get(StoryRow, story_id)
    if story is None:
        return f"story {story_id} does not exist"
    if story.merged_into is not None:
        return f"the hits of story {story_id} are in story {story.merged_into}"
    return f"all hits of story {story_id} are withdrawn"


def history(session: Session, story_ids: Collection[int]) -> dict[int, tuple[Step, ...]]:
    """Return for each story the earlier ones of its proceeding, oldest first."""
    asked: dict[int, tuple[int, datetime]] = {}  # proceeding and beginning of each story
    for chunk in _chunks(story_ids):
        query = select(StoryRow.id, StoryRow.proceeding_id, StoryRow.first_at).where(
            StoryRow.id.in_(chunk), StoryRow.proceeding_id.is_not(None)
        )
        asked |= {row.id: (row.proceeding_id, row.first_at) for row in session.execute(query)}
    steps: dict[int, list[Step]] = defaultdict(list)
    for chunk in _chunks({proceeding for proceeding, _ in asked.values()}):
        live = select(HitRow.id).where(
            HitRow.story_id == StoryRow.id, HitRow.withdrawn_at.is_(None)
        )
        rows = (
            select(StoryRow)
            .where(StoryRow.proceeding_id.in_(chunk), live.exists())
            .order_by(StoryRow.first_at, StoryRow.id)
        )
        for row in session.scalars(rows):
            step = Step(row.id, row.stage, row.first_at, row.headline)
            steps[row.proceeding_id or 0].append(step)
    return {
        story: tuple(it for it in steps[proceeding] if (it.at, it.story_id) < (first_at, story))
        for story, (proceeding, first_at) in asked.items()
    }


# --- rows --------------------------------------------------------------------------------------


def _of_stories(story_ids: Collection[int]) -> Select[*tuple[Any, ...]]:
    """Return the query of all live hits of stories, in order of time."""
    publisher = func.coalesce(ArticleRow.publisher, FeedRow.name).label("publisher")
    query: Select[*tuple[Any, ...]] = select(
        HitRow, hit_title(), ArticleRow.url, ArticleRow.language, publisher, told_at()
    )
    query = text_of_hit(query).join(FeedRow, FeedRow.id == ArticleRow.feed_id)
    query = query.where(HitRow.story_id.in_(story_ids), HitRow.withdrawn_at.is_(None))
    return query.order_by(told_at(), HitRow.id)


def _accounts(session: Session, story_ids: Collection[int]) -> dict[int, list[Account]]:
    found: dict[int, list[Account]] = defaultdict(list)
    for chunk in _chunks(story_ids):
        query = text_of_hit(
            select(HitRow.story_id, HitRow.id, hit_title(), ArticleRow.url, HitRow.stage, told_at())
        ).where(HitRow.story_id.in_(chunk), HitRow.withdrawn_at.is_(None))
        for story_id, hit_id, title, url, stage, at in session.execute(query):
            if story_id is not None:
                found[story_id].append(Account(hit_id, title, url, stage, at))
    return found


def _story(story: StoryRow, rows: Sequence[Row[Any]], earlier: tuple[Step, ...]) -> Story:
    accounts = [_account(row) for row in rows]
    head = head_of(accounts)
    sources: dict[str, Source] = {}
    for account, row in sorted(
        zip(accounts, rows, strict=True), key=lambda it: it[0].hit_id != head.hit_id
    ):
        sources.setdefault(row.publisher, _source(account, row))
    hits = [row.HitRow for row in rows]
    return Story(
        id=story.id,
        company=story.company,
        topic=story.topic,
        stage=stage_of(accounts),
        regulator=next((hit.regulator for hit in hits if hit.regulator), None),
        amount_text=next((hit.amount_text for hit in hits if hit.amount_text), None),
        headline=head.title,
        first_at=min(it.at for it in accounts),
        last_at=max(it.at for it in accounts),
        hits=len(hits),
        sources=tuple(sources.values()),
        proceeding_id=story.proceeding_id,
        earlier=earlier,
        comment=all(it.comment for it in accounts),
    )


def _account(row: Row[Any]) -> Account:
    return Account(row.HitRow.id, row.title, row.url, row.HitRow.stage, row.at)


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
        joined=row.HitRow.joined,
    )


def _chunks(numbers: Iterable[int]) -> Iterator[list[int]]:
    ordered = sorted(numbers)
    for start in range(0, len(ordered), _CHUNK):
        yield ordered[start : start + _CHUNK]
