"""Connections: many exchanges at once over libcurl, in one thread.

* One deadline stands round each exchange, redirects and look-ups included. It stands still while
  the exchange waits for memory.
* libcurl connects to addresses that were found and judged here (what it may do: `request`). A
  connection is used again for its own origin only.
* Nothing is left of a request in the next one: each begins with a reset handle.
"""

from __future__ import annotations

import socket
from collections import deque
from contextlib import suppress
from functools import partial
from heapq import heappop, heappush
from itertools import count
from selectors import EVENT_READ, EVENT_WRITE, DefaultSelector
from threading import Thread
from time import monotonic
from typing import TYPE_CHECKING, Final

import pycurl

from monitor.errors import AddressRefused, FetchError, FetchTimeout
from monitor.feeds.budget import PATIENCE_S
from monitor.feeds.exchange import Go
from monitor.feeds.failures import explain, failure
from monitor.feeds.request import Manner, Request, options
from monitor.feeds.resolve import LookUps

if TYPE_CHECKING:
    from collections.abc import Callable

    from monitor.feeds.budget import Budget
    from monitor.feeds.exchange import Exchange
    from monitor.feeds.guard import Guard

_MOST_ADDRESSES: Final = 16  # of one name
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
        self._manner = Manner(options(user_agent, timeout_s), guard, self._hold)
        self._calls: deque[Callable[[], None]] = deque()
        self._look_ups = LookUps(look_up, self._call)
        self._woken = self._closing = self._has_room = False
        self._running: dict[Exchange, Request | None] = {}  # None while its name is looked up
        self._requests: dict[pycurl.Curl, Request] = {}
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
            request = Request(exchange, handle, self._manner)
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

    def _end(self, request: Request, problem: tuple[int, str] | None) -> None:
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

    def _release(self, request: Request) -> None:
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
