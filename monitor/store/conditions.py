"""A query as the index and SQL can be asked: wide enough, so that nothing is missed.

* The index, FTS5 or a `tsvector`, is asked for words; SQL for what is known of article and hit.
* Neither asks more than the query does: `monitor.query.matches` has the last word.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import (
    BigInteger,
    Integer,
    Text,
    and_,
    column,
    func,
    literal,
    not_,
    or_,
    select,
    table,
    text,
)

from monitor.query import AllOf, And, Not, Or, Word
from monitor.query.tree import Compares, Is, Seen
from monitor.store import schema as t
from monitor.store.later import WORDS_IN_BLOCKS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy import ColumnElement, Connection

    from monitor.query import Need, Node

BLOCK: Final = 2**12  # articles; the index has the numbers of blocks, see `later`
BLOCKS: Final = 2**4  # of them are a large one
WIDEST: Final = BLOCKS * BLOCKS * BLOCK  # articles that are asked for at once
_IN_INDEX: Final = f"({WORDS_IN_BLOCKS}) @@ CAST(:asked AS tsquery)"


def newest_with(
    connection: Connection,
    need: Need,
    below: int | None,
    limit: int,
    *,
    least: int,
    span: int = 0,
) -> Sequence[int]:
    """Return the newest articles under *below* that have what is needed, up to *limit*.

    *least* is the smallest number they may have, *span* among about how many articles there may be
    so many of them, if that is known.
    """
    if connection.dialect.name == "postgresql":
        return _of_tsvectors(connection, need, below, limit, least=least, span=span)
    number: ColumnElement[int] = column("rowid", Integer)
    has = column("article_words", Text).op("MATCH")(literal(_fts5(need)))
    query = select(number).select_from(table("article_words")).where(has, number >= least)
    if below is not None:
        query = query.where(number < below)
    return connection.scalars(query.order_by(number.desc()).limit(limit)).all()


def _of_tsvectors(
    connection: Connection, need: Need, below: int | None, limit: int, *, least: int, span: int
) -> list[int]:
    """Ask the GIN index for the newest blocks of articles, then for as many as it seems to take.

    It has the block of an article as one more word: without, it would gather all articles that
    have the words before it can tell which are the newest.
    """
    article = column("article_id", BigInteger)
    number = article + 0  # else a planner may walk along all numbers
    words = table("article_words", article)
    if below is None:
        below = (connection.scalar(select(func.max(article)).select_from(words)) or 0) + 1
    found: list[int] = []
    high, width = below - 1, max(span, BLOCKS * BLOCK if has_prefix(need) else 2 * BLOCK)
    while high >= least and len(found) < limit:
        low = max(high - width, least) // BLOCK * BLOCK
        asked = f"{_tsquery(need)} & ({' | '.join(_blocks(high, low))})"
        query = select(article).select_from(words).where(text(_IN_INDEX).bindparams(asked=asked))
        query = query.where(number >= least, number < below).order_by(number.desc())
        found += connection.scalars(query.limit(limit - len(found)))
        missing = 2 * (limit - len(found))  # by twice as much, since they may thin out
        seems = missing * (below - low) // len(found) if found else WIDEST
        high, width = low - 1, min(max(seems, BLOCK), 8 * width, WIDEST)
    return found


def has_prefix(need: Need) -> bool:
    """Return whether all words that begin so are gathered each time the index is asked."""
    return need.prefix if isinstance(need, Word) else any(map(has_prefix, need.needs))


def _blocks(high: int, low: int) -> list[str]:
    """Return the words for the blocks down from the article *high* to *low*, as few as can be."""
    block, last = high // BLOCK, low // BLOCK
    words = []
    while block >= last:
        if block % BLOCKS == BLOCKS - 1 and block - last >= BLOCKS - 1:
            words.append(f"'##{block // BLOCKS}'")
            block -= BLOCKS
        else:
            words.append(f"'#{block}'")
            block -= 1
    return words


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


def kind_of(node: Node) -> Mapping[str, frozenset[str]]:
    """Return for fields of a hit the values outside of which none answers *node*, if it says so.

    No values at all mean that nothing answers.
    """
    if isinstance(node, Is):
        return {node.name: frozenset(node.values)} if node.name in t.hits.c else {}
    found: dict[str, frozenset[str]] = {}
    if isinstance(node, And):
        for item in node.items:
            for name, values in kind_of(item).items():
                found[name] = found.get(name, values) & values
    return found


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
