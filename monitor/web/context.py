"""What the functions behind the addresses work with: the real parts, and how to get at them."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from starlette.exceptions import HTTPException

from monitor.store.engine import reading

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import timedelta
    from zoneinfo import ZoneInfo

    from sqlalchemy import Connection, Engine
    from starlette.requests import Request

    from monitor.config.settings import Config
    from monitor.config.web import ProxySettings
    from monitor.digest.names import Names
    from monitor.links import Links
    from monitor.model import Subscription
    from monitor.ports import Clock
    from monitor.web.backtests import Backtests
    from monitor.web.behind import Behind
    from monitor.web.tried import Tried

_LARGEST_ID = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Site:
    """The parts one site is made of. *local* says that only those on this machine can ask.

    *names* are in English, *names_in* those of other languages that pages speak.
    *identity* is the database's own, wherever it is served; *form_key* signs forms, *login* is how
    long one lasts. *behind* works out what takes longer than a page may.
    """

    engine: Engine
    clock: Clock
    links: Links
    names: Names
    names_in: Mapping[str, Names]
    subscriptions: Sequence[Subscription]
    url: str | None
    zone: ZoneInfo
    identity: str
    local: bool
    proxy: ProxySettings | None
    login: timedelta
    form_key: str
    config: Config
    backtests: Backtests
    behind: Behind
    tried: Tried

    @property
    def secure(self) -> bool:
        """Whether readers reach the pages over TLS, so that cookies need it too."""
        return self.url is not None and self.url.startswith("https:")

    def cookie(self, name: str) -> str:
        """Return what the cookie *name* is called; over TLS no other host can set it."""
        return f"__Host-{name}" if self.secure else name

    @property
    def login_cookie(self) -> str:
        """The cookie that shows that somebody is logged in."""
        return self.cookie("login")


def site_of(request: Request) -> Site:
    """Return the site that *request* came to."""
    site: Site = request.app.state.site
    return site


@contextmanager
def reading_for(request: Request) -> Iterator[Connection]:
    """Give a connection that only reads."""
    with reading(site_of(request).engine) as connection:
        yield connection


def path_id(request: Request, name: str) -> int:
    """Return the number *name* of the address; 404 if no row can have it."""
    number: int = request.path_params[name]
    if number > _LARGEST_ID:
        raise HTTPException(404)
    return number


def asked_id(request: Request, name: str) -> int | None:
    """Return the number *name* of the query, None if it is not there or no row can have it."""
    text = request.query_params.get(name, "")
    if not (text.isascii() and text.isdigit() and len(text) <= len(str(_LARGEST_ID))):
        return None
    return min(int(text), _LARGEST_ID)
