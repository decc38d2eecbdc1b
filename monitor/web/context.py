"""What the functions behind the addresses work with: the real parts, and how to get at them."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from starlette.exceptions import HTTPException

from monitor.store.engine import reading

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from zoneinfo import ZoneInfo

    from sqlalchemy import Engine
    from sqlalchemy.orm import Session
    from starlette.requests import Request

    from monitor.digest.names import Names
    from monitor.links import Links
    from monitor.model import Subscription
    from monitor.ports import Clock
    from monitor.store.engine import Sessions

_LARGEST_ID = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Site:
    """The parts one site is made of. *everything* says whether pages inside are shown at all.

    *identity* is the database's own, wherever it is served.
    """

    engine: Engine
    sessions: Sessions
    clock: Clock
    links: Links
    names: Names
    subscriptions: Sequence[Subscription]
    url: str | None
    zone: ZoneInfo
    identity: str
    everything: bool


def site_of(request: Request) -> Site:
    """Return the site that *request* came to."""
    site: Site = request.app.state.site
    return site


@contextmanager
def reading_for(request: Request) -> Iterator[Session]:
    """Give a session that only reads."""
    with reading(site_of(request).sessions) as session:
        yield session


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
