"""What is due in the store: hits that may be told, what was told, what became of it.

* A digest takes hits *not yet reported to this subscription*, never "hits of the last day": so a
  digest that comes late, or comes after days of downtime, leaves nothing out and repeats nothing.
* What many subscriptions share is read once for all of them; `monitor.pipeline.edition` picks.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from sqlalchemy import func, select

from monitor.model import Alteration, Kind, NearMissToTell, OpenHit, ReportedHit
from monitor.store import reviews
from monitor.store.queries import hit_title, hits_with_articles, reported_hit, text_of_hit
from monitor.store.schema import (
    ArticleRow,
    DigestItemRow,
    FeedRow,
    HitRow,
    NearMissRow,
    RevisionRow,
    StoryRow,
)
from monitor.stories.head import is_official

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import date, datetime
    from zoneinfo import ZoneInfo

    from sqlalchemy.orm import Session

SEARCHES: Final = frozenset({"news.google.com", "bing.com", "news.yahoo.com", "news.baidu.com"})
LISTED: Final = (
    *("hit_id", "story_id", "company", "topic", "stage", "regulator", "amount", "title", "url"),
    *("publisher", "language", "published_at", "found_at"),
)


_CHUNK: Final = 500  # numbers in one IN


def open_hits(session: Session, *, since: datetime) -> Iterator[tuple[Kind, OpenHit]]:
    """Yield the grouped hits found since then, oldest first, that any subscription may be told of.

    Quiet and withdrawn hits are left out, and those an analyst found to be of no use.
    """
    query = (
        select(
            HitRow.id,
            HitRow.story_id,
            HitRow.article_id,
            HitRow.company,
            HitRow.topic,
            HitRow.found_at,
            ArticleRow.url,
            FeedRow.key,
            FeedRow.url.label("address"),
            StoryRow.stage.label("story_stage"),
            func.coalesce(StoryRow.stage, HitRow.stage).label("stage"),
            ArticleRow.language,
            HitRow.score,
        )
        .join(ArticleRow, ArticleRow.id == HitRow.article_id)
        .join(FeedRow, FeedRow.id == ArticleRow.feed_id)
        .join(StoryRow, StoryRow.id == HitRow.story_id)
        .where(HitRow.found_at >= since, HitRow.withdrawn_at.is_(None), ~HitRow.quiet)
        .where(~reviews.dismissed())
        .order_by(HitRow.id)
        .execution_options(yield_per=1000)
    )
    searches: dict[str, bool] = {}
    for row in session.execute(query):
        searched = searches.setdefault(row.address, is_search(row.address))
        yield (
            Kind(row.company, row.topic, row.stage, row.language, row.score),
            OpenHit(
                id=row.id,
                story_id=row.story_id or 0,
                article_id=row.article_id,
                company=row.company,
                topic=row.topic,
                found_at=row.found_at,
                feed=row.key,
                official=is_official(row.url),
                searched=searched,
                story_stage=row.story_stage,
            ),
        )


def is_search(address: str) -> bool:
    """Return whether a feed's address is of a search engine for news."""
    host = (urlsplit(address).hostname or "").removeprefix("www.")
    return host in SEARCHES


def reported(session: Session, subscription: str, *, from_hit: int) -> set[int]:
    """Return which hits from that number on *subscription* was told of."""
    query = select(DigestItemRow.hit_id).where(
        DigestItemRow.subscription == subscription, DigestItemRow.hit_id >= from_hit
    )
    return set(session.scalars(query))


def reported_among(session: Session, subscription: str, hits: Iterable[int]) -> set[int]:
    """Return which of *hits* the subscription was told of."""
    found: set[int] = set()
    for chunk in _chunks(hits):
        query = select(DigestItemRow.hit_id).where(
            DigestItemRow.subscription == subscription, DigestItemRow.hit_id.in_(chunk)
        )
        found.update(session.scalars(query))
    return found


def began(session: Session, stories: Iterable[int]) -> dict[int, datetime]:
    """Return when the first hit of each of *stories* was found."""
    first = func.min(HitRow.found_at, type_=HitRow.found_at.type)
    found: dict[int, datetime] = {}
    for chunk in _chunks(stories):
        query = select(HitRow.story_id, first).where(HitRow.story_id.in_(chunk))
        rows = session.execute(query.group_by(HitRow.story_id))
        found |= {story: at for story, at in rows if story is not None}
    return found


def told_before(
    session: Session, subscription: str, stories: Iterable[int]
) -> dict[int, set[str | None]]:
    """Return for those of *stories* that the subscription was told of the stages of those hits."""
    told: dict[int, set[str | None]] = {}
    for chunk in _chunks(stories):
        query = (
            select(HitRow.story_id, HitRow.stage)
            .join(DigestItemRow, DigestItemRow.hit_id == HitRow.id)
            .where(DigestItemRow.subscription == subscription, HitRow.story_id.in_(chunk))
            .distinct()
        )
        for story, stage in session.execute(query):
            if story is not None:
                told.setdefault(story, set()).add(stage)
    return told


def load(session: Session, hits: Iterable[int]) -> dict[int, ReportedHit]:
    """Return *hits* with their articles."""
    found: dict[int, ReportedHit] = {}
    for chunk in _chunks(hits):
        rows = session.execute(hits_with_articles().where(HitRow.id.in_(chunk)))
        found |= {row.HitRow.id: reported_hit(row) for row in rows}
    return found


def listed(session: Session, hits: Iterable[int]) -> Iterator[tuple[Any, ...]]:
    """Yield *hits* as the list of all hits has them, in the order of its columns (LISTED)."""
    for chunk in _chunks(hits):
        query = text_of_hit(
            select(
                HitRow.id,
                HitRow.story_id,
                HitRow.company,
                HitRow.topic,
                HitRow.stage,
                HitRow.regulator,
                HitRow.amount_text,
                hit_title(),
                ArticleRow.url,
                func.coalesce(ArticleRow.publisher, FeedRow.name),
                ArticleRow.language,
                ArticleRow.published_at,
                HitRow.found_at,
            )
        ).join(FeedRow, FeedRow.id == ArticleRow.feed_id)
        yield from session.execute(query.where(HitRow.id.in_(chunk)).order_by(HitRow.id))


def alterations(session: Session, *, since: datetime, until: datetime) -> list[Alteration]:
    """Return what became of hits between these instants, whoever was told of them.

    That is: hits that were withdrawn, and articles that got another title, by their hits.
    """
    about = (HitRow.id, HitRow.company, HitRow.topic)
    gone = (
        select(*about, HitRow.withdrawn_at, hit_title(), ArticleRow.url, ArticleRow.language)
        .where(HitRow.withdrawn_at > since, HitRow.withdrawn_at <= until)
        .order_by(HitRow.id)
    )
    found = [
        Alteration(hit, company, topic, at, title, None, url, language)
        for hit, company, topic, at, title, url, language in session.execute(text_of_hit(gone))
        if at is not None
    ]
    retitled = (
        select(
            *about,
            RevisionRow.replaced_at,
            ArticleRow.title,
            RevisionRow.title.label("before"),
            ArticleRow.url,
            ArticleRow.language,
        )
        .join(ArticleRow, ArticleRow.id == HitRow.article_id)
        .join(RevisionRow, RevisionRow.article_id == HitRow.article_id)
        .where(RevisionRow.replaced_at > since, RevisionRow.replaced_at <= until)
        .where(RevisionRow.number == HitRow.revision, RevisionRow.title != ArticleRow.title)
        .where(HitRow.withdrawn_at.is_(None))
        .order_by(HitRow.id)
    )
    return found + [Alteration(*row) for row in session.execute(retitled)]


def possible(session: Session, *, since: datetime, until: datetime) -> list[NearMissToTell]:
    """Return the near-misses found between these instants to be offered, the surest first."""
    publisher = func.coalesce(ArticleRow.publisher, FeedRow.name).label("publisher")
    query = (
        select(NearMissRow, ArticleRow.title, ArticleRow.url, ArticleRow.language, publisher)
        .join(ArticleRow, ArticleRow.id == NearMissRow.article_id)
        .join(FeedRow, FeedRow.id == ArticleRow.feed_id)
        .where(NearMissRow.possible, NearMissRow.found_at > since, NearMissRow.found_at <= until)
        .order_by(NearMissRow.score.desc(), NearMissRow.id.desc())
    )
    return [
        NearMissToTell(
            kind=Kind(near.company, near.topic, None, language, near.score),
            found_at=near.found_at,
            title=title,
            url=url,
            publisher=publisher,
            language=language,
        )
        for near, title, url, language, publisher in session.execute(query)
    ]


def daily(session: Session, zone: ZoneInfo, *, since: datetime) -> Counter[tuple[Kind, date]]:
    """Return how many live hits of each kind were found on each local day of *zone*."""
    query = select(
        HitRow.company,
        HitRow.topic,
        func.coalesce(StoryRow.stage, HitRow.stage),
        ArticleRow.language,
        HitRow.score,
        HitRow.found_at,
    ).join(ArticleRow, ArticleRow.id == HitRow.article_id)
    query = query.outerjoin(StoryRow, StoryRow.id == HitRow.story_id)
    query = query.where(HitRow.found_at >= since, HitRow.withdrawn_at.is_(None), ~HitRow.quiet)
    counted: Counter[tuple[Kind, date]] = Counter()
    rows = session.execute(query.execution_options(yield_per=1000))
    for company, topic, stage, language, score, found_at in rows:
        kind = Kind(company, topic, stage, language, score)
        counted[kind, found_at.astimezone(zone).date()] += 1
    return counted


def _chunks(numbers: Iterable[int]) -> Iterator[list[int]]:
    ordered = sorted(numbers)
    for start in range(0, len(ordered), _CHUNK):
        yield ordered[start : start + _CHUNK]
