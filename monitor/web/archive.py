"""Digests exactly as they were sent.

* A digest's HTML is shown in a sandbox: no script, no form, nothing loaded, whatever is in it. Only
  where its links open is added, since a link would else open inside the frame.
* `/d/TOKEN` is what a mail links to: the digest alone, without who got it.
* What was sent, a mail or what went to a channel, is given byte for byte, as a file to save.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse, Response

from monitor.model import SentForm
from monitor.store import archive, deliveries
from monitor.web.context import asked_id, path_id, reading_for
from monitor.web.pages import page

if TYPE_CHECKING:
    from datetime import datetime

    from starlette.requests import Request

    from monitor.store.archive import Archived

SHOWN = 50  # digests on a page
SANDBOX = (
    "sandbox allow-popups allow-popups-to-escape-sandbox; default-src 'none';"
    " style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'"
)
MEDIA_TYPES = {
    SentForm.MAIL: "message/rfc822",
    SentForm.JSON: "application/json",
    SentForm.TEXT: "text/plain; charset=utf-8",
}
_NEW_TAB = '<base target="_blank">'


def digests(request: Request) -> Response:
    """Show the newest digests, or those before one, of all subscriptions or of one."""
    subscription = request.query_params.get("subscription") or None
    before = asked_id(request, "before")
    with reading_for(request) as connection:
        found = archive.listed(
            connection, subscription=subscription, before=before, limit=SHOWN + 1
        )
        names = archive.subscriptions(connection)
    return page(
        request,
        "web/digests.html.j2",
        digests=found[:SHOWN],
        more=len(found) > SHOWN,
        subscriptions=names,
        subscription=subscription,
    )


def digest(request: Request) -> Response:
    """Show a digest, and what became of it for each recipient."""
    return page(request, "web/digest.html.j2", digest=_found(request))


def html(request: Request) -> Response:
    """Answer with the HTML of a digest, for the frame in its page."""
    found = _found(request)
    if found.pruned_at is not None:
        return _gone(request, found.pruned_at)
    return sandboxed(found.html, "frame-ancestors 'self'", "SAMEORIGIN")


def as_mailed(request: Request) -> Response:
    """Show the digest that a mail's link leads to."""
    with reading_for(request) as connection:
        found = archive.by_token(connection, request.path_params["token"])
    if found is None:
        raise HTTPException(404)
    if found.pruned_at is not None:
        return _gone(request, found.pruned_at)
    return sandboxed(found.html, "frame-ancestors 'none'", "DENY")


def sent(request: Request) -> Response:
    """Answer with what was sent, a mail or what went to a channel, byte for byte."""
    number = path_id(request, "delivery")
    with reading_for(request) as connection:
        found = deliveries.sent(connection, number)
        pruned_at = deliveries.pruned_at(connection, number)
    if pruned_at is not None:
        return _gone(request, pruned_at)
    if found is None or found[1] != request.path_params["form"]:
        raise HTTPException(404)
    raw, form = found
    name = f'attachment; filename="delivery-{number}.{form}"'
    headers = {"Content-Disposition": name, "Content-Type": MEDIA_TYPES[form]}
    return Response(raw, headers=headers)


def _gone(request: Request, pruned_at: datetime) -> Response:
    """Answer that retention deleted it, and when."""
    return page(request, "web/deleted.html.j2", 410, pruned_at=pruned_at)


def _found(request: Request) -> Archived:
    with reading_for(request) as connection:
        found = archive.archived(connection, path_id(request, "digest"))
    if found is None:
        raise HTTPException(404)
    return found


def sandboxed(html: str, ancestors: str, framing: str) -> Response:
    """Answer with the HTML of a mail, which can do nothing but be looked at."""
    shown = html.replace("<head>", f"<head>{_NEW_TAB}", 1)
    policy = {"Content-Security-Policy": f"{SANDBOX}; {ancestors}", "X-Frame-Options": framing}
    return HTMLResponse(shown, headers=policy)
