"""Measures: how the service fares, counted from the database, whichever process asks.

* Each query follows an index, and is bounded by what is due or by a span of time up to now; feeds
  alone are all counted: there are as many as the configuration says.
* A lag is taken of the newest `SAMPLE` at most.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import case, func, select, text

from monitor.store import schema as t

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from sqlalchemy import Connection, Select

OF_POLLS: Final = timedelta(minutes=5)
OF_NEWS: Final = timedelta(days=1)
OF_DELIVERIES: Final = timedelta(days=7)
SAMPLE: Final = 1000
POLL_MS: Final = (100, 250, 500, 1000, 2500, 5000, 10_000, 30_000, 60_000)
ENTRIES: Final = ("new", "known", "revised", "rejected")


@dataclass(frozen=True, slots=True)
class Polls:
    """The polls of the last `OF_POLLS`.

    *took* counts those that took up to so many ms, of all that were *timed*.
    """

    outcomes: Mapping[str, int]
    entries: Mapping[str, int]
    bytes: int
    gaps: int
    handed_over: int
    took: Sequence[tuple[int, int]]
    timed: int
    took_ms: int


@dataclass(frozen=True, slots=True)
class Queue:
    """What is due: how many, and since when the first."""

    due: int
    since: datetime | None


def polls(connection: Connection, *, now: datetime) -> Polls:
    """Return what the polls of the last `OF_POLLS` came to."""
    its = t.polls.c
    recent = its.at > now - OF_POLLS
    by_outcome = select(its.outcome, func.count()).where(recent).group_by(its.outcome)
    took = [func.sum(case((its.took_ms <= limit, 1), else_=0)) for limit in POLL_MS]
    sums = select(
        *(func.sum(its[name]) for name in ENTRIES),
        func.sum(its.bytes),
        func.sum(case((its.gap, 1), else_=0)),
        func.count(its.handed_over),
        func.count(its.took_ms),
        func.sum(its.took_ms),
        *took,
    )
    row = [int(value or 0) for value in connection.execute(sums.where(recent)).one()]
    entries, (size, gaps, handed_over, timed, took_ms), counts = row[:4], row[4:9], row[9:]
    return Polls(
        outcomes=_counts(connection, by_outcome),
        entries=dict(zip(ENTRIES, entries, strict=True)),
        bytes=size,
        gaps=gaps,
        handed_over=handed_over,
        took=tuple(zip(POLL_MS, counts, strict=True)),
        timed=timed,
        took_ms=took_ms,
    )


def feeds_by_state(connection: Connection) -> dict[str, int]:
    """Return how many feeds are in each state."""
    query = select(t.feeds.c.state, func.count()).group_by(t.feeds.c.state)
    return _counts(connection, query)


def due_feeds(connection: Connection, *, now: datetime) -> Queue:
    """Return which feeds are due and not being polled."""
    its = t.feeds.c
    return _queue(connection, its.due_at, its.due_at <= now, its.enabled)


def due_deliveries(connection: Connection, *, now: datetime) -> Queue:
    """Return which deliveries are due and not being handed over."""
    its = t.deliveries.c
    return _queue(connection, its.due_at, its.due_at <= now)


def due_pages(connection: Connection, *, now: datetime) -> Queue:
    """Return which pages of articles are due to be read."""
    its = t.full_texts.c
    return _queue(connection, its.due_at, its.due_at <= now)


def ungrouped_hits(connection: Connection) -> int:
    """Return how many hits wait to be brought into stories."""
    query = select(func.count(t.hits.c.id)).where(text("story_id IS NULL"))
    return connection.scalar(query) or 0


def unmatched_articles(connection: Connection) -> int:
    """Return of how many articles detection failed."""
    query = select(func.count(t.articles.c.id)).where(text("matched_with IS NULL"))
    return connection.scalar(query) or 0


def hits_found(connection: Connection, *, now: datetime) -> int:
    """Return how many hits of the last `OF_NEWS` are in digests: not withdrawn, not quiet."""
    its = t.hits.c
    recent = its.found_at > now - OF_NEWS, its.withdrawn_at.is_(None), ~its.quiet
    return connection.scalar(select(func.count()).where(*recent)) or 0


def lags_to_hits(connection: Connection, *, now: datetime) -> list[float]:
    """Return how long the newest hits of the last `OF_NEWS` were found after publication, in s.

    Hits that are quiet, and those of articles without a date, are left out.
    """
    query = (
        select(t.articles.c.published_at, t.hits.c.found_at)
        .join(t.articles, t.articles.c.id == t.hits.c.article_id)
        .where(t.hits.c.found_at > now - OF_NEWS, ~t.hits.c.quiet)
        .where(t.articles.c.published_at.is_not(None))
        .order_by(t.hits.c.found_at.desc())
        .limit(SAMPLE)
    )
    return [_seconds(since, until) for since, until in connection.execute(query)]


def lags_to_mails(connection: Connection, kind: str, *, now: datetime) -> list[float]:
    """Return how long after they were found the newest hits were told of, in s.

    Of digests of that *kind* whose deliveries left in the last `OF_NEWS`, by the first of each.
    """
    left = t.deliveries.c.sent_at
    first = func.min(left, type_=left.type).label("left_at")
    sent = (
        select(t.deliveries.c.digest_id, first)
        .join(t.digests, t.digests.c.id == t.deliveries.c.digest_id)
        .where(left > now - OF_NEWS, t.digests.c.kind == kind)
        .group_by(t.deliveries.c.digest_id)
        .order_by(t.deliveries.c.digest_id.desc())
        .limit(SAMPLE)
        .subquery()
    )
    query = (
        select(t.hits.c.found_at, sent.c.left_at)
        .join(t.digest_items, t.digest_items.c.hit_id == t.hits.c.id)
        .join(sent, sent.c.digest_id == t.digest_items.c.digest_id)
        .order_by(t.digest_items.c.id.desc())
        .limit(SAMPLE)
    )
    return [_seconds(since, until) for since, until in connection.execute(query)]


def digests_by_kind(connection: Connection, *, now: datetime) -> dict[str, int]:
    """Return how many digests and alerts were made in the last `OF_NEWS`."""
    its = t.digests.c
    recent = its.composed_at > now - OF_NEWS
    return _counts(connection, select(its.kind, func.count()).where(recent).group_by(its.kind))


def deliveries_by_status(connection: Connection, *, now: datetime) -> dict[str, int]:
    """Return what became of the deliveries of what was made in the last `OF_DELIVERIES`."""
    status = t.deliveries.c.status
    query = (
        select(status, func.count())
        .join(t.digests, t.digests.c.id == t.deliveries.c.digest_id)
        .where(t.digests.c.composed_at > now - OF_DELIVERIES)
        .group_by(status)
    )
    return _counts(connection, query)


def database_bytes(connection: Connection) -> int:
    """Return how large the database is."""
    if connection.dialect.name == "postgresql":
        query = "SELECT pg_database_size(current_database())"
    else:
        query = "SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()"
    return connection.scalar(text(query)) or 0


def _counts(connection: Connection, query: Select[Any]) -> dict[str, int]:
    return {str(name): number for name, number in connection.execute(query)}


def _queue(connection: Connection, due_at: Any, *limits: Any) -> Queue:  # noqa: ANN401 - expressions
    first = func.min(due_at, type_=due_at.type)
    due, since = connection.execute(select(func.count(), first).where(*limits)).one()
    return Queue(due, since)


def _seconds(since: datetime, until: datetime) -> float:
    return (until - since).total_seconds()
