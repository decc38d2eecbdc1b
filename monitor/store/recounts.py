"""Recounts: the counts of feeds held against the tables they are of, and set right.

* Looking is one query, so that both are of one moment, and keeps nobody waiting.
* `counts` has the rules of what is kept.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import BigInteger, and_, case, cast, delete, func, insert, or_, select

from monitor.store import schema as t
from monitor.store.counts import LOCK, PAGES, SUMMED
from monitor.store.engine import lock

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy import Connection, Select, Subquery

_NEWEST: Final = "newest_article_at"
_NAMES: Final = (_NEWEST, *SUMMED)


@dataclass(frozen=True, slots=True)
class Wrong:
    """A feed, by number and key, whose count of *what* is not what its tables hold."""

    feed_id: int
    feed: str
    what: str
    counted: int | datetime | None
    there: int | datetime | None

    def __str__(self) -> str:
        """Return it in words."""
        what = self.what.replace("_", " ")
        return f"feed {self.feed}: {what} counted {self.counted}, there {self.there}"


def wrong(connection: Connection) -> list[Wrong]:
    """Return what is not counted right, by feed.

    Goes through the indexes of all articles and hits: a second or two for a million.
    """
    counted, there = _of_feeds(_counted()).subquery(), _there(None).subquery()
    differ = or_(*(counted.c[it].is_distinct_from(there.c[it]) for it in _NAMES))
    query = (
        select(*(counted.c[it] for it in _NAMES), *(there.c[it] for it in _NAMES))
        .add_columns(t.feeds.c.id, t.feeds.c.key)
        .join_from(t.feeds, counted, counted.c.feed_id == t.feeds.c.id)
        .join(there, there.c.feed_id == t.feeds.c.id)
        .where(differ)
        .order_by(t.feeds.c.id)
    )
    found = []
    for *values, number, key in connection.execute(query):
        pairs = zip(_NAMES, values[: len(_NAMES)], values[len(_NAMES) :], strict=True)
        found += [Wrong(number, key, name, *pair) for name, *pair in pairs if pair[0] != pair[1]]
    return found


def set_right(connection: Connection, feed: int) -> None:
    """Count anew what the feed of that number has. The caller commits.

    On PostgreSQL one statement deletes its rows and counts, so that both are of one moment: what
    others commit meanwhile has rows of its own, which stay.
    """
    lock(connection, LOCK)  # nobody folds these rows meanwhile
    gone = delete(t.feed_counts).where(t.feed_counts.c.feed_id == feed)
    adding = insert(t.feed_counts).from_select(
        ["feed_id", *_NAMES], _there(feed), include_defaults=False
    )
    if connection.dialect.name == "postgresql":
        connection.execute(adding.add_cte(gone.returning(t.feed_counts.c.id).cte("gone")))
    else:
        connection.execute(gone)  # we write alone
        connection.execute(adding)


def _counted() -> Subquery:
    its = t.feed_counts.c
    sums = (cast(func.sum(its[name]), BigInteger).label(name) for name in SUMMED)
    newest = func.max(its[_NEWEST]).label(_NEWEST)
    return select(its.feed_id, newest, *sums).group_by(its.feed_id).subquery("counted")


def _there(feed: int | None) -> Select[*tuple[Any, ...]]:
    """Return the query of what the tables hold of each feed, or of that one."""
    its, pages = t.articles.c, t.full_texts.c
    newest = func.max(its.published_at).label(_NEWEST)
    articles = select(its.feed_id, func.count().label("articles"), newest)
    live = and_(t.hits.c.article_id == its.id, t.hits.c.withdrawn_at.is_(None))
    hits = select(its.feed_id, func.count().label("hits")).join_from(t.articles, t.hits, live)
    of_status = {name: func.count(case((pages.status == it, 1))) for it, name in PAGES.items()}
    texts = select(pages.feed_id, *(count.label(name) for name, count in of_status.items()))
    if feed is not None:
        articles, hits = articles.where(its.feed_id == feed), hits.where(its.feed_id == feed)
        texts = texts.where(pages.feed_id == feed)
    query = _of_feeds(
        articles.group_by(its.feed_id).subquery("its_articles"),
        hits.group_by(its.feed_id).subquery("its_hits"),
        texts.group_by(pages.feed_id).subquery("its_pages"),
    )
    return query if feed is None else query.where(t.feeds.c.id == feed)


def _of_feeds(*parts: Subquery) -> Select[*tuple[Any, ...]]:
    """Return the query of all counts of each feed, from *parts* which say some of them."""
    said = {column.name: column for part in parts for column in part.c}
    sums = (func.coalesce(said[name], 0).label(name) for name in SUMMED)
    query = select(t.feeds.c.id.label("feed_id"), said[_NEWEST], *sums)
    whole: Any = t.feeds
    for part in parts:
        whole = whole.outerjoin(part, part.c.feed_id == t.feeds.c.id)
    return query.select_from(whole)
