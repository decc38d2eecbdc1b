"""Feeds: how each fares, and the history of one: its polls by day, failures, errors and gaps."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from typing import TYPE_CHECKING

from starlette.exceptions import HTTPException

from monitor.store import browse, counts
from monitor.store import polls as ledger
from monitor.store.polls import Day
from monitor.web.context import asked_id, reading_for, site_of
from monitor.web.pages import page
from monitor.web.stories import older

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

POLLS = 50  # of a feed on a page
DAYS = 30  # of its history
MOST = 10  # failures, errors and gaps of these days that are listed


def feeds(request: Request) -> Response:
    """Show all feeds, those that are not well first."""
    with reading_for(request) as connection:
        found = browse.feeds(connection)
        counted = counts.of_feeds(connection)
    return page(
        request,
        "web/feeds.html.j2",
        feeds=sorted(found, key=lambda feed: not feed.trouble),
        counts=counted,
        well=sum(feed.enabled and not feed.trouble for feed in found),
        on=sum(feed.enabled for feed in found),
    )


def feed(request: Request) -> Response:
    """Show one feed, its last days, and its polls."""
    site = site_of(request)
    last = site.clock.now().astimezone(site.zone).date()
    days = [last - timedelta(days=ago) for ago in range(DAYS - 1, -1, -1)]
    starts = [datetime.combine(day, time(), site.zone) for day in days]
    with reading_for(request) as connection:
        found = browse.feed(connection, request.path_params["feed"])
        if found is None:
            raise HTTPException(404)
        by_day = ledger.by_day(connection, found.id, starts)
        spells = ledger.spells(connection, found.id, starts[0], limit=MOST + 1)
        mishaps = ledger.mishaps(connection, found.id, starts[0], limit=MOST + 1)
        gaps = ledger.gaps(connection, found.id, starts[0], limit=MOST + 1)
        count = counts.of_feeds(connection, found.id)[found.id]
        polls = ledger.latest(
            connection, found.id, before=asked_id(request, "before"), limit=POLLS + 1
        )
    return page(
        request,
        "web/feed.html.j2",
        feed=found,
        count=count,
        days=list(zip(days, by_day, strict=True)),
        total=sum(by_day, Day()),
        spells=spells,
        mishaps=mishaps,
        gaps=gaps,
        most=MOST,
        polls=polls[:POLLS],
        older=older(request, [it.id for it in polls], POLLS),
    )
