"""Request: one request of an exchange, on its way through libcurl, and what libcurl may do for it.

* It looks no name up, follows no redirect, and reads neither proxy, password file nor cookie.
* It connects to addresses that were judged before, and `_open` judges again the very one that a
  socket is made for.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, Final

import pycurl

from monitor.errors import AddressRefused
from monitor.feeds.exchange import Go
from monitor.feeds.failures import failure

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

    from monitor.feeds.exchange import Exchange
    from monitor.feeds.guard import Guard

_AT_ONCE: Final = 1 << 17  # bytes that are received: a usual feed comes in one call, not in six
_STOPPED: Final = -1  # no number of bytes: libcurl ends the request


class Request:
    """One request of an exchange, on its way through libcurl."""

    def __init__(self, exchange: Exchange, handle: pycurl.Curl, of: Manner) -> None:
        self.exchange, self.handle, self._of = exchange, handle, of
        self.refusal: AddressRefused | None = None
        self.is_enough = False  # ended by us, and well
        self.is_over = self.is_released = False
        self._lent: socket.socket | None = None

    def prepare(self, addresses: list[str]) -> None:
        """Set all that the request is, for a handle that knows of nothing."""
        address, put = self.exchange.address, self.handle.setopt
        for option, value in self._of.options:
            put(option, value)
        put(pycurl.URL, address.url)
        put(pycurl.HTTPHEADER, [line.encode() for line in self.exchange.headers])
        put(pycurl.HEADERFUNCTION, self._take_header)
        put(pycurl.WRITEFUNCTION, self._take_body)
        put(pycurl.OPENSOCKETFUNCTION, self._open)
        put(pycurl.SOCKOPTFUNCTION, self._copied)
        if self.exchange.form is not None:
            put(pycurl.POSTFIELDS, self.exchange.form)
        if not address.literal:
            found = ",".join(f"[{it}]" if ":" in it else it for it in addresses)
            put(pycurl.RESOLVE, [f"+{address.host}:{address.port}:{found}"])
            put(pycurl.RESOLVER_START_FUNCTION, _look_nothing_up)
        if address.scheme == "https":
            for option, value in authorities():
                put(option, value)

    def _open(self, _purpose: int, to: Any) -> socket.socket | int:  # noqa: ANN401 - pycurl's own, untyped
        try:
            self._lent = self._of.guard.socket_factory(
                (to.family, to.socktype, to.protocol, "", to.addr)
            )
        except AddressRefused as refusal:
            self.refusal = refusal
        except OSError as error:  # no more files
            self.exchange.failed = failure(f"cannot connect: {error.strerror or error}")
        else:
            return self._lent
        refused: int = pycurl.SOCKET_BAD
        return refused

    def _copied(self, copy: int, _purpose: int) -> int:
        """Let go of the socket that was given to libcurl, which has made a copy for itself."""
        if self._lent is not None:
            self._lent.close()
        os.set_inheritable(copy, False)  # noqa: FBT003 - no name for it
        copied: int = pycurl.SOCKOPT_OK
        return copied

    def _take_header(self, line: bytes) -> int | None:
        return self._told(self.exchange.take_header(line))

    def _take_body(self, packed: bytes) -> int | None:
        if self.exchange.waits_since is not None:
            paused: int = pycurl.WRITEFUNC_PAUSE
            return paused
        gone = self.exchange.take_body(packed)
        if gone is Go.WAIT:
            self._of.hold(self.exchange)
            return None
        return self._told(gone)

    def _told(self, gone: Go) -> int | None:
        if gone is Go.ON:
            return None
        self.is_enough = True
        return _STOPPED


@dataclass(frozen=True, slots=True)
class Manner:
    """What all requests have in common."""

    options: tuple[tuple[int, Any], ...]
    guard: Guard
    hold: Callable[[Exchange], None]


def options(user_agent: str, timeout_s: float) -> tuple[tuple[int, Any], ...]:
    """Return libcurl's options for all requests, by number."""
    return (
        (pycurl.USERAGENT, user_agent),
        (pycurl.NOSIGNAL, 1),
        (pycurl.BUFFERSIZE, _AT_ONCE),
        (pycurl.PROXY, ""),  # also none of the environment
        (pycurl.PROTOCOLS, pycurl.PROTO_HTTP | pycurl.PROTO_HTTPS),
        (pycurl.FOLLOWLOCATION, 0),
        (pycurl.HTTP_VERSION, pycurl.CURL_HTTP_VERSION_1_1),
        (pycurl.HTTP_CONTENT_DECODING, 0),
        (pycurl.CONNECTTIMEOUT_MS, int(timeout_s * 1000) + 1000),  # ours is the only deadline
        (pycurl.DNS_CACHE_TIMEOUT, int(timeout_s) + 60),  # of what we found
    )


def _look_nothing_up() -> int:
    return 1  # what libcurl is not given it does not find out


@cache
def authorities() -> tuple[tuple[int, str], ...]:
    """Return whose certificates are believed: what Python believes, SSL_CERT_FILE included."""
    import ssl

    paths = ssl.get_default_verify_paths()
    given = (pycurl.CAINFO, paths.cafile), (pycurl.CAPATH, paths.capath)
    return tuple((option, path) for option, path in given if path)
