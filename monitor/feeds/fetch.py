"""Fetch: many feeds asked at once, each within one deadline, none harming another.

* One deadline stands round the whole exchange: look-up, connection, redirects, headers, body. A
  time limit per read would never end a server that drips.
* Every address connected to has passed the guard; no proxy or password file is taken from the
  environment; no cookie outlives an answer; a password never follows a redirect to another origin.
* The cap counts decoded bytes while they arrive, so that a small gzip cannot grow large.
* At most `connections` feeds are under way or waiting to be taken by the caller, so that a slow
  caller slows the asking and memory stays bounded.
* Every failure is a FetchError with one clear line. A message never holds the feed's address,
  which may carry a password.

This is the only place with asyncio: a loop in a thread that lives as long as one `fetch_all`.
"""

from __future__ import annotations

import asyncio
import os
import socket
from concurrent.futures import Future
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from itertools import islice
from queue import SimpleQueue
from threading import Thread
from typing import TYPE_CHECKING, Any

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult

from monitor.errors import AddressRefused, AnswerTooLarge, FetchError, FetchTimeout
from monitor.feeds.manners import moved_to, read_retry_after
from monitor.feeds.wishes import read_freshness
from monitor.model import Answer

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator

    from monitor.feeds.guard import Guard
    from monitor.model import FeedToPoll

    Outcome = tuple[FeedToPoll, Answer | FetchError]

MAX_REDIRECTS = 10
# Per header line; aiohttp allows 128 lines. Real servers send policies of several kilobytes.
MAX_HEADER_BYTES = 16_384
MAX_MESSAGE_LENGTH = 200
ACCEPT = (
    "application/atom+xml, application/rss+xml, application/rdf+xml;q=0.9, "
    "application/xml;q=0.8, text/xml;q=0.8, */*;q=0.1"
)

# What the guard refused during the present exchange. The connector reports any failure to
# connect as an OSError, mixed with those of other addresses of the same name.
_refusals: ContextVar[list[AddressRefused]] = ContextVar("refusals")


class HttpFetcher:
    """Asks servers for feeds over HTTP; a `monitor.ports.Fetcher`.

    *timeout* is for one whole exchange, *max_bytes* for one decoded body, *connections* is how
    many feeds are asked at once.
    """

    def __init__(
        self,
        *,
        guard: Guard,
        user_agent: str,
        timeout: timedelta,
        max_bytes: int,
        connections: int,
    ) -> None:
        self._guard = guard
        self._user_agent = user_agent
        self._timeout = timeout.total_seconds()
        self._max_bytes = max_bytes
        self._connections = connections
        self._closed = False
        self._running: set[SimpleQueue[Future[Outcome] | None]] = set()

    def close(self) -> None:
        """End every `fetch_all`, from any thread; what was not answered yet is not yielded."""
        self._closed = True
        for done in tuple(self._running):
            done.put(None)

    def fetch(self, feed: FeedToPoll) -> Answer:
        """Return the answer for one feed; raise FetchError if there is none."""
        for _, outcome in self.fetch_all([feed]):
            if isinstance(outcome, FetchError):
                raise outcome
            return outcome
        raise FetchError("closed before there was an answer")

    def fetch_all(self, feeds: Iterable[FeedToPoll]) -> Generator[Outcome, None, None]:
        """Yield each feed once with its answer or error, in order of completion.

        *feeds* is read lazily, in the caller's thread. Closing the iterator cancels what is
        under way and returns when the thread has ended.
        """
        waiting = iter(feeds)
        done: SimpleQueue[Future[Outcome] | None] = SimpleQueue()
        under_way = 0
        self._running.add(done)
        try:
            with self._asking() as ask:
                while not self._closed:
                    for feed in islice(waiting, self._connections - under_way):
                        ask(feed).add_done_callback(done.put)
                        under_way += 1
                    answered = done.get() if under_way else None
                    if answered is None:
                        return
                    under_way -= 1
                    yield answered.result()
        finally:
            self._running.discard(done)

    @contextmanager
    def _asking(self) -> Iterator[Callable[[FeedToPoll], Future[Outcome]]]:
        loop = asyncio.new_event_loop()
        thread = Thread(target=loop.run_forever, name="fetch", daemon=True)
        thread.start()
        try:
            session = asyncio.run_coroutine_threadsafe(self._open_session(), loop).result()
            try:
                yield lambda feed: asyncio.run_coroutine_threadsafe(
                    self._settle(session, feed), loop
                )
            finally:
                asyncio.run_coroutine_threadsafe(_close(session), loop).result()
        finally:
            loop.call_soon_threadsafe(loop.stop)
            thread.join()
            loop.close()

    async def _open_session(self) -> aiohttp.ClientSession:
        connector = aiohttp.TCPConnector(
            limit=self._connections, resolver=_Resolver(), socket_factory=self._open_socket
        )
        return aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={"User-Agent": self._user_agent, "Accept": ACCEPT},
            max_line_size=MAX_HEADER_BYTES,
            max_field_size=MAX_HEADER_BYTES,
            timeout=aiohttp.ClientTimeout(total=None),  # ours is the only deadline
            trust_env=False,
        )

    def _open_socket(self, addr_info: Any) -> socket.socket:  # noqa: ANN401 - aiohttp's own type is not exported
        try:
            return self._guard.socket_factory(addr_info)
        except AddressRefused as refusal:
            _refusals.get().append(refusal)
            raise OSError(str(refusal)) from refusal

    async def _settle(self, session: aiohttp.ClientSession, feed: FeedToPoll) -> Outcome:
        began = asyncio.get_running_loop().time()
        outcome = await self._ask(session, feed)
        took = timedelta(seconds=asyncio.get_running_loop().time() - began)
        if isinstance(outcome, FetchError):
            outcome.took = took
            return feed, outcome
        return feed, replace(outcome, took=took)

    async def _ask(self, session: aiohttp.ClientSession, feed: FeedToPoll) -> Answer | FetchError:
        refusals: list[AddressRefused] = []
        _refusals.set(refusals)
        try:
            self._guard.check_url(feed.address)
            async with asyncio.timeout(self._timeout):
                return await self._exchange(session, feed)
        except FetchError as error:
            return error
        except TimeoutError:
            return FetchTimeout(f"no complete answer within {self._timeout:g} s")
        except aiohttp.ClientConnectorError as error:
            return refusals[0] if refusals else _explain(error)
        except Exception as error:  # noqa: BLE001 - whatever one server does, the others go on
            return _explain(error)

    async def _exchange(self, session: aiohttp.ClientSession, feed: FeedToPoll) -> Answer:
        conditions = {"If-None-Match": feed.etag, "If-Modified-Since": feed.last_modified}
        headers = {name: value for name, value in conditions.items() if value}
        # aiohttp counts the first request among its redirects.
        async with session.get(
            feed.address, headers=headers, max_redirects=MAX_REDIRECTS + 1
        ) as response:
            retry_after = _retry_after(response)
            targets = [*(str(hop.url) for hop in response.history[1:]), str(response.url)]
            hops = [(hop.status, to) for hop, to in zip(response.history, targets, strict=False)]
            unchanged = response.status == HTTPStatus.NOT_MODIFIED and headers
            if response.status != HTTPStatus.OK and not unchanged:
                raise FetchError(
                    f"HTTP {response.status}", status=response.status, retry_after=retry_after
                )
            return Answer(
                status=response.status,
                url=str(response.url),
                body=b"" if unchanged else await self._read(response),
                content_type=response.headers.get("Content-Type"),
                etag=_validator(response, "ETag"),
                last_modified=_validator(response, "Last-Modified"),
                retry_after=retry_after,
                fresh_for=read_freshness(response.headers, now=datetime.now(UTC)),
                moved_to=moved_to(feed.address, hops),
            )

    async def _read(self, response: aiohttp.ClientResponse) -> bytes:
        body = bytearray()
        if (response.content_length or 0) > self._max_bytes:
            raise AnswerTooLarge(f"more than {self._max_bytes:,} bytes")
        async for chunk in response.content.iter_any():
            body += chunk
            if len(body) > self._max_bytes:
                raise AnswerTooLarge(f"more than {self._max_bytes:,} bytes")
        return bytes(body)


async def _close(session: aiohttp.ClientSession) -> None:
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await session.close()


class _Resolver(AbstractResolver):
    """Looks names up, each in a thread of its own.

    In the loop's own pool of threads, a few names whose servers are silent would hold up every
    other look-up, and the end of the process: a look-up cannot be cancelled.
    """

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        found: Future[list[Any]] = Future()
        Thread(target=_look_up, args=(found, host, port, family), daemon=True).start()
        return [
            ResolveResult(
                hostname=host, host=address[0], port=address[1], family=kind, proto=proto, flags=0
            )
            for kind, _, proto, _, address in await asyncio.wrap_future(found)
        ]

    async def close(self) -> None:
        """Nothing is held between look-ups."""


def _look_up(found: Future[list[Any]], host: str, port: int, family: socket.AddressFamily) -> None:
    if not found.set_running_or_notify_cancel():
        return
    try:
        kind = socket.SOCK_STREAM
        found.set_result(socket.getaddrinfo(host, port, family, kind, flags=socket.AI_ADDRCONFIG))
    except (OSError, UnicodeError) as error:
        found.set_exception(socket.gaierror(str(error)))


def _validator(response: aiohttp.ClientResponse, name: str) -> str | None:
    """Return the header *name* if it is text that can be kept and sent back (RFC 9110, 5.5)."""
    value = response.headers.get(name)
    return value if value and value.isprintable() else None


def _retry_after(response: aiohttp.ClientResponse) -> timedelta | None:
    """Read Retry-After by the server's own clock, if it tells the time; ours may differ."""
    try:
        now = parsedate_to_datetime(response.headers.get("Date", "")).astimezone(UTC)
    except (ValueError, OverflowError):
        now = datetime.now(UTC)
    return read_retry_after(response.headers.get("Retry-After"), now=now)


# The more special kinds of error stand first.
_EXPLANATIONS: tuple[tuple[type[Exception], Callable[[Any], str]], ...] = (
    (aiohttp.ClientConnectorDNSError, lambda _: "name cannot be resolved"),
    (
        aiohttp.ClientConnectorCertificateError,
        lambda error: (
            "certificate: "
            + getattr(error.certificate_error, "verify_message", str(error.certificate_error))
        ),
    ),
    (aiohttp.ClientSSLError, lambda error: f"TLS: {error.os_error.reason or error.os_error}"),
    (aiohttp.ClientConnectorError, lambda error: f"cannot connect: {_reason(error.os_error)}"),
    (aiohttp.TooManyRedirects, lambda _: f"more than {MAX_REDIRECTS} redirects"),
    (aiohttp.ServerDisconnectedError, lambda _: "connection closed without an answer"),
    (aiohttp.ClientPayloadError, lambda _: "the body is cut short or cannot be decoded"),
    (aiohttp.ClientResponseError, lambda error: f"not proper HTTP: {error.message}"),
    (OSError, lambda error: f"connection broken: {_reason(error)}"),
    (Exception, lambda error: f"{type(error).__name__}: {error}"),
)


def _reason(error: OSError) -> str:
    return os.strerror(error.errno) if error.errno else str(error)


def _explain(error: Exception) -> FetchError:
    """Say in one line what went wrong."""
    if isinstance(error, aiohttp.NonHttpUrlRedirectClientError):
        return AddressRefused("redirected to an address that is not http or https")
    if isinstance(error, aiohttp.InvalidURL):
        return AddressRefused("not an address that can be asked, or redirected to one")
    say = next(say for kind, say in _EXPLANATIONS if isinstance(error, kind))
    return FetchError(_one_line(say(error)))


def _one_line(text: str) -> str:
    printable = "".join(char if char.isprintable() else " " for char in text)
    return " ".join(printable.split())[:MAX_MESSAGE_LENGTH]
