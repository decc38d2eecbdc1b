"""Companies: what was told of each lately, and one of them with its timeline and stories."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from typing import TYPE_CHECKING

from starlette.exceptions import HTTPException

from monitor.store import companies as store
from monitor.store import listed
from monitor.store.listed import Wanted
from monitor.web.context import asked_id, reading_for, site_of
from monitor.web.pages import names_for, page
from monitor.web.stories import HIGH, SHOWN, older

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection
    from starlette.requests import Request
    from starlette.responses import Response

    from monitor.store.companies import CompanyShown


WEEKS = 26
AT_ONCE = 50  # companies on a page
STEPS = 20  # of a timeline


def companies(request: Request) -> Response:
    """Show the companies that are watched, then those that once were, each in figures."""
    site = site_of(request)
    after = request.query_params.get("after")
    weeks = weeks_of(request)
    with reading_for(request) as connection:
        keys = list(dict.fromkeys((*site.names.companies, *store.companies(connection))))
        first = keys.index(after) + 1 if after in keys else 0
        some = keys[first : first + AT_ONCE]
        found = shown(request, connection, some, weeks)
    return page(
        request,
        "web/companies.html.j2",
        companies=found,
        weeks=weeks,
        more=some[-1] if len(keys) > first + AT_ONCE else None,
        names=names_for(request),
        high=HIGH,
    )


def company(request: Request) -> Response:
    """Show one company: figures, the grave steps of a year as a timeline, and all its stories."""
    site = site_of(request)
    key = request.path_params["company"]
    before = asked_id(request, "before")
    weeks = weeks_of(request)
    grave = [stage for stage in site.names.stages if site.names.rank(stage) >= HIGH]
    with reading_for(request) as connection:
        stories = listed.page(connection, Wanted(company=key), before=before, limit=SHOWN + 1)
        if key not in site.names.companies and not stories and before is None:
            raise HTTPException(404)
        (found,) = shown(request, connection, [key], weeks)
        steps = listed.at_stages(connection, key, grave, weeks[0], limit=STEPS + 1)
    return page(
        request,
        "web/company.html.j2",
        company=found,
        weeks=[(at.date(), count) for at, count in zip(weeks, found.weeks, strict=True)],
        steps=steps[:STEPS],
        more_steps=len(steps) > STEPS,
        stories=stories[:SHOWN],
        older=older(request, [it.id for it in stories], SHOWN),
        watched=key in site.names.companies,
        names=names_for(request),
        high=HIGH,
    )


def shown(
    request: Request, connection: Connection, keys: Sequence[str], weeks: Sequence[datetime]
) -> list[CompanyShown]:
    """Return companies in figures: by each topic that is watched or once was, and by week."""
    topics = list(dict.fromkeys((*site_of(request).names.topics, *store.topics(connection))))
    return store.shown(connection, keys, topics, weeks)


def weeks_of(request: Request) -> list[datetime]:
    """Return when each of the last weeks began, the oldest first; the last ends with today."""
    site = site_of(request)
    tomorrow = site.clock.now().astimezone(site.zone).date() + timedelta(days=1)
    return [
        datetime.combine(tomorrow - timedelta(weeks=ago), time(), site.zone)
        for ago in range(WEEKS, 0, -1)
    ]
