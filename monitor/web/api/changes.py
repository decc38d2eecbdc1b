"""What the API changes: verdicts, which are only added to, and saved searches."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from monitor import model
from monitor.store import queries, reviews, searches
from monitor.text.html import one_line
from monitor.web.api.lists import one, read_query
from monitor.web.api.paging import read_cursor, write_cursor
from monitor.web.api.problems import Problem
from monitor.web.context import reading_for, site_of
from monitor.web.visitor import visitor_of

if TYPE_CHECKING:
    from starlette.requests import Request

    from monitor.web.api import takes


def add_review(request: Request, wanted: takes.NewReview) -> dict[str, Any]:
    """Keep a verdict, signed by whoever sends it."""
    site = site_of(request)
    note = None if wanted.note is None else one_line(wanted.note)
    with site.engine.begin() as connection:
        number = reviews.add(
            connection,
            model.Review(wanted.hit_id, wanted.verdict, _who(request), site.clock.now(), note),
        )
        if number is None:
            raise Problem(404, "absent", f"There is no hit {wanted.hit_id}.")
        return one(connection, queries.REVIEWS, number)


def searches_page(request: Request, asked: takes.Paged) -> dict[str, Any]:
    """Return a page of saved searches, by number."""
    after = read_cursor(request, "searches", asked.cursor)
    with reading_for(request) as connection:
        found = searches.listed(
            connection, after=0 if after is None else after[0], limit=asked.limit + 1
        )
    items = [asdict(it) for it in found[: asked.limit]]
    more = len(found) > asked.limit
    place = (items[-1]["search_id"],) if more else ()
    return {"items": items, "next": write_cursor(request, "searches", place) if more else None}


def search(request: Request, number: int) -> dict[str, Any]:
    """Return one saved search."""
    with reading_for(request) as connection:
        return _found(searches.find(connection, number), number)


def add_search(request: Request, wanted: takes.SearchWanted) -> dict[str, Any]:
    """Save a search."""
    read_query(request, wanted.query)
    site, who = site_of(request), _who(request)
    with site.engine.begin() as connection:
        number = searches.add(connection, **wanted.model_dump(), who=who, now=site.clock.now())
        if number is None:
            raise _taken(wanted.name)
        return _found(searches.find(connection, number), number)


def change_search(request: Request, number: int, wanted: takes.SearchWanted) -> dict[str, Any]:
    """Put another search into the place of one."""
    read_query(request, wanted.query)
    site, who = site_of(request), _who(request)
    with site.engine.begin() as connection:
        _found(searches.find(connection, number), number)
        if not searches.change(
            connection, number, **wanted.model_dump(), who=who, now=site.clock.now()
        ):
            raise _taken(wanted.name)
        return _found(searches.find(connection, number), number)


def remove_search(request: Request, number: int) -> None:
    """Forget a saved search."""
    with site_of(request).engine.begin() as connection:
        _found(searches.find(connection, number), number)
        searches.remove(connection, number)


def _who(request: Request) -> str:
    visitor = visitor_of(request)
    if visitor is None:
        raise Problem(403, "nobody", "Changes are signed with a name.")
    return visitor.signature


def _found(it: searches.Search | None, number: int) -> dict[str, Any]:
    if it is None:
        raise Problem(404, "absent", f"There is no saved search {number}.")
    return asdict(it)


def _taken(name: str) -> Problem:
    return Problem(409, "conflict", f"Another saved search is called {name!r}.")
