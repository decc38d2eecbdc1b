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
from monitor.store import schema as t
from monitor.store.queries import hits_with_articles, reported_hit
from monitor.store.quoted import hit_title, text_of_hit
from monitor.stories.head import is_official

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import date, datetime
    from zoneinfo import ZoneInfo

    from sqlalchemy import Connection

SEARCHES: Final = frozenset({"news.google.com", "bing.com", "news.yahoo.com", "news.baidu.com"})
LISTED: Final = (
    *("hit_id", "story_id", "company", "topic", "stage", "regulator", "amount", "title", "url"),
    *("publisher", "language", "published_at", "found_at"),
)


_CHUNK: Final = 500  # numbers in one IN


def open_hits(connection: Connection, *, since: datetime) -> Iterator[tuple[Kind, OpenHit]]:
    """Yield the grouped hits found since then, oldest first, that any subscription may be told of.

    Quiet and withdrawn hits are left out, and those an analyst found to be of no use.
    """
    query = (
        select(
            t.hits.c.id,
            t.hits.c.story_id,
            t.hits.c.article_id,
            t.hits.c.company,
            t.hits.c.topic,
            t.hits.c.found_at,
            t.articles.c.url,
            t.feeds.c.key,
            t.feeds.c.url.label("address"),
            t.stories.c.stage.label("story_stage"),
            func.coalesce(t.stories.c.stage, t.hits.c.stage).label("stage"),
            t.articles.c.language,
            t.hits.c.score,
            t.hits.c.regulator,
            t.hits.c.amount,
            t.hits.c.currency,
        )
        .join(t.articles, t.articles.c.id == t.hits.c.article_id)
        .join(t.feeds, t.feeds.c.id == t.articles.c.feed_id)
        .join(t.stories, t.stories.c.id == t.hits.c.story_id)
        .where(t.hits.c.found_at >= since, t.hits.c.withdrawn_at.is_(None), ~t.hits.c.quiet)
        .where(~reviews.dismissed())
        .order_by(t.hits.c.id)
        .execution_options(yield_per=1000)
    )
    searches: dict[str, bool] = {}
    for row in connection.execute(query):
        searched = searches.get(row.address)
        if searched is None:
            searched = searches[row.address] = is_search(row.address)
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
                regulator=row.regulator,
                amount=row.amount,
                currency=row.currency,
            ),
        )


def texts(connection: Connection, articles: Iterable[int]) -> Iterator[tuple[int, str, str]]:
    """Yield the ids of *articles*, each with its present title and summary."""
    for chunk in _chunks(articles):
        about = (t.articles.c.id, t.articles.c.title, t.articles.c.summary)
        yield from (
            tuple(row)
            for row in connection.execute(select(*about).where(t.articles.c.id.in_(chunk)))
        )


def is_search(address: str) -> bool:
    """Return whether a feed's address is of a search engine for news."""
    host = (urlsplit(address).hostname or "").removeprefix("www.")
    return host in SEARCHES


def reported(connection: Connection, subscription: str, *, from_hit: int) -> set[int]:
    """Return which hits from that number on *subscription* was told of."""
    query = select(t.digest_items.c.hit_id).where(
        t.digest_items.c.subscription == subscription, t.digest_items.c.hit_id >= from_hit
    )
    return set(connection.scalars(query))


def reported_among(connection: Connection, subscription: str, hits: Iterable[int]) -> set[int]:
    """Return which of *hits* the subscription was told of."""
    found: set[int] = set()
    for chunk in _chunks(hits):
        query = select(t.digest_items.c.hit_id).where(
            t.digest_items.c.subscription == subscription, t.digest_items.c.hit_id.in_(chunk)
        )
        found.update(connection.scalars(query))
    return found


def began(connection: Connection, stories: Iterable[int]) -> dict[int, datetime]:
    """Return when the first hit of each of *stories* was found."""
    first = func.min(t.hits.c.found_at, type_=t.hits.c.found_at.type)
    found: dict[int, datetime] = {}
    for chunk in _chunks(stories):
        query = select(t.hits.c.story_id, first).where(t.hits.c.story_id.in_(chunk))
        rows = connection.execute(query.group_by(t.hits.c.story_id))
        found |= {story: at for story, at in rows if story is not None}
    return found


def told_before(
    connection: Connection, subscription: str, stories: Iterable[int]
) -> dict[int, set[str | None]]:
    """Return for those of *stories* that the subscription was told of the stages of those hits."""
    told: dict[int, set[str | None]] = {}
    for chunk in _chunks(stories):
        query = (
            select(t.hits.c.story_id, t.hits.c.stage)
            .join(t.digest_items, t.digest_items.c.hit_id == t.hits.c.id)
            .where(t.digest_items.c.subscription == subscription, t.hits.c.story_id.in_(chunk))
            .distinct()
        )
        for story, stage in connection.execute(query):
            if story is not None:
                told.setdefault(story, set()).add(stage)
    return told


def load(connection: Connection, hits: Iterable[int]) -> dict[int, ReportedHit]:
    """Return *hits* with their articles."""
    found: dict[int, ReportedHit] = {}
    for chunk in _chunks(hits):
        rows = connection.execute(hits_with_articles().where(t.hits.c.id.in_(chunk)))
        found |= {row.id: reported_hit(row) for row in rows}
    return found


def listed(connection: Connection, hits: Iterable[int]) -> Iterator[tuple[Any, ...]]:
    """Yield *hits* as the list of all hits has them, in the order of its columns (LISTED)."""
    for chunk in _chunks(hits):
        query = text_of_hit(
            select(
                t.hits.c.id,
                t.hits.c.story_id,
                t.hits.c.company,
                t.hits.c.topic,
                t.hits.c.stage,
                t.hits.c.regulator,
                t.hits.c.amount_text,
                hit_title(),
                t.articles.c.url,
                func.coalesce(t.articles.c.publisher, t.feeds.c.name),
                t.articles.c.language,
                t.articles.c.published_at,
                t.hits.c.found_at,
            )
        ).join(t.feeds, t.feeds.c.id == t.articles.c.feed_id)
        yield from connection.execute(query.where(t.hits.c.id.in_(chunk)).order_by(t.hits.c.id))


def alterations(connection: Connection, *, since: datetime, until: datetime) -> list[Alteration]:
    """Return what became of hits between these instants, whoever was told of them.

    That is: hits that were withdrawn, and articles that got another title, by their hits.
    """
    about = (t.hits.c.id, t.hits.c.company, t.hits.c.topic)
    gone = (
        select(*about, t.hits.c.withdrawn_at, hit_title(), t.articles.c.url, t.articles.c.language)
        .where(t.hits.c.withdrawn_at > since, t.hits.c.withdrawn_at <= until)
        .order_by(t.hits.c.id)
    )
    found = [
        Alteration(hit, company, topic, at, title, None, url, language)
        for hit, company, topic, at, title, url, language in connection.execute(text_of_hit(gone))
        if at is not None
    ]
    retitled = (
        select(
            *about,
            t.revisions.c.replaced_at,
            t.articles.c.title,
            t.revisions.c.title.label("before"),
            t.articles.c.url,
            t.articles.c.language,
        )
        .join(t.articles, t.articles.c.id == t.hits.c.article_id)
        .join(t.revisions, t.revisions.c.article_id == t.hits.c.article_id)
        .where(t.revisions.c.replaced_at > since, t.revisions.c.replaced_at <= until)
        .where(t.revisions.c.number == t.hits.c.revision, t.revisions.c.title != t.articles.c.title)
        .where(t.hits.c.withdrawn_at.is_(None))
        .order_by(t.hits.c.id)
    )
    return found + [Alteration(*row) for row in connection.execute(retitled)]


def possible(connection: Connection, *, since: datetime, until: datetime) -> list[NearMissToTell]:
    """Return the near-misses found between these instants to be offered, the surest first."""
    publisher = func.coalesce(t.articles.c.publisher, t.feeds.c.name).label("publisher")
    query = (
        select(
            t.near_misses,
            t.articles.c.title,
            t.articles.c.url,
            t.articles.c.language,
            publisher,
            t.feeds.c.key.label("feed"),
        )
        .join(t.articles, t.articles.c.id == t.near_misses.c.article_id)
        .join(t.feeds, t.feeds.c.id == t.articles.c.feed_id)
        .where(
            t.near_misses.c.possible,
            t.near_misses.c.found_at > since,
            t.near_misses.c.found_at <= until,
        )
        .order_by(t.near_misses.c.score.desc(), t.near_misses.c.id.desc())
    )
    return [
        NearMissToTell(
            article_id=near.article_id,
            feed=near.feed,
            kind=Kind(near.company, near.topic, None, near.language, near.score),
            found_at=near.found_at,
            title=near.title,
            url=near.url,
            publisher=near.publisher,
            language=near.language,
        )
        for near in connection.execute(query)
    ]


def daily(connection: Connection, zone: ZoneInfo, *, since: datetime) -> Counter[tuple[Kind, date]]:
    """Return how many live hits of each kind were found on each local day of *zone*."""
    query = select(
        t.hits.c.company,
        t.hits.c.topic,
        func.coalesce(t.stories.c.stage, t.hits.c.stage),
        t.articles.c.language,
        t.hits.c.score,
        t.hits.c.found_at,
    ).join(t.articles, t.articles.c.id == t.hits.c.article_id)
    query = query.outerjoin(t.stories, t.stories.c.id == t.hits.c.story_id)
    query = query.where(
        t.hits.c.found_at >= since, t.hits.c.withdrawn_at.is_(None), ~t.hits.c.quiet
    )
    counted: Counter[tuple[Kind, date]] = Counter()
    rows = connection.execute(query.execution_options(yield_per=1000))
    for company, topic, stage, language, score, found_at in rows:
        kind = Kind(company, topic, stage, language, score)
        counted[kind, found_at.astimezone(zone).date()] += 1
    return counted


def _chunks(numbers: Iterable[int]) -> Iterator[list[int]]:
    ordered = sorted(numbers)
    for start in range(0, len(ordered), _CHUNK):
        yield ordered[start : start + _CHUNK]
