"""What the API reads of who is watched, and for whom: companies in figures, subscriptions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from monitor.store import companies, suppressions
from monitor.web.api.paging import read_cursor, write_cursor
from monitor.web.companies import shown, weeks_of
from monitor.web.context import reading_for, site_of
from monitor.web.subscriptions import next_of

if TYPE_CHECKING:
    from starlette.requests import Request

    from monitor.web.api import takes


def companies_page(request: Request, asked: takes.Paged) -> dict[str, Any]:
    """Return a page of companies: those that are watched, then those that once were."""
    site, weeks = site_of(request), weeks_of(request)
    with reading_for(request) as connection:
        keys = list(dict.fromkeys((*site.names.companies, *companies.companies(connection))))
        some, after = _part(request, "companies", keys, asked)
        found = shown(request, connection, some, weeks)
    items = [
        {
            "company": it.key,
            "name": site.names.company(it.key),
            "watched": it.key in site.names.companies,
            "since": weeks[0],
            "stories": it.stories,
            "topics": it.topics,
            "weeks": list(it.weeks),
            "newest_story_id": it.newest.id if it.newest else None,
        }
        for it in found
    ]
    return {"items": items, "next": after}


def subscriptions_page(request: Request, asked: takes.Paged) -> dict[str, Any]:
    """Return a page of subscriptions, in the order of the configuration."""
    site, now = site_of(request), site_of(request).clock.now()
    by_name = {it.name: it for it in site.subscriptions}
    some, after = _part(request, "subscriptions", list(by_name), asked)
    with reading_for(request) as connection:
        away = {(it.subscription, it.recipient) for it in suppressions.in_force(connection)}
    items = [
        {
            "subscription": it.name,
            "recipients": list(it.recipients),
            "left": [to for to in it.recipients if (it.name, suppressions.same(to)) in away],
            "next_slot": next_of(it, now),
            "companies": list(it.companies),
            "topics": list(it.topics),
            "stages": list(it.stages),
        }
        for it in map(by_name.__getitem__, some)
    ]
    return {"items": items, "next": after}


def _part(
    request: Request, name: str, keys: list[str], asked: takes.Paged
) -> tuple[list[str], str | None]:
    """Return the page of *keys* that is asked for, and the cursor behind it if there are more."""
    place = read_cursor(request, name, asked.cursor)
    # One that is there no more leads to the end: from the first on, all would come twice.
    first = 0 if place is None else keys.index(place[0]) + 1 if place[0] in keys else len(keys)
    some = keys[first : first + asked.limit]
    more = len(keys) > first + asked.limit
    return some, write_cursor(request, name, (some[-1],)) if more else None
