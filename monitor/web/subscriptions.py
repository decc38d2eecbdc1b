"""Subscriptions: what each would be sent now, as it would be sent. Nothing is stored."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.exceptions import HTTPException

from monitor.digest.slots import NoSlot, next_slot
from monitor.store import suppressions
from monitor.web.archive import sandboxed
from monitor.web.context import reading_for, site_of
from monitor.web.pages import page

if TYPE_CHECKING:
    from datetime import datetime

    from starlette.requests import Request
    from starlette.responses import Response

    from monitor.model import Subscription


def subscriptions(request: Request) -> Response:
    """Show all subscriptions, and when each is sent next."""
    site = site_of(request)
    now = site.clock.now()
    return page(
        request,
        "web/subscriptions.html.j2",
        subscriptions=[(it, _next(it, now)) for it in site.subscriptions],
        names=site.names,
    )


def preview(request: Request) -> Response:
    """Show what a subscription would be sent now, and to whom."""
    site, subscription = site_of(request), _asked(request)
    made = site.preview(subscription)
    with reading_for(request) as connection:
        wanting = suppressions.wanting(connection, subscription.name, subscription.recipients)
    return page(
        request,
        "web/subscription.html.j2",
        subscription=subscription,
        next=_next(subscription, site.clock.now()),
        made=made,
        wanting=wanting,
    )


def html(request: Request) -> Response:
    """Answer with the HTML of that mail, for the frame in its page."""
    made = site_of(request).preview(_asked(request))
    return sandboxed(made.rendered.html, "frame-ancestors 'self'", "SAMEORIGIN")


def _next(subscription: Subscription, now: datetime) -> datetime | None:
    try:
        return next_slot(subscription.schedule, now)
    except NoSlot:
        return None


def _asked(request: Request) -> Subscription:
    name = request.path_params["subscription"]
    found = next((it for it in site_of(request).subscriptions if it.name == name), None)
    if found is None:
        raise HTTPException(404)
    return found
