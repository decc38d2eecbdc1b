"""Hub links: the addresses by which a feed names its hub and itself. Pure.

What is asked of a hub, and believed of it, is in `websub`.
"""

from __future__ import annotations

import re
from html import unescape
from typing import Final
from urllib.parse import urljoin, urlsplit

LONGEST_ADDRESS: Final = 2000

_LINK: Final = re.compile(r"<(?:[\w.-]{1,20}:)?link\s([^<>]{1,4000}?)/?>")
_ATTRIBUTE: Final = re.compile(r"""([\w:-]{1,20})\s*=\s*(?:"([^"]*)"|'([^']*)')""")
_HEADER_LINK: Final = re.compile(r"<([^<>]{1,4000})>([^<]{0,4000})")
_REL: Final = re.compile(r""";\s*rel\s*=\s*(?:"([^"]*)"|([^\s;,"]+))""", re.IGNORECASE)


def read_links(text: str) -> dict[str, str]:
    """Return the addresses that *text*, a feed without its entries, names as "hub" and "self"."""
    found: dict[str, str] = {}
    for link in _LINK.finditer(text):
        named = {name: double or single for name, double, single in _ATTRIBUTE.findall(link[1])}
        address = web_address(unescape(named.get("href", "")).strip())
        for rel in named.get("rel", "").lower().split():
            if address and rel in {"hub", "self"}:
                found.setdefault(rel, address)
    return found


def header_link(links: str, rel: str, *, base: str) -> str | None:
    """Return the first address that *links*, Link headers, names as *rel* (RFC 8288).

    An address without host counts from *base*.
    """
    for target, parameters in _HEADER_LINK.findall(links):
        found = _REL.search(parameters)
        if found and rel in (found[1] or found[2]).lower().split():
            try:
                return web_address(urljoin(base, target.strip()))
            except ValueError:
                return None
    return None


def web_address(url: str) -> str | None:
    """Return *url* if it is a web address of a length that can be kept."""
    try:
        parts = urlsplit(url)
        host = parts.hostname
    except ValueError:
        return None
    fits = url.isprintable() and len(url) <= LONGEST_ADDRESS
    return url if fits and host and parts.scheme in {"http", "https"} else None
