"""Saved searches: those of the desk, each to be run with one click; reviewers save and remove.

* They are the ones of the API, by the same rules: one name once, and a query that can be read.
* The search page has the form that saves, and runs each over what it was saved for.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Final
from urllib.parse import urlencode

from pydantic import ValidationError
from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse

from monitor.errors import QueryError
from monitor.model import UserRole
from monitor.query import parse
from monitor.store import searches
from monitor.text.html import one_line
from monitor.web.api.takes import LONGEST_QUERY, SearchWanted
from monitor.web.context import asked_id, path_id, reading_for, site_of
from monitor.web.forms import form_of
from monitor.web.pages import page
from monitor.web.visitor import visitor_of

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from monitor.store.search import Kind

SHOWN = 100  # on a page
KINDS: Final[dict[str, Kind]] = {"articles": "article", "hits": "hit", "stories": "story"}
TAKEN = "Another saved search has this name."
NOT_SAVED = "A search is saved under a name of 1 to 100 characters, with a query of at most 1000."


def saved(request: Request) -> Response:
    """Show the saved searches, by number; save another on POST."""
    if request.method == "POST":
        return _save(request)
    return _shown(request)


def remove(request: Request) -> Response:
    """Forget a saved search."""
    number = path_id(request, "search")
    with site_of(request).engine.begin() as connection:
        if searches.find(connection, number) is None:
            raise HTTPException(404)
        searches.remove(connection, number)
    return RedirectResponse("/searches/", HTTPStatus.SEE_OTHER)


def may_save(request: Request) -> bool:
    """Return whether who asks may save searches, and remove them."""
    visitor = visitor_of(request)
    return visitor is not None and visitor.role.covers(UserRole.REVIEWER)


def _save(request: Request) -> Response:
    form, visitor, site = form_of(request), visitor_of(request), site_of(request)
    if visitor is None:  # pragma: no cover - the door lets nobody else in
        raise HTTPException(403)
    asked = {
        "name": one_line(form.get("name", "")),
        "query": form.get("q", "").strip(),
        "kind": form["in"] if form.get("in") in KINDS else "articles",
    }
    try:
        wanted = SearchWanted.model_validate(asked)
        parse(wanted.query, now=site.clock.now())
    except (ValidationError, QueryError):
        return _shown(request, 400, said=NOT_SAVED, asked=asked)
    with site.engine.begin() as connection:
        number = searches.add(
            connection, **wanted.model_dump(), who=visitor.signature, now=site.clock.now()
        )
    if number is None:
        return _shown(request, 409, said=TAKEN, asked=asked)
    return RedirectResponse(f"/searches/?done={number}", HTTPStatus.SEE_OTHER)


def _shown(
    request: Request,
    status: int = 200,
    said: str | None = None,
    asked: dict[str, str] | None = None,
) -> Response:
    after, done = asked_id(request, "after") or 0, asked_id(request, "done")
    with reading_for(request) as connection:
        found = searches.listed(connection, after=after, limit=SHOWN + 1)
        new = None if done is None else searches.find(connection, done)
    return page(
        request,
        "web/searches.html.j2",
        status,
        rows=[(it, _run(it)) for it in found[:SHOWN]],
        after=found[SHOWN - 1].search_id if len(found) > SHOWN else None,
        new=new,
        said=said,
        asked=asked,
        may_save=may_save(request),
        longest=LONGEST_QUERY,
    )


def _run(search: searches.Search) -> str:
    """Return the query of the search page that runs *search*."""
    return urlencode({"q": search.query, "in": search.kind})
