"""Pages of the lists that answer a query: found by where the page before ended.

* A page is made of the answers to a query that a filter lets through too, so it may have fewer
  rows than asked for, or none, and yet not be the last: a look at `MOST_SEEN` answers ends it, and
  one at `LOOKED_AT` articles that may answer.
* A story is on the page of its newest answer alone, however many of its hits answer.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import islice, takewhile
from typing import TYPE_CHECKING, Any, Final

from monitor.store import schema as t
from monitor.store import search
from monitor.store.answers import KINDS, found_between, narrowed
from monitor.store.queries import rows

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import ColumnElement, Connection

    from monitor.query import Node
    from monitor.store.queries import Filter, Listing
    from monitor.store.search import Found

Place = tuple[int, int]  # article and hit (0 if none) of the answer that a page ended with
MOST_SEEN: Final = 1000
LOOKED_AT: Final = 3000
_CHUNK: Final = 50


def answered(
    connection: Connection,
    listing: Listing,
    query: Node,
    wanted: Filter,
    *,
    after: Place | None,
    limit: int,
) -> tuple[list[dict[str, Any]], Place | None]:
    """Return a page of up to *limit* rows, and where it ended: None if it is the last one."""
    kind = KINDS[listing.name]
    query = narrowed(query, kind, wanted)
    where: list[ColumnElement[bool]] = found_between(wanted) if kind == "hit" else []
    if kind == "hit" and wanted.story is not None:
        where.append(t.hits.c.story_id == wanted.story)
    bound = search.Bound(LOOKED_AT)
    # More hits of the article that the page before ended with may answer, but not before the first.
    below = None if after is None else after[0] + (after[1] > 0)
    answers = search.find(connection, query, kind, where=where, below=below, bound=bound)
    found = _down_to(bound, _behind(answers, after))
    shown: list[dict[str, Any]] = []
    seen = 0
    while chunk := list(islice(found, _CHUNK)):
        let_through = _let_through(connection, listing, query, wanted, chunk, after)
        for it in chunk:
            seen += 1
            row = let_through.get(it.number(kind) or 0)
            if row is not None:
                shown.append(row)
            if len(shown) == limit or seen == MOST_SEEN:
                last = it.article, it.hit or 0
                more = it is not chunk[-1] or next(found, None) is not None or bound.down_to
                return shown, last if more else None
    return shown, (bound.down_to, 0) if bound.down_to else None


def _down_to(bound: search.Bound, found: Iterator[Found]) -> Iterator[Found]:
    """Yield of *found* what has no answer missing before it."""
    return takewhile(lambda it: it.article >= bound.down_to, found)


def _behind(found: Iterator[Found], after: Place | None) -> Iterator[Found]:
    for it in found:
        if after is None or (it.article, it.hit or 0) < after:
            yield it


def _let_through(
    connection: Connection,
    listing: Listing,
    query: Node,
    wanted: Filter,
    chunk: list[Found],
    after: Place | None,
) -> dict[int, dict[str, Any]]:
    """Return the rows of *chunk*, by number, without stories that a page before has."""
    kind = KINDS[listing.name]
    numbers = {number for it in chunk if (number := it.number(kind)) is not None}
    if kind == "story" and after is not None:
        newer = t.hits.c.story_id.in_(numbers), t.hits.c.article_id >= after[0]
        for it in search.judged(connection, query, "hit", *newer):
            if (it.article, it.hit or 0) >= after and it.story is not None:
                numbers.discard(it.story)
    key = listing.order[1]
    found = rows(connection, listing, replace(wanted, limit=None), among=sorted(numbers))
    return {row[key]: row for row in found}
