"""Leaving a subscription by the link in a mail, and coming back (RFC 8058).

* GET only shows: mail scanners follow links. POST does it, without login or cookie: the link is
  the right. Both may be repeated.
* A mail program posts `List-Unsubscribe=One-Click`, as a form of either kind; the page's button
  posts something else. What is said decides nothing but what is remembered.
* A link that we did not make leads to a page that says so, and changes nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException

from monitor import logs
from monitor.model import LeftBy
from monitor.store import suppressions
from monitor.web.context import reading_for, site_of
from monitor.web.pages import page

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

log = logs.get_logger()


async def unsubscribe(request: Request) -> Response:
    """Show the page to leave a list; leave it on POST."""
    if request.method != "POST":
        return await run_in_threadpool(_shown, request)
    body = await request.body()
    by = LeftBy.ONE_CLICK if b"One-Click" in body else LeftBy.PAGE
    return await run_in_threadpool(_left, request, by)


def subscribe(request: Request) -> Response:
    """Come back to a list that was left."""
    subscription, recipient = _whose(request)
    site = site_of(request)
    with site.engine.begin() as connection:
        now = site.clock.now()
        done = suppressions.come_back(connection, subscription, recipient, now=now, by=LeftBy.PAGE)
    if done:
        log.info("recipient came back", subscription=subscription, by=LeftBy.PAGE)
    return _page(request, subscription, recipient, left=False, just_now=True)


def _shown(request: Request) -> Response:
    subscription, recipient = _whose(request)
    with reading_for(request) as connection:
        left = suppressions.find(connection, subscription, recipient) is not None
    return _page(request, subscription, recipient, left=left, just_now=False)


def _left(request: Request, by: LeftBy) -> Response:
    subscription, recipient = _whose(request)
    site = site_of(request)
    with site.engine.begin() as connection:
        now = site.clock.now()
        done = suppressions.leave(connection, subscription, recipient, now=now, by=by)
    if done:
        log.info("recipient left", subscription=subscription, by=by)
    return _page(request, subscription, recipient, left=True, just_now=True)


def _whose(request: Request) -> tuple[str, str]:
    whose = site_of(request).links.who_leaves(request.path_params["token"])
    if whose is None:
        raise HTTPException(404, "forged")
    return whose


def _page(
    request: Request, subscription: str, recipient: str, *, left: bool, just_now: bool
) -> Response:
    return page(
        request,
        "web/leaving.html.j2",
        subscription=subscription,
        recipient=recipient,
        left=left,
        just_now=just_now,
        token=request.path_params["token"],
    )
