"""How often hits were right, by what analysts said of them: of a company, topic, feed or spelling.

* The latest verdict of a hit holds. A duplicate was found rightly: that it was told twice is no
  mistake of the rules.
* By spelling a hit counts once for each spelling that its evidence quotes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import JSON, case, column, distinct, exists, func, select, true

from monitor.model import Role, Verdict
from monitor.store import schema as t

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy import ColumnElement, Connection, Select

BY: Final = ("company", "topic", "stage", "feed", "spelling")


@dataclass(frozen=True, slots=True)
class Precision:
    """The verdicts on the hits of *key*."""

    key: str
    relevant: int
    irrelevant: int
    duplicate: int

    @property
    def verdicts(self) -> int:
        """How many hits were judged."""
        return self.relevant + self.irrelevant + self.duplicate

    @property
    def precision(self) -> float:
        """The share of hits that were found rightly, 0 to 1."""
        return (self.relevant + self.duplicate) / self.verdicts


def precision(
    connection: Connection, by: str, *, since: datetime | None = None, limit: int | None = None
) -> list[Precision]:
    """Return up to *limit* keys of the kind *by*, one of BY, most irrelevant hits first.

    *since* is when the verdict that holds was given.
    """
    key, query = _keys(connection, by)
    once = by != "spelling"  # which one hit may quote several times
    counts = [
        _count(verdict, once=once)
        for verdict in (Verdict.RELEVANT, Verdict.IRRELEVANT, Verdict.DUPLICATE)
    ]
    query = query.with_only_columns(key.label("key"), *counts, maintain_column_froms=True)
    query = query.where(key.is_not(None), _holds())
    if since is not None:
        query = query.where(t.reviews.c.at >= since)
    query = query.group_by(key).order_by(counts[1].desc(), key).limit(limit)
    return [Precision(*row) for row in connection.execute(query)]


def _count(verdict: Verdict, *, once: bool) -> ColumnElement[int]:
    mine = case((t.reviews.c.verdict == verdict, t.hits.c.id))
    return func.count(mine if once else distinct(mine))


def _holds() -> ColumnElement[bool]:
    later = t.reviews.alias()
    same = later.c.hit_id == t.reviews.c.hit_id, later.c.id > t.reviews.c.id
    return ~exists().where(*same)


def _keys(connection: Connection, by: str) -> tuple[ColumnElement[Any], Select[Any]]:
    query: Select[Any] = select().select_from(t.reviews)
    query = query.join(t.hits, t.hits.c.id == t.reviews.c.hit_id)
    if by == "feed":
        query = query.join(t.articles, t.articles.c.id == t.hits.c.article_id)
        return t.feeds.c.key, query.join(t.feeds, t.feeds.c.id == t.articles.c.feed_id)
    if by == "spelling":
        on_postgresql = connection.dialect.name == "postgresql"
        read = func.json_array_elements if on_postgresql else func.json_each
        quote = read(t.hits.c.evidence).table_valued(column("value", JSON), name="quote")
        query = query.join(quote, true())
        named = quote.c.value["role"].as_string().in_((Role.COMPANY, Role.TOPIC))
        return quote.c.value["term"].as_string(), query.where(named)
    return t.hits.c[by], query
