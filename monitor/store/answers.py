"""The rows of a list that answer a query, in the order a search gives them."""

from __future__ import annotations

from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from monitor.query import And, Compares, Is, Node, Or, Seen, alternatives
from monitor.store import schema as t
from monitor.store import search
from monitor.store.queries import ARTICLES, HITS, STORIES, rows

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import ColumnElement, Connection

    from monitor.store.queries import Filter, Listing

KINDS: Final[dict[str, search.Kind]] = {
    HITS.name: "hit",
    STORIES.name: "story",
    ARTICLES.name: "article",
}
_PAGE: Final = 100


def answers(
    connection: Connection, listing: Listing, query: Node, wanted: Filter, *, ranked: bool = False
) -> Iterator[dict[str, Any]]:
    """Yield the rows of *listing* that answer *query* and that *wanted* lets through.

    The newest article comes first, or with *ranked* the best of the newest `search.RANKED`.
    """
    kind = KINDS[listing.name]
    query = narrowed(query, kind, wanted)
    where = found_between(wanted) if kind == "hit" else []
    if ranked:
        limit = search.RANKED if wanted.limit is None else wanted.limit
        found: Iterator[search.Found] = iter(
            search.best(connection, query, kind, limit=limit, where=where).found
        )
    else:
        found = search.find(connection, query, kind, where=where)
    left = wanted.limit
    key = listing.order[1]
    while page := [it.number(kind) for it in islice(found, _PAGE if left is None else left)]:
        let_through = rows(connection, listing, replace(wanted, limit=None), among=page)
        by_id = {row[key]: row for row in let_through}
        shown = [by_id[number] for number in page if number in by_id]
        yield from shown
        if left is not None:
            left -= len(shown)
            if not left:
                return


def narrowed(query: Node, kind: search.Kind, wanted: Filter) -> Node:
    """Return *query* limited to what *wanted* says of articles and hits, so that no others are met.

    Each of its alternatives is, so that each is looked for by itself.
    """
    limits = tuple(_narrower(kind, wanted))
    if not limits:
        return query
    parts = [And((part, *limits)) for part in alternatives(query)]
    return parts[0] if len(parts) == 1 else Or(tuple(parts))


def _narrower(kind: search.Kind, wanted: Filter) -> Iterator[Node]:
    """Yield what *wanted* says of articles and hits."""
    fields = ("company", "topic") if kind == "story" else ("company", "topic", "stage")
    for name in fields:  # the stage of a story need not be that of the hit that answers
        if (value := getattr(wanted, name)) is not None:
            yield Is(name, (value,))
    if wanted.min_score is not None:
        yield Compares("score", ">=", wanted.min_score)
    if kind == "article" and (wanted.since is not None or wanted.until is not None):
        yield Seen(wanted.since, wanted.until)


def found_between(wanted: Filter) -> list[ColumnElement[bool]]:
    """Return the conditions on when a hit was found that *wanted* makes."""
    since = [] if wanted.since is None else [t.hits.c.found_at >= wanted.since]
    return since if wanted.until is None else [*since, t.hits.c.found_at < wanted.until]
