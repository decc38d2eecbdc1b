"""The door: lets a request through to a page if whoever it is from may see it. The only place.

* What each page needs is said in `site.py`, by method; HEAD is as GET.
* A form is taken from a page of ours alone (`forms.py`). The API takes changes with a token alone:
  no browser sends one by itself, so no other site can have them sent.
* Whoever is unknown is led to the login from a page, and told 401 elsewhere.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse

from monitor.store import users
from monitor.web import forms
from monitor.web.api import problems
from monitor.web.context import reading_for, site_of
from monitor.web.visitor import KnownBy, identify

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.types import ASGIApp, Receive, Scope, Send

    from monitor.model import UserRole
    from monitor.web.visitor import Visitor

SAFE: Final = frozenset({"GET", "HEAD"})
BY_PROGRAMS: Final = (".atom", "/metrics")  # ends of addresses that no browser asks for


class Door:
    """Middleware of one route: *needs* is the role for each of its methods, None for everybody."""

    def __init__(self, app: ASGIApp, needs: Mapping[str, UserRole | None]) -> None:
        self.app = app
        self.needs = needs

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        request = Request(scope, receive)
        needed = self.needs["GET" if request.method == "HEAD" else request.method]
        visitor = await run_in_threadpool(identify, request)
        request.state.visitor = visitor
        if needed is not None:
            if visitor is None:
                await (await run_in_threadpool(_sent_away, request))(scope, receive, send)
                return
            if not visitor.role.covers(needed):
                raise HTTPException(403, "role" if visitor.name is not None else "name")
        if request.method not in SAFE:
            if request.url.path.startswith(problems.PATH):
                _require_token(visitor)
            else:
                if visitor is not None and visitor.known_by is KnownBy.TOKEN:
                    raise HTTPException(403, "form")
                request.state.form = await forms.take(request)
        await self.app(scope, receive, send)


def _require_token(visitor: Visitor | None) -> None:
    if visitor is None or visitor.known_by is not KnownBy.TOKEN or visitor.basic:
        raise HTTPException(403, "token needed")


def _sent_away(request: Request) -> RedirectResponse:
    site = site_of(request)
    named = site.proxy is not None and site.proxy.user_header is not None
    path = request.url.path
    if path.startswith(problems.PATH) or path.endswith(BY_PROGRAMS):
        kind = "Basic" if path.endswith(".atom") else "Bearer"
        raise HTTPException(401, headers={"WWW-Authenticate": f'{kind} realm="monitor"'})
    with reading_for(request) as connection:
        can_log_in = users.any_users(connection)
    if not can_log_in:
        raise HTTPException(403, "proxy" if named else "no users")
    if request.method not in SAFE:
        raise HTTPException(403, "login")
    there = path + (f"?{request.url.query}" if request.url.query else "")
    return RedirectResponse(f"/login?next={quote(there, safe='')}", 303)
