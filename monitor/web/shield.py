"""What every request passes: headers that make a page safe.

* Pages run no script and load nothing from elsewhere; nobody can put them into a frame.
* Addresses hold secrets (tokens), so none is told to other sites, to search engines or to the log:
  it names the route.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from sqlalchemy.exc import SQLAlchemyError
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import Request

from monitor import logs
from monitor.errors import ProcessDied, StoreError
from monitor.web.pages import broken, not_served

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; frame-src 'self'; form-action 'self';"
    " base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "X-Robots-Tag": "noindex, nofollow",
    "Cache-Control": "private, no-cache",
}

log = logs.get_logger()


class Shield:
    """Middleware: adds `HEADERS` where an answer has none of its own, logs, catches what fails."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or go along with the server as it starts and ends."""
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
        if scope["type"] != "http":
            return
        began = time.monotonic()
        status = 0

        async def shielded(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        try:
            if "\0" in scope["path"] or b"%00" in scope["query_string"]:
                odd = not_served(Request(scope), HTTPException(400))  # no text can hold it
                await odd(scope, receive, shielded)
            else:
                await self.app(scope, receive, shielded)
        except Exception as error:
            self._tell(scope, error)
            if status:
                raise  # half of an answer is out: the connection has to end
            await broken(Request(scope), error)(scope, receive, shielded)
        took_ms = round((time.monotonic() - began) * 1000, 1)
        log.debug("page", method=scope["method"], route=_route(scope), status=status, ms=took_ms)

    def _tell(self, scope: Scope, error: Exception) -> None:
        if isinstance(error, SQLAlchemyError | StoreError | ProcessDied):
            said = str(getattr(error, "orig", None) or error)
            log.error("page failed", route=_route(scope), error=said)
        else:
            log.error("page failed", route=_route(scope), exc_info=error)


def _route(scope: Scope) -> str:
    return getattr(scope.get("route"), "path", "none")
