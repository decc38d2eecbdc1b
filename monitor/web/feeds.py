"""Feeds: how each fares, and what its last polls came to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.exceptions import HTTPException

from monitor.store import browse
from monitor.web.context import reading_for
from monitor.web.pages import page

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

POLLS = 100  # of a feed that are shown


def feeds(request: Request) -> Response:
    """Show all feeds, those that are not well first."""
    with reading_for(request) as connection:
        found = browse.feeds(connection)
    return page(
        request,
        "web/feeds.html.j2",
        feeds=sorted(found, key=lambda feed: not feed.trouble),
        well=sum(not feed.trouble for feed in found),
    )


def feed(request: Request) -> Response:
    """Show one feed and its last polls."""
    key = request.path_params["feed"]
    with reading_for(request) as connection:
        found = next((feed for feed in browse.feeds(connection) if feed.key == key), None)
        polls = browse.polls(connection, key, limit=POLLS)
    if found is None:
        raise HTTPException(404)
    return page(request, "web/feed.html.j2", feed=found, polls=polls)
