"""A query as the index and SQL can be asked: wide enough, so that nothing is missed.

* The index, FTS5 or a `tsvector`, is asked for words; SQL for what is known of article and hit.
* Neither asks more than the query does: `monitor.query.matches` has the last word.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import Integer, Text, and_, column, func, literal, not_, or_, select, table, text

from monitor.query import AllOf, And, Not, Or, Word
from monitor.query.tree import Compares, Is, Seen
from monitor.store import schema as t

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import ColumnElement, Connection

    from monitor.query import Need, Node

_LOOKED_THROUGH: Final = 25  # articles for each that is wanted, before an index is asked,
_AT_LEAST: Final = 20_000  # or so many


def newest_with(
    connection: Connection,
    need: Need,
    below: int | None,
    limit: int,
    *,
    least: int,
    before: Sequence[int] = (),
) -> Sequence[int]:
    """Return the newest articles under *below* that have what is needed, up to *limit*.

    *least* is the smallest number they may have, *before* those of the page before, if any.
    """
    if connection.dialect.name == "postgresql":
        rare = bool(before) and before[0] - before[-1] > _LOOKED_THROUGH * len(before)
        return _of_tsvectors(connection, need, below, limit, least=least, rare=rare)
    number: ColumnElement[int] = column("rowid", Integer)
    has = column("article_words", Text).op("MATCH")(literal(_fts5(need)))
    query = select(number).select_from(table("article_words")).where(has, number >= least)
    if below is not None:
        query = query.where(number < below)
    return connection.scalars(query.order_by(number.desc()).limit(limit)).all()


def _of_tsvectors(
    connection: Connection, need: Need, below: int | None, limit: int, *, least: int, rare: bool
) -> list[int]:
    """Look through the newest first, one by one; what these lack is asked of the GIN index.

    That has to gather all articles with common words before it can tell which are the newest, and
    the planner, which takes words for independent, asks it all the same. It is good at *rare* ones.
    """
    number, words = column("article_id", Integer), column("words", Text)
    query = select(number, words).select_from(table("article_words", number, words))
    query = query.where(number >= least)
    if below is not None:
        query = query.where(number < below)
    found: list[int] = []
    if not rare:
        looked_through = max(_LOOKED_THROUGH * limit, _AT_LEAST)
        # The rows of a limited subquery are walked in its order, as far as they are asked for.
        near = query.order_by(number.desc()).limit(looked_through).subquery()
        some = select(near.c.article_id).where(_has(near.c.words, need))
        found += connection.scalars(some.order_by(near.c.article_id.desc()).limit(limit))
        ends = query.with_only_columns(number).order_by(number.desc()).offset(looked_through - 1)
        end = None if len(found) == limit else connection.scalar(ends.limit(1))
        if end is None:
            return found
        query = query.where(number < end)
    far = query.with_only_columns(number).where(_has(words, need)).order_by(number.desc())
    return [*found, *connection.scalars(far.limit(limit - len(found)))]


def _has(words: ColumnElement[str], need: Need) -> ColumnElement[bool]:
    asked = text("CAST(:need AS tsquery)").bindparams(need=_tsquery(need))
    return words.op("@@")(asked)


def _fts5(need: Need) -> str:
    if isinstance(need, Word):
        return f'"{need.text}"' + ("*" if need.prefix else "")
    sign = " AND " if isinstance(need, AllOf) else " OR "
    return f"({sign.join(map(_fts5, need.needs))})"


def _tsquery(need: Need) -> str:
    if isinstance(need, Word):
        return f"'{need.text}'" + (":*" if need.prefix else "")
    sign = " & " if isinstance(need, AllOf) else " | "
    return f"({sign.join(map(_tsquery, need.needs))})"


def known(node: Node) -> ColumnElement[bool] | None:
    """Return what SQL can ask of an article and its hit; never more than the query asks."""
    match node:
        case And(items) | Or(items):
            limits = [limit for item in items if (limit := known(item)) is not None]
            if isinstance(node, Or):
                return or_(*limits) if len(limits) == len(items) else None
            return and_(*limits) if limits else None
        case Not(item):
            exact = known(item) if _is_exact(item) else None
            return None if exact is None else not_(func.coalesce(exact, literal(value=False)))
        case Seen() | Compares() | Is():
            return _known_of(node)
        case _:
            return None


def _known_of(node: Seen | Compares | Is) -> ColumnElement[bool]:
    if isinstance(node, Is):
        return _is(node.name, node.values)
    return _compared(node) if isinstance(node, Compares) else time_of(node)


def time_of(seen: Seen) -> ColumnElement[bool]:
    """Return the condition that an article was first seen in that time."""
    limits = []
    if seen.since is not None:
        limits.append(t.articles.c.first_seen >= seen.since)
    if seen.until is not None:
        limits.append(t.articles.c.first_seen < seen.until)
    return and_(*limits)


def seen_in(node: Node) -> Seen | None:
    """Return a time outside of which no article answers *node*, if it names one."""
    if isinstance(node, Seen):
        return node
    if not isinstance(node, And):
        return None
    times = [seen for item in node.items if (seen := seen_in(item)) is not None]
    since = max((it.since for it in times if it.since is not None), default=None)
    until = min((it.until for it in times if it.until is not None), default=None)
    return Seen(since, until) if times else None


def _is_exact(node: Node) -> bool:
    """Return whether `_fields` says all that *node* does."""
    match node:
        case And(items) | Or(items):
            return all(map(_is_exact, items))
        case Not(item):
            return _is_exact(item)
        case _:
            return isinstance(node, Is | Seen)


def _is(name: str, values: Sequence[str]) -> ColumnElement[bool]:
    if name == "lang":
        language = func.lower(t.articles.c.language)
        return or_(
            *(
                or_(language == value, language.startswith(f"{value}-", autoescape=True))
                for value in values
            )
        )
    if name == "feed":
        return t.feeds.c.key.in_(values)
    # Keys are in small letters, currencies in capitals, in the query and in the store.
    return t.hits.c[name].in_(values)


def _compared(node: Compares) -> ColumnElement[bool]:
    number: Any = t.hits.c[node.name]
    limit: ColumnElement[bool] = number.op(node.sign)(node.value)
    return limit if node.currency is None else and_(limit, t.hits.c.currency == node.currency)
