"""Connections: many exchanges at once over libcurl, in one thread.

* One deadline stands round each exchange, redirects and look-ups included. It stands still while
  the exchange waits for memory.
* libcurl looks no name up, follows no redirect, and reads neither proxy, password file nor cookie:
  it connects to addresses that were found and judged here, and `_open` judges again the very one
  that a socket is made for. A connection is used again for its own origin only.
* Nothing is left of a request in the next one: each begins with a reset handle.
"""

from __future__ import annotations

import os
import socket
from collections import deque
from contextlib import suppress
from dataclasses import dataclass
from functools import cache, partial
from heapq import heappop, heappush
from itertools import count
from selectors import EVENT_READ, EVENT_WRITE, DefaultSelector
from threading import Thread
from time import monotonic
from typing import TYPE_CHECKING, Any, Final

import pycurl

from monitor.errors import AddressRefused, FetchError, FetchTimeout
from monitor.feeds.budget import PATIENCE_S
from monitor.feeds.exchange import Go
from monitor.feeds.failures import explain, failure
from monitor.feeds.resolve import LookUps

if TYPE_CHECKING:
    from collections.abc import Callable

    from monitor.feeds.budget import Budget
    from monitor.feeds.exchange import Exchange
    from monitor.feeds.guard import Guard

_MOST_ADDRESSES: Final = 16  # of one name
_STOPPED: Final = -1  # no number of bytes: libcurl ends the request
_OF_CURL: Final = {
    pycurl.POLL_IN: EVENT_READ,
    pycurl.POLL_OUT: EVENT_WRITE,
    pycurl.POLL_INOUT: EVENT_READ | EVENT_WRITE,
}
_TO_CURL: Final = {
    EVENT_READ: pycurl.CSELECT_IN,
    EVENT_WRITE: pycurl.CSELECT_OUT,
    EVENT_READ | EVENT_WRITE: pycurl.CSELECT_IN | pycurl.CSELECT_OUT,
}


class Connections:
    """Takes exchanges from any thread with `ask`, and gives each to *done* once it has an outcome.

    *done* is called in the thread of the connections; an exception it is called with is a fault of
    this program, after which nothing more is done. `close` cancels what is under way.
    """

    def __init__(
        self,
        *,
        guard: Guard,
        look_up: Callable[[str, int], list[str]],
        budget: Budget,
        user_agent: str,
        timeout_s: float,
        kept: int,
        done: Callable[[Exchange | Exception], None],
    ) -> None:
        self._guard, self._budget = guard, budget
        self._timeout_s, self._done = timeout_s, done
        self._manner = _Manner(_options(user_agent, timeout_s), guard, self._hold)
        self._calls: deque[Callable[[], None]] = deque()
        self._look_ups = LookUps(look_up, self._call)
        self._woken = self._closing = self._has_room = False
        self._running: dict[Exchange, _Request | None] = {}  # None while its name is looked up
        self._requests: dict[pycurl.Curl, _Request] = {}
        self._waiting: dict[Exchange, float] = {}  # for memory, and what is left of its time
        self._idle: list[pycurl.Curl] = []
        self._deadlines: list[tuple[float, int]] = []  # and whose they are, below
        self._expiring: dict[int, Exchange] = {}
        self._expires: dict[Exchange, tuple[float, int]] = {}
        self._number = count()
        self._watched: set[int] = set()
        self._timer: float | None = None  # when libcurl wants to be called
        self._selector = DefaultSelector()
        self._bell, self._rope = socket.socketpair()
        self._bell.settimeout(0)
        self._rope.settimeout(0)
        self._selector.register(self._bell, EVENT_READ)
        self._multi = pycurl.CurlMulti()
        self._multi.setopt(pycurl.M_SOCKETFUNCTION, self._watch)
        self._multi.setopt(pycurl.M_TIMERFUNCTION, self._set_timer)
        self._multi.setopt(pycurl.M_MAXCONNECTS, kept)
        budget.tell(self._tell_room)
        self._thread = Thread(target=self._run, name="fetch", daemon=True)
        self._thread.start()

    # --- from any thread

    def ask(self, exchange: Exchange) -> None:
        """Begin *exchange*."""
        self._call(partial(self._begin, exchange))

    def close(self) -> None:
        """Cancel what is under way; return when nothing of it is left."""
        self._closing = True
        self._wake()
        self._thread.join()
        self._budget.tell_no_more(self._tell_room)
        self._rope.close()

    def _call(self, function: Callable[[], None]) -> None:
        self._calls.append(function)
        self._wake()

    def _tell_room(self) -> None:
        self._has_room = True
        if self._waiting:
            self._wake()

    def _wake(self) -> None:
        # What is to be seen was written before, and is looked at after the flag is taken down.
        if not self._woken:
            self._woken = True
            with suppress(OSError):  # the thread has ended; or it is rung already
                self._rope.send(b"\0")

    # --- the thread

    def _run(self) -> None:
        try:
            while not self._closing:
                self._turn()
        except Exception as error:  # noqa: BLE001 - told to who waits, who would wait for ever
            self._done(error)
        finally:
            for exchange in tuple(self._running):
                self._drop(exchange)
            for handle in self._idle:
                handle.close()
            self._multi.close()
            self._selector.close()
            self._bell.close()

    def _turn(self) -> None:
        """Wait for whatever comes next, and do all that has come."""
        for key, events in self._selector.select(self._wait_s()):
            if key.fileobj is self._bell:
                self._bell.recv(64)
                self._woken = False
            else:
                self._multi.socket_action(key.fd, _TO_CURL[events])
        while self._calls:
            self._calls.popleft()()
        if self._timer is not None and self._timer <= monotonic():
            self._timer = None
            self._multi.socket_action(pycurl.SOCKET_TIMEOUT, 0)
        self._take_ended()
        self._expire()
        if self._waiting:
            self._go_on()

    def _wait_s(self) -> float | None:
        if self._calls or (self._has_room and self._waiting):
            return 0
        until = [self._timer] if self._timer is not None else []
        if self._deadlines:
            until.append(self._deadlines[0][0])
        until += [(it.waits_since or 0.0) + PATIENCE_S for it in self._waiting]
        return max(0.0, min(until) - monotonic()) if until else None

    def _watch(self, what: int, handle: int, _multi: object, _data: object) -> None:
        if what == pycurl.POLL_REMOVE:
            if handle in self._watched:
                self._watched.discard(handle)
                self._selector.unregister(handle)
        elif handle in self._watched:
            self._selector.modify(handle, _OF_CURL[what])
        else:
            self._watched.add(handle)
            self._selector.register(handle, _OF_CURL[what])

    def _set_timer(self, wait_ms: int) -> None:
        self._timer = None if wait_ms < 0 else monotonic() + wait_ms / 1000

    # --- one exchange

    def _begin(self, exchange: Exchange) -> None:
        self._running[exchange] = None
        self._set_deadline(exchange, exchange.began + self._timeout_s)
        try:
            self._guard.check_url(exchange.feed.address)
            exchange.begin()
            self._connect(exchange)
        except FetchError as error:
            self._fail(exchange, error)

    def _connect(self, exchange: Exchange) -> None:
        """Find where the exchange's address leads, and go there."""
        address = exchange.address
        if address.literal:
            self._request(exchange, [address.host])
        else:
            then = partial(self._request, exchange)
            self._look_ups.ask(address.host, address.port, then)

    def _request(self, exchange: Exchange, found: list[str] | FetchError) -> None:
        if exchange not in self._running:  # its time ran out meanwhile
            return
        if isinstance(found, FetchError):
            self._fail(exchange, failure(str(found)))
            return
        try:
            addresses = self._judge(found)
            handle = self._idle.pop() if self._idle else pycurl.Curl()
            request = _Request(exchange, handle, self._manner)
            request.prepare(addresses)
        except FetchError as error:
            self._fail(exchange, error)
            return
        self._running[exchange] = self._requests[handle] = request
        self._multi.add_handle(handle)

    def _judge(self, found: list[str]) -> list[str]:
        """Return those of the addresses that may be connected to; raise if there is none."""
        allowed, refusal = [], None
        for address in found[:_MOST_ADDRESSES]:
            try:
                self._guard.check_address(address)
                allowed.append(address)
            except AddressRefused as error:
                refusal = refusal or error
        if not allowed:
            raise refusal or FetchError("name cannot be resolved")
        return allowed

    def _take_ended(self) -> None:
        left = 1
        while left:
            left, well, ill = self._multi.info_read()
            for handle in well:
                self._end(self._requests[handle], None)
            for handle, code, message in ill:
                self._end(self._requests[handle], (code, message))

    def _end(self, request: _Request, problem: tuple[int, str] | None) -> None:
        exchange = request.exchange
        error = exchange.failed
        if error is None and problem is not None and not request.is_enough:
            error = request.refusal
        if error is None and problem is not None and not request.is_enough:
            os_error = request.handle.getinfo(pycurl.OS_ERRNO)
            error = explain(*problem, os_error=os_error, in_body=exchange.in_body)
        self._release(request)
        if error is not None:
            self._fail(exchange, error)
        elif exchange in self._waiting:
            request.is_over = True  # its last piece waits for memory
        elif exchange.end():
            self._running[exchange] = None
            self._connect(exchange)
        else:
            self._finish(exchange)

    def _fail(self, exchange: Exchange, error: FetchError) -> None:
        exchange.fail(error)
        self._finish(exchange)

    def _finish(self, exchange: Exchange) -> None:
        self._drop(exchange)
        self._done(exchange)

    def _drop(self, exchange: Exchange) -> None:
        request = self._running.pop(exchange)
        self._stop_clock(exchange)
        self._waiting.pop(exchange, None)
        if request is not None and not request.is_released:
            self._release(request)

    def _release(self, request: _Request) -> None:
        """Take a request away; if it has not ended, its connection is closed."""
        handle = request.handle
        request.is_released = True
        del self._requests[handle]
        self._multi.remove_handle(handle)
        handle.reset()
        self._idle.append(handle)

    # --- deadlines and memory

    def _set_deadline(self, exchange: Exchange, when: float) -> None:
        number = next(self._number)
        self._expires[exchange] = when, number
        self._expiring[number] = exchange
        heappush(self._deadlines, (when, number))

    def _stop_clock(self, exchange: Exchange) -> float:
        """Take the deadline away; return when it would have been."""
        when, number = self._expires.pop(exchange, (0.0, -1))
        self._expiring.pop(number, None)
        return when

    def _expire(self) -> None:
        now = monotonic()
        while self._deadlines and self._deadlines[0][0] <= now:
            _, number = heappop(self._deadlines)
            exchange = self._expiring.get(number)
            if exchange is not None:
                message = f"no complete answer within {self._timeout_s:g} s"
                self._fail(exchange, FetchTimeout(message))

    def _hold(self, exchange: Exchange) -> None:
        """Let the time of an exchange stand still; called while libcurl is at work."""
        exchange.waits_since = monotonic()
        self._waiting[exchange] = self._stop_clock(exchange) - exchange.waits_since

    def _go_on(self) -> None:
        """Let those go on that there is memory for."""
        self._has_room = False
        for exchange, left_s in tuple(self._waiting.items()):
            request = self._running[exchange]
            gone = exchange.go_on()
            if gone is Go.WAIT or request is None:
                continue
            del self._waiting[exchange]
            exchange.waits_since = None
            self._set_deadline(exchange, monotonic() + left_s)
            if exchange.failed is not None:
                self._fail(exchange, exchange.failed)
            elif request.is_over:
                exchange.end()
                self._finish(exchange)
            else:
                request.handle.pause(pycurl.PAUSE_CONT)


class _Request:
    """One request of an exchange, on its way through libcurl."""

    def __init__(self, exchange: Exchange, handle: pycurl.Curl, of: _Manner) -> None:
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
            for option, value in _authorities():
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
class _Manner:
    """What all requests have in common."""

    options: tuple[tuple[int, Any], ...]
    guard: Guard
    hold: Callable[[Exchange], None]


def _options(user_agent: str, timeout_s: float) -> tuple[tuple[int, Any], ...]:
    return (
        (pycurl.USERAGENT, user_agent),
        (pycurl.NOSIGNAL, 1),
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
def _authorities() -> tuple[tuple[int, str], ...]:
    """Return whose certificates are believed: what Python believes, SSL_CERT_FILE included."""
    import ssl

    paths = ssl.get_default_verify_paths()
    given = (pycurl.CAINFO, paths.cafile), (pycurl.CAPATH, paths.capath)
    return tuple((option, path) for option, path in given if path)
