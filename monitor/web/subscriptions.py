"""Subscriptions: what each would be sent now, as it would be sent. Nothing is stored.

The mail is made behind the page, at most once a minute.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from starlette.exceptions import HTTPException

from monitor.digest.slots import NoSlot, next_slot
from monitor.store import suppressions
from monitor.web.archive import sandboxed
from monitor.web.aside import works
from monitor.web.context import reading_for, site_of
from monitor.web.pages import again, names_for, not_yet, page

if TYPE_CHECKING:
    from datetime import datetime

    from starlette.requests import Request
    from starlette.responses import Response

    from monitor.model import Subscription
    from monitor.store.digests import FrozenDigest
    from monitor.web.behind import Found

SHOWN = 50  # subscriptions on a page
BACK = ("/subscriptions/", "Subscriptions")


def subscriptions(request: Request) -> Response:
    """Show the subscriptions in the order of the configuration, and when each is sent next."""
    site = site_of(request)
    now, after = site.clock.now(), request.query_params.get("after")
    names = [it.name for it in site.subscriptions]
    first = names.index(after) + 1 if after in names else 0
    shown = site.subscriptions[first : first + SHOWN]
    return page(
        request,
        "web/subscriptions.html.j2",
        subscriptions=[(it, next_of(it, now)) for it in shown],
        more=shown[-1].name if len(names) > first + SHOWN else None,
        names=names_for(request),
    )


def preview(request: Request) -> Response:
    """Show what a subscription would be sent now, and to whom."""
    site, subscription = site_of(request), _asked(request)
    found = _made(request, subscription)
    if found.outcome is None:
        return not_yet(request, subscription.name, BACK)
    with reading_for(request) as connection:
        wanting = suppressions.wanting(connection, subscription.name, subscription.recipients)
    response = page(
        request,
        "web/subscription.html.j2",
        subscription=subscription,
        next=next_of(subscription, site.clock.now()),
        made=found.outcome,
        found=found,
        wanting=wanting,
    )
    return response if found.fresh else again(response)


def html(request: Request) -> Response:
    """Answer with the HTML of that mail, for the frame in its page."""
    made = _made(request, _asked(request)).outcome
    if made is None:
        return again(sandboxed("", "frame-ancestors 'self'", "SAMEORIGIN"))
    return sandboxed(made.rendered.html, "frame-ancestors 'self'", "SAMEORIGIN")


def _made(request: Request, subscription: Subscription) -> Found[FrozenDigest]:
    site = site_of(request)
    now = site.clock.now()
    return site.behind.find(
        ("preview", subscription.name),
        now.replace(second=0, microsecond=0),
        now,
        partial(works.preview, name=subscription.name, now=now),
    )


def next_of(subscription: Subscription, now: datetime) -> datetime | None:
    """Return the slot for which it is sent next; None if there is none any more."""
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
