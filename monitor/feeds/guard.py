"""Guard: which addresses a feed may lead to.

* Only http and https, with a host.
* What counts is the very address a socket is about to connect to. It is judged when the socket
  is made, so that every redirect, every answer of a name server and every literal address is
  covered, and no second look-up can slip in between.
* Only addresses of the public internet pass. An IPv4 address inside an IPv6 one (mapped,
  NAT64, 6to4) is judged as the IPv4 address it leads to.
* Other networks are entered only if the operator lists them (`network.allow_private`).

Sources: the IANA special-purpose address registries, RFC 6052 (NAT64), RFC 3056 (6to4).
"""

from __future__ import annotations

import socket
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from monitor.errors import AddressRefused

if TYPE_CHECKING:
    from collections.abc import Iterable

_Address = IPv4Address | IPv6Address
_Network = IPv4Network | IPv6Network

# The rest of IPv6 is not handed out to anybody: loopback, local, multicast, reserved.
_GLOBAL_UNICAST = IPv6Network("2000::/3")
# Not public, though `is_global` of some Python versions says so.
_NEVER_PUBLIC = (
    IPv4Network("192.0.0.0/24"),
    IPv4Network("192.88.99.0/24"),
    IPv6Network("2001::/23"),
    IPv6Network("3fff::/20"),
)
_NAT64 = IPv6Network("64:ff9b::/96")


class Guard:
    """Judges addresses; *allow_private* lists networks that may be entered all the same."""

    def __init__(self, allow_private: Iterable[str | _Network] = ()) -> None:
        self._allowed = tuple(ip_network(network) for network in allow_private)

    def check_url(self, url: str) -> None:
        """Return if *url* is http or https with a host; else raise AddressRefused."""
        try:
            parts = urlsplit(url)
            host = parts.hostname
        except ValueError:
            raise AddressRefused("not an address that can be read") from None
        if parts.scheme not in {"http", "https"}:
            raise AddressRefused(f"not http or https: {parts.scheme[:20] or 'no scheme'}")
        if not host:
            raise AddressRefused("an address without a host")

    def host_of(self, url: str) -> str | None:
        """Return the host that *url* names; None for one in a network listed by the operator.

        What few requests at once are made to, out of manners towards others. A name counts as one
        of the operator's only if it is "localhost": this looks no name up.
        """
        host = urlsplit(url).hostname or ""
        try:
            address = ip_address("127.0.0.1" if host == "localhost" else host)
        except ValueError:
            return host or None
        return None if any(address in network for network in self._allowed) else host

    def check_address(self, address: str) -> None:
        """Return if a connection to the literal IP *address* is allowed; else AddressRefused.

        Anything but a literal IP address is refused: whoever connects must resolve names first.
        """
        try:
            given = ip_address(address)
        except ValueError:
            raise AddressRefused("a host that is neither a name nor an IP address") from None
        judged = _embedded(given) or given
        if any(one in network for network in self._allowed for one in {given, judged}):
            return
        if not _is_public(judged):
            raise AddressRefused(
                f"leads into a private or reserved network: {address}; "
                "`network.allow_private` does not list it"
            )

    def socket_factory(
        self, addr_info: tuple[Any, Any, Any, str, tuple[Any, ...]]
    ) -> socket.socket:
        """Return a new socket for *addr_info*, as `socket.getaddrinfo` gives it.

        Raises AddressRefused if the address may not be reached; then there is no socket.
        """
        family, kind, protocol, _, address = addr_info
        self.check_address(str(address[0]))
        return socket.socket(family=family, type=kind, proto=protocol)


def _embedded(address: _Address) -> IPv4Address | None:
    if isinstance(address, IPv4Address):
        return None
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFF_FFFF)
    return address.ipv4_mapped or address.sixtofour


def _is_public(address: _Address) -> bool:
    if isinstance(address, IPv6Address) and address not in _GLOBAL_UNICAST:
        return False
    return (
        address.is_global
        and not address.is_multicast
        and not address.is_reserved
        and not any(address in network for network in _NEVER_PUBLIC)
    )
