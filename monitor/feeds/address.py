"""Address: what a URL asks of whom. Pure.

Everything that leads to a connection is spelt out here: host in ASCII, numbers of all notations as
an IP address, the port, the path in ASCII. So whoever connects reads it in one way only. A password
stands beside it, never in it.
"""

from __future__ import annotations

import re
from base64 import b64encode
from dataclasses import dataclass
from ipaddress import IPv4Address, ip_address
from typing import Final
from urllib.parse import quote, unquote, urljoin, urlsplit

from monitor.errors import AddressRefused

_PORTS: Final = {"http": 80, "https": 443}
_NAME: Final = re.compile(r"[a-z0-9._-]+")
_NUMBER: Final = re.compile(r"0[xX][0-9a-fA-F]*|[0-9]+")
_PARTS_OF_IPV4: Final = 4
# What need not be quoted in a path; a "%" is taken for the beginning of something quoted.
_IN_PATH: Final = "/%:@!$&'()*+,;=~"


@dataclass(frozen=True, slots=True)
class Address:
    """*url* as it is asked for, *host* a name or an IP address, *authorization* a header's value.

    *literal* says that *host* is an IP address. No part names a fragment or a password.
    """

    url: str
    scheme: str
    host: str
    port: int
    literal: bool
    authorization: str | None = None

    @property
    def origin(self) -> tuple[str, str, int]:
        """Return what a password is for (RFC 6454)."""
        return self.scheme, self.host, self.port


def read_address(url: str) -> Address:
    """Return what *url* asks of whom; raise AddressRefused if it cannot be asked."""
    try:
        parts = urlsplit(url)
        port = parts.port
        host, literal = _host(parts.hostname or "")
        path = quote(parts.path or "/", _IN_PATH, errors="surrogateescape")
        query = quote(parts.query, _IN_PATH + "?[]", errors="surrogateescape")
    except ValueError:  # of the port, the host or of text that no address can hold
        raise _unreadable() from None
    if parts.scheme not in _PORTS:
        raise AddressRefused("not http or https")
    usual = _PORTS[parts.scheme]
    shown = f"[{host}]" if ":" in host else host
    if port not in {None, usual}:
        shown += f":{port}"
    return Address(
        url=f"{parts.scheme}://{shown}{path}" + (f"?{query}" if query else ""),
        scheme=parts.scheme,
        host=host,
        port=usual if port is None else port,
        literal=literal,
        authorization=_authorization(parts.username, parts.password),
    )


def follow(address: Address, location: str) -> Address:
    """Return where a redirect from *address* to *location* leads (RFC 9110, 10.2.2).

    A password is kept within its origin. Raise AddressRefused if it leads nowhere we go.
    """
    try:
        target = urljoin(address.url, location)
        scheme = urlsplit(target).scheme
    except ValueError:
        raise _unreadable() from None
    if scheme not in _PORTS:
        raise AddressRefused("redirected to an address that is not http or https")
    to = read_address(target)
    if to.authorization is None and to.origin == address.origin:
        return Address(
            to.url, to.scheme, to.host, to.port, to.literal, authorization=address.authorization
        )
    return to


def _unreadable() -> AddressRefused:
    return AddressRefused("not an address that can be asked, or redirected to one")


def _host(host: str) -> tuple[str, bool]:
    """Return *host* as a name in ASCII, or as an IP address and True; raise ValueError."""
    if ":" in host and "%" not in host:  # that would name a network card
        return str(ip_address(host)), True
    host = unquote(host).lower()
    if not host.isascii():
        import idna

        host = idna.encode(host, uts46=True).decode()  # its errors are ValueErrors
    if not _NAME.fullmatch(host):
        raise ValueError(host)
    numbers = host.removesuffix(".").split(".")
    if _NUMBER.fullmatch(numbers[-1]):
        return str(_ipv4(numbers)), True
    return host, False


def _ipv4(numbers: list[str]) -> IPv4Address:
    """Read an IPv4 address as the systems' own functions do: octal, hexadecimal, shortened."""
    if len(numbers) > _PARTS_OF_IPV4 or not all(map(_NUMBER.fullmatch, numbers)):
        raise ValueError(numbers)
    *first, last = (_number(number) for number in numbers)
    if any(number > 0xFF for number in first):  # noqa: PLR2004 - an octet
        raise ValueError(numbers)
    value = sum(number << 8 * (3 - at) for at, number in enumerate(first))
    if last >= 1 << 8 * (_PARTS_OF_IPV4 - len(first)):
        raise ValueError(numbers)
    return IPv4Address(value + last)


def _number(text: str) -> int:
    if text[:2].lower() == "0x":
        return int(text[2:] or "0", 16)
    return int(text, 8) if text.startswith("0") else int(text)


def _authorization(username: str | None, password: str | None) -> str | None:
    if username is None and password is None:
        return None
    pair = f"{unquote(username or '')}:{unquote(password or '')}"
    return "Basic " + b64encode(pair.encode("utf-8", "surrogateescape")).decode()
