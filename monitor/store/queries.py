"""Reading the store: hits with their articles, and the lists behind the commands.

The lists read the views that analysts may rely on, so a command and a SQL query say the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import (
    Boolean,
    ColumnClause,
    ColumnElement,
    Date,
    Float,
    Integer,
    Select,
    Text,
    exists,
    func,
    or_,
    select,
    table,
    tuple_,
)
from sqlalchemy import column as sql_column

from monitor.model import ReportedHit
from monitor.store import schema as t
from monitor.store.among import among as one_of
from monitor.store.few import NAMED, few
from monitor.store.hits import evidence_of
from monitor.store.paged import PAGE, Rows
from monitor.store.quoted import hit_title, text_of_hit
from monitor.store.types import Instant

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from sqlalchemy import Connection, Row


NEWEST: Final = (t.hits.c.found_at.desc(), t.hits.c.id.desc())  # the order of lists of hits


def found_before(hit_id: int) -> ColumnElement[bool]:
    """Return the condition that a hit stands behind that one in the order NEWEST."""
    its = t.hits.c
    at = select(its.found_at).where(its.id == hit_id).scalar_subquery()
    return tuple_(its.found_at, its.id) < tuple_(at, hit_id)


def hits_with_articles() -> Select[*tuple[Any, ...]]:
    """Return the query whose rows `reported_hit` reads."""
    query = select(
        t.hits,
        hit_title(),
        func.coalesce(t.revisions.c.summary, t.articles.c.summary).label("summary"),
        t.articles.c.url,
        func.coalesce(t.articles.c.publisher, t.feeds.c.name).label("publisher"),
        t.articles.c.language,
        t.articles.c.published_at,
        t.feeds.c.key.label("feed"),
        t.stories.c.headline,
    )
    return (
        text_of_hit(query)
        .join(t.feeds, t.feeds.c.id == t.articles.c.feed_id)
        .join(t.stories, t.stories.c.id == t.hits.c.story_id)
    )


def reported_hit(row: Row[Any]) -> ReportedHit:
    """Return one row of `hits_with_articles` as a value."""
    if row.story_id is None:
        raise ValueError(f"hit {row.id} has no story")
    return ReportedHit(
        id=row.id,
        company=row.company,
        topic=row.topic,
        stage=row.stage,
        regulator=row.regulator,
        amount_text=row.amount_text,
        score=row.score,
        sentence=row.sentence,
        evidence=evidence_of(row.evidence),
        found_at=row.found_at,
        story_id=row.story_id,
        headline=row.headline,
        title=row.title,
        summary=row.summary,
        url=row.url,
        publisher=row.publisher,
        language=row.language,
        published_at=row.published_at,
        feed=row.feed,
    )


@dataclass(frozen=True, slots=True)
class Filter:
    """What a list is limited to; None or empty means no limit."""

    company: str | None = None
    topic: str | None = None
    stage: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    min_score: float | None = None
    limit: int | None = None
    subscription: str | None = None
    status: tuple[str, ...] | None = None
    story: int | None = None
    hit: int | None = None
    feed: str | None = None


@dataclass(frozen=True, slots=True)
class Listing:
    """A list a command can print: its columns, which instant `since` means, its order.

    The second column of *order* is the number of a row.
    """

    name: str
    columns: dict[str, Any]
    instant: str
    order: tuple[str, ...]
    hit_key: str = "id"  # the column of `hits` that leads here


HITS = Listing(
    name="v_hits",
    columns={
        "hit_id": Integer(),
        "found_at": Instant(),
        "published_at": Instant(),
        "company": Text(),
        "topic": Text(),
        "stage": Text(),
        "regulator": Text(),
        "amount": Float(),
        "currency": Text(),
        "score": Float(),
        "verdict": Text(),
        "title": Text(),
        "url": Text(),
        "publisher": Text(),
        "language": Text(),
        "feed": Text(),
        "story_id": Integer(),
        "sentence": Text(),
        "event_date": Date(),
    },
    instant="found_at",
    order=("found_at", "hit_id"),
)
STORIES = Listing(
    name="v_stories",
    columns={
        "story_id": Integer(),
        "company": Text(),
        "topic": Text(),
        "stage": Text(),
        "headline": Text(),
        "first_seen": Instant(),
        "last_seen": Instant(),
        "sources": Integer(),
        "hits": Integer(),
        "regulator": Text(),
        "amount": Float(),
        "currency": Text(),
        "proceeding_id": Integer(),
        "head_hit_id": Integer(),
    },
    instant="last_seen",
    order=("last_seen", "story_id"),
    hit_key="story_id",
)
FEEDS = Listing(
    name="v_feeds",
    columns={
        "feed_id": Text(),
        "url": Text(),
        "name": Text(),
        "state": Text(),
        "last_ok_at": Instant(),
        "last_error": Text(),
        "newest_article_at": Instant(),
        "articles": Integer(),
        "hits": Integer(),
        "state_since": Instant(),
        "state_reason": Text(),
        "gaps": Integer(),
        "last_gap_at": Instant(),
        "moved_to": Text(),
        "moved_since": Instant(),
        "next_poll_at": Instant(),
        "full_texts": Integer(),
        "pages_waiting": Integer(),
        "pages_given_up": Integer(),
        "push_until": Instant(),
        "push_error": Text(),
    },
    instant="last_ok_at",
    order=("name", "feed_id"),
)
ARTICLES = Listing(
    name="v_articles",
    columns={
        "article_id": Integer(),
        "first_seen": Instant(),
        "published_at": Instant(),
        "title": Text(),
        "url": Text(),
        "publisher": Text(),
        "language": Text(),
        "feed": Text(),
        "hits": Integer(),
        "revision": Integer(),
        "summary": Text(),
    },
    instant="first_seen",
    order=("first_seen", "article_id"),
    hit_key="article_id",
)
REVIEWS = Listing(
    name="v_reviews",
    columns={
        "review_id": Integer(),
        "at": Instant(),
        "who": Text(),
        "hit_id": Integer(),
        "verdict": Text(),
        "note": Text(),
        "company": Text(),
        "topic": Text(),
        "stage": Text(),
        "score": Float(),
        "feed": Text(),
        "title": Text(),
        "url": Text(),
        "holds": Boolean(),
    },
    instant="at",
    order=("at", "review_id"),
    hit_key="id",
)
DELIVERIES = Listing(
    name="v_deliveries",
    columns={
        "digest_id": Integer(),
        "subscription": Text(),
        "slot": Instant(),
        "recipient": Text(),
        "status": Text(),
        "attempts": Integer(),
        "message_id": Text(),
        "sent_at": Instant(),
        "last_error": Text(),
        "delivery_id": Integer(),
        "next_attempt_at": Instant(),
        "kind": Text(),
    },
    instant="slot",
    order=("slot", "delivery_id"),
)


def rows(
    connection: Connection,
    listing: Listing,
    wanted: Filter,
    *,
    among: Sequence[int | str | None] | None = None,
    after: tuple[Any, Any] | None = None,
) -> Rows:
    """Return the rows of *listing* that *wanted* lets through, newest first, read when asked for.

    Where a listing has no column of its own for a limit, it means: has such a hit. *among* are the
    numbers of the rows that are meant, if not all are. *after* is what the row before the first one
    has in the columns that the list is ordered by.
    """
    return Rows(tuple(listing.columns), _pages(connection, listing, wanted, among, after))


def _pages(
    connection: Connection,
    listing: Listing,
    wanted: Filter,
    among: Sequence[int | str | None] | None,
    after: tuple[Any, Any] | None,
) -> Iterator[Sequence[Row[Any]]]:
    columns = {name: sql_column(name, kind) for name, kind in listing.columns.items()}
    query = select(*columns.values()).select_from(table(listing.name, *columns.values()))
    query = query.where(*_limits(listing, columns, wanted), *_of_columns(columns, wanted))
    query = query.where(*_with_hit(connection, listing, columns, wanted))
    if among is not None:
        query = query.where(one_of(columns[listing.order[1]], among))
    if after is not None:
        query = query.where(*_behind(listing, columns, after))
    order = [
        columns[name].asc() if listing is FEEDS else columns[name].desc() for name in listing.order
    ]
    query = query.order_by(*order).limit(wanted.limit)
    if among is None and (wanted.limit is None or wanted.limit > PAGE):
        # By a cursor; of a page, PostgreSQL would plan for its first few rows then.
        query = query.execution_options(yield_per=PAGE)
    yield from connection.execute(query).partitions(PAGE)


def _limits(
    listing: Listing, columns: dict[str, ColumnClause[Any]], wanted: Filter
) -> Iterator[ColumnElement[bool]]:
    if wanted.since is not None:
        yield columns[listing.instant] >= wanted.since
    if wanted.until is not None:
        yield columns[listing.instant] < wanted.until
    for name in ("company", "topic", "stage"):
        value = getattr(wanted, name)
        if value is not None and name in columns:
            yield columns[name] == value
    if wanted.min_score is not None and "score" in columns:
        yield columns["score"] >= wanted.min_score


def _with_hit(
    connection: Connection,
    listing: Listing,
    columns: dict[str, ColumnClause[Any]],
    wanted: Filter,
) -> Iterator[ColumnElement[bool]]:
    """Yield the condition that a row has a hit of the kind wanted, where it says none itself.

    A kind of which there are few hits is looked up at once, so that nobody looks through all rows
    for it, from the newest to the last.
    """
    its, key = t.hits.c, listing.hit_key
    kind = {
        name: (value,)
        for name in NAMED
        if name not in columns and (value := getattr(wanted, name)) is not None
    }
    sure = wanted.min_score is not None and "score" not in columns
    if not kind and not sure:
        return
    hits = few(connection, kind)
    such: list[ColumnElement[bool]]
    if hits is None:
        such = [its[name].in_(values) for name, values in kind.items()]
    else:
        such = [one_of(its.id, hits)]
        yield columns[key].in_(select(its[key]).where(*such))
    if sure:
        such.append(its.score >= wanted.min_score)
    if hits is None or sure:
        yield exists().where(its[key] == columns[key], its.withdrawn_at.is_(None), *such)


def _behind(
    listing: Listing, columns: dict[str, ColumnClause[Any]], after: tuple[Any, Any]
) -> Iterator[ColumnElement[bool]]:
    (first, number), (value, last) = (columns[name] for name in listing.order), after
    upwards = listing is FEEDS
    yield first >= value if upwards else first <= value  # an index leads there
    yield or_(
        first > value if upwards else first < value, number > last if upwards else number < last
    )


def _of_columns(
    columns: dict[str, ColumnClause[Any]], wanted: Filter
) -> Iterator[ColumnElement[bool]]:
    if wanted.subscription is not None:
        yield columns["subscription"] == wanted.subscription
    for name, value in (("story_id", wanted.story), ("hit_id", wanted.hit), ("feed", wanted.feed)):
        if value is not None:
            yield columns[name] == value
    if wanted.status is not None:
        yield columns["status"].in_(wanted.status)
