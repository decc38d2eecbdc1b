"""Who comes: known by a token, by a proxy that is trusted, by a login, or as being on this machine.

* What was given and is not good counts as nothing given, but for a token: it was meant.
* Where only this machine can ask and there are no users, whoever asks may read, and nothing more:
  to review is to sign with a name.
* Nothing here says what is needed for a page: that is in `site.py`, and held by `door.py`.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import ip_address, ip_network
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from starlette.exceptions import HTTPException

from monitor.config.web import is_address, is_loopback
from monitor.errors import UsageError
from monitor.model import UserRole
from monitor.store import logins, tokens, users
from monitor.web.context import reading_for, site_of

if TYPE_CHECKING:
    from sqlalchemy import Connection
    from starlette.requests import Request

    from monitor.config.web import ProxySettings

FORWARDED: Final = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip", "via")
_V6_NETWORK: Final = 64  # bits that one customer has to himself: addresses within are one


class KnownBy(StrEnum):
    """How it is known who comes."""

    TOKEN = "token"  # noqa: S105 - a word for it
    PROXY = "proxy"
    LOGIN = "login"
    PLACE = "place"  # on this machine, and without a name


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who comes, and what they may do; *basic* if a browser sends their token by itself."""

    name: str | None
    role: UserRole
    known_by: KnownBy
    basic: bool = False

    @property
    def signature(self) -> str:
        """The name that stands under what they change. Only those with a name change anything."""
        if self.name is None:
            raise HTTPException(403)
        return f"{self.name} (token)" if self.known_by is KnownBy.TOKEN else self.name


def visitor_of(request: Request) -> Visitor | None:
    """Return who *request* is from, as `door.py` found out; None if nobody knows."""
    found: Visitor | None = getattr(request.state, "visitor", None)
    return found


def identify(request: Request) -> Visitor | None:
    """Return who *request* is from, None if nobody knows.

    Raises HTTPException: 401 for a token that is not good, 403 for who is known and let in
    nowhere, 421 for a name that is not ours.
    """
    with reading_for(request) as connection:
        given = request.headers.get("authorization")
        if given is not None:
            return _by_token(request, connection, given)
        by_proxy = _by_proxy(request, connection)
        if by_proxy is not None:
            return by_proxy
        kept = request.cookies.get(site_of(request).login_cookie)
        if kept is not None:
            user = logins.find(connection, kept, now=site_of(request).clock.now())
            if user is not None:
                return Visitor(user.name, user.role, KnownBy.LOGIN)
        return _by_place(request, connection)


def address_of(request: Request) -> str:
    """Return where *request* comes from, as failed logins are counted: an address or a network."""
    address = request.client.host if request.client else ""
    proxy = site_of(request).proxy
    if proxy is not None and proxy.is_ours(address):
        said = ",".join(request.headers.getlist("x-forwarded-for")).split(",")
        behind = (it.strip() for it in reversed(said))
        address = next((it for it in behind if is_address(it) and not proxy.is_ours(it)), address)
    if not is_address(address):
        return ""
    ip = ip_address(address)
    if ip.version == 4:  # noqa: PLR2004 - the version
        return str(ip)
    return str(ip.ipv4_mapped or ip_network((ip, _V6_NETWORK), strict=False))


def require_our_name(request: Request) -> None:
    """Raise HTTPException (421) if *request* is for a name that is none of ours.

    Otherwise a foreign page could have its own name point at this machine and read what it is
    shown for the place it is at (DNS rebinding).
    """
    try:
        host = urlsplit(f"//{request.headers.get('host', '')}").hostname or ""
    except ValueError:
        host = ""
    ours = urlsplit(site_of(request).url or "").hostname
    if not (is_loopback(host) or is_address(host) or (host and host == ours)):
        raise HTTPException(421)


def _by_token(request: Request, connection: Connection, given: str) -> Visitor:
    kind, _, secret = given.strip().partition(" ")
    secret, basic = secret.strip(), kind.lower() == "basic"
    if basic:  # feed readers know no other way: the token is the password
        try:
            _, _, secret = base64.b64decode(secret, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            secret = ""
    elif kind.lower() != "bearer":
        secret = ""
    token = tokens.find(connection, secret, now=site_of(request).clock.now())
    if token is None:
        raise HTTPException(401, "token", headers={"WWW-Authenticate": 'Bearer realm="monitor"'})
    return Visitor(token.name, token.scope.role, KnownBy.TOKEN, basic=basic)


def _by_proxy(request: Request, connection: Connection) -> Visitor | None:
    proxy: ProxySettings | None = site_of(request).proxy
    if proxy is None or proxy.user_header is None:
        return None
    said = request.headers.getlist(proxy.user_header)
    if not (request.client and proxy.is_ours(request.client.host)) or not said:
        return None
    require_our_name(request)
    try:
        # A header twice is one of a client beside the proxy's own.
        name = users.canonical_name(said[0] if len(said) == 1 else "")
    except UsageError:
        raise HTTPException(403) from None
    user = users.find(connection, name)
    role = proxy.role if user is None else user.role
    if role is None:
        raise HTTPException(403)
    return Visitor(name, role, KnownBy.PROXY)


def _by_place(request: Request, connection: Connection) -> Visitor | None:
    site = site_of(request)
    if not site.local or any(name in request.headers for name in FORWARDED):
        return None
    if users.any_users(connection):
        return None
    require_our_name(request)
    return Visitor(None, UserRole.READER, KnownBy.PLACE)
