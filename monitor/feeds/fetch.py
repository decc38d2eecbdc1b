"""Fetch: many feeds asked at once, each within one deadline, none harming another.

* One deadline stands round the whole exchange: look-up, connection, redirects, headers, body. A
  time limit per read would never end a server that drips.
* Every address connected to has passed the guard; no proxy or password file is taken from the
  environment; no cookie outlives an answer; a password never follows a redirect to another origin.
* The cap counts decoded bytes while they arrive, so that a small gzip (br, zstd) cannot grow
  large. All bodies together stay within a budget, which waits for those the caller still holds.
* At most `connections` feeds are under way or waiting to be taken by the caller, so that a slow
  caller slows the asking. A server that takes longer than a second is not counted, up to MANY
  times as many: it costs a socket, and ten slow ones shall not keep the others waiting.
* Every failure is a FetchError with one clear line.

This is the only place with asyncio: a loop in a thread that lives as long as one `fetch_all`.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from itertools import islice, takewhile
from queue import Empty, SimpleQueue
from threading import Thread
from typing import TYPE_CHECKING, Any
from weakref import finalize

import aiohttp

from monitor.errors import AddressRefused, AnswerTooLarge, FetchError, FetchTimeout
from monitor.feeds.budget import Budget
from monitor.feeds.bundle import is_mailbox
from monitor.feeds.failures import MAX_REDIRECTS, explain
from monitor.feeds.hublinks import web_address
from monitor.feeds.manners import moved_to, read_retry_after
from monitor.feeds.resolve import Resolver
from monitor.feeds.wishes import read_freshness
from monitor.model import Answer

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
    from concurrent.futures import Future

    from aiohttp.abc import AbstractResolver

    from monitor.feeds.budget import Account
    from monitor.feeds.guard import Guard
    from monitor.feeds.mailbox import Mailboxes
    from monitor.model import FeedToPoll

    Outcome = tuple[FeedToPoll, Answer | FetchError]

# Per header line; aiohttp allows 128 lines. Real servers send policies of several kilobytes.
MAX_HEADER_BYTES = 16_384
SLOW_S = 1.0  # from then on an exchange counts as slow
MANY = 8  # times `connections`, slow ones included
HELD_BYTES = 32_000_000  # of all bodies that are being read or not yet let go of
ACCEPT = (
    "application/atom+xml, application/rss+xml, application/rdf+xml;q=0.9, "
    "application/xml;q=0.8, text/xml;q=0.8, */*;q=0.1"
)

# What the guard refused during the present exchange. The connector reports any failure to
# connect as an OSError, mixed with those of other addresses of the same name.
_refusals: ContextVar[list[AddressRefused]] = ContextVar("refusals")


class HttpFetcher:
    """Asks servers for feeds over HTTP; a `monitor.ports.Fetcher`.

    *timeout* is for one whole exchange, *max_bytes* for one decoded body, *held_bytes* for all of
    them together; *connections* is how many feeds are asked at once; *resolver* looks names up.
    """

    def __init__(
        self,
        *,
        guard: Guard,
        user_agent: str,
        timeout: timedelta,
        max_bytes: int,
        connections: int,
        held_bytes: int = HELD_BYTES,
        resolver: type[AbstractResolver] = Resolver,
        mailboxes: Mailboxes | None = None,
    ) -> None:
        self._guard = guard
        self._user_agent = user_agent
        self._timeout = timeout.total_seconds()
        self._max_bytes = max_bytes
        self._connections = connections
        self._budget = Budget(held_bytes)
        self._resolver = resolver
        self._mailboxes = mailboxes
        self._closed = False
        self._running: set[SimpleQueue[Future[Outcome] | None]] = set()

    def close(self) -> None:
        """End every `fetch_all`, from any thread; what was not answered yet is not yielded."""
        self._closed = True
        for done in tuple(self._running):
            done.put(None)

    def fetch(self, feed: FeedToPoll) -> Answer:
        """Return the answer for one feed; raise FetchError if there is none."""
        for found in self.fetch_all([feed]):
            if found is None:
                continue
            if isinstance(found[1], FetchError):
                raise found[1]
            return found[1]
        raise FetchError("closed before there was an answer")

    def fetch_all(
        self, feeds: Iterable[FeedToPoll | None], *, pulse: timedelta | None = None
    ) -> Generator[Outcome | None, None, None]:
        """Yield each feed once with its answer or error, in order of completion.

        *feeds* is read lazily, in the caller's thread; None from it means that there is no feed to
        ask at the moment. With *pulse*, None is yielded whenever nothing was answered for that
        long, so that the caller can do something else, and *feeds* is asked again. Closing the
        iterator cancels what is under way and returns when the thread has ended.
        """
        waiting = iter(feeds)
        done: SimpleQueue[Future[Outcome] | None] = SimpleQueue()
        under_way: dict[Future[Outcome], float] = {}  # since when, oldest first
        pulse_s = None if pulse is None else pulse.total_seconds()
        self._running.add(done)
        try:
            with self._asking() as ask:
                while not self._closed:
                    for feed in islice(waiting, self._room(under_way)):
                        if feed is None:
                            break
                        future = ask(feed)
                        under_way[future] = time.monotonic()
                        future.add_done_callback(done.put)
                    if not under_way:
                        return
                    try:
                        answered = done.get(timeout=pulse_s)
                    except Empty:
                        yield None
                        continue
                    if answered is None:
                        return
                    del under_way[answered]
                    outcome = answered.result()
                    del answered  # its body is the caller's to let go of
                    yield outcome
                    del outcome
        finally:
            self._running.discard(done)

    def _room(self, under_way: Mapping[Future[Outcome], float]) -> int:
        """Return how many more feeds may be asked."""
        before = time.monotonic() - SLOW_S
        slow = sum(
            not future.done()
            for future, _ in takewhile(lambda it: it[1] < before, under_way.items())
        )
        room = self._connections - len(under_way) + slow
        return max(0, min(room, MANY * self._connections - len(under_way)))

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
            limit=MANY * self._connections,
            resolver=self._resolver(),
            socket_factory=self._open_socket,
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
        account = self._budget.open()
        if self._mailboxes is not None and is_mailbox(feed.url):
            outcome = await self._ask_mailbox(self._mailboxes, feed)
        else:
            outcome = await self._ask(session, feed, account)
        took = timedelta(seconds=asyncio.get_running_loop().time() - began)
        if isinstance(outcome, FetchError):
            account.close()
            outcome.took = took
            return feed, outcome
        answer = replace(outcome, took=took)
        finalize(answer, account.close).atexit = False
        return feed, answer

    async def _ask_mailbox(self, mailboxes: Mailboxes, feed: FeedToPoll) -> Answer | FetchError:
        try:
            dialogue = mailboxes.open(feed)
            try:
                loop = asyncio.get_running_loop()
                return await loop.run_in_executor(mailboxes.threads, dialogue.ask, feed)
            finally:
                dialogue.cut()  # where this is cancelled, its thread has to end too
        except FetchError as error:
            return error

    async def _ask(
        self, session: aiohttp.ClientSession, feed: FeedToPoll, account: Account
    ) -> Answer | FetchError:
        refusals: list[AddressRefused] = []
        _refusals.set(refusals)
        try:
            self._guard.check_url(feed.address)
            async with asyncio.timeout(self._timeout) as deadline:
                return await self._exchange(session, feed, account, deadline)
        except FetchError as error:
            return error
        except TimeoutError:
            return FetchTimeout(f"no complete answer within {self._timeout:g} s")
        except aiohttp.ClientConnectorError as error:
            return refusals[0] if refusals else explain(error)
        except Exception as error:  # noqa: BLE001 - whatever one server does, the others go on
            return explain(error)

    async def _exchange(
        self,
        session: aiohttp.ClientSession,
        feed: FeedToPoll,
        account: Account,
        deadline: asyncio.Timeout,
    ) -> Answer:
        conditions = {"If-None-Match": feed.etag, "If-Modified-Since": feed.last_modified}
        headers = {name: value for name, value in conditions.items() if value}
        # aiohttp counts the first request among its redirects.
        asking = session.request(
            "POST" if feed.form else "GET",
            feed.address,
            data=list(feed.form) or None,
            headers=headers,
            max_redirects=MAX_REDIRECTS + 1,
        )
        async with asking as response:
            retry_after = _retry_after(response)
            targets = [*(str(hop.url) for hop in response.history[1:]), str(response.url)]
            hops = [(hop.status, to) for hop, to in zip(response.history, targets, strict=False)]
            unchanged = response.status == HTTPStatus.NOT_MODIFIED and headers
            taken = feed.form and HTTPStatus.OK <= response.status < HTTPStatus.MULTIPLE_CHOICES
            if response.status != HTTPStatus.OK and not (unchanged or taken):
                raise FetchError(
                    f"HTTP {response.status}", status=response.status, retry_after=retry_after
                )
            return Answer(
                status=response.status,
                url=str(response.url),
                body=b"" if unchanged else await self._read(response, account, deadline),
                content_type=response.headers.get("Content-Type"),
                etag=_validator(response, "ETag"),
                last_modified=_validator(response, "Last-Modified"),
                retry_after=retry_after,
                fresh_for=read_freshness(response.headers, now=datetime.now(UTC)),
                moved_to=moved_to(feed.address, hops),
                hub=_linked(response, "hub"),
                topic=_linked(response, "self"),
            )

    async def _read(
        self, response: aiohttp.ClientResponse, account: Account, deadline: asyncio.Timeout
    ) -> bytes:
        body = bytearray()
        if (response.content_length or 0) > self._max_bytes:
            raise AnswerTooLarge(f"more than {self._max_bytes:,} bytes")
        async for chunk in response.content.iter_any():
            if len(body) + len(chunk) > self._max_bytes:
                raise AnswerTooLarge(f"more than {self._max_bytes:,} bytes")
            if not account.take(len(chunk)):
                with _stopped(deadline):  # it is not the server that is slow
                    await account.wait_for(len(chunk))
            body += chunk
        return bytes(body)


@contextmanager
def _stopped(deadline: asyncio.Timeout) -> Iterator[None]:
    """Let a deadline stand still meanwhile."""
    loop, when = asyncio.get_running_loop(), deadline.when()
    left = None if when is None else when - loop.time()
    deadline.reschedule(None)
    yield
    deadline.reschedule(None if left is None else loop.time() + left)


async def _close(session: aiohttp.ClientSession) -> None:
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await session.close()


def _validator(response: aiohttp.ClientResponse, name: str) -> str | None:
    """Return the header *name* if it is text that can be kept and sent back (RFC 9110, 5.5)."""
    value = response.headers.get(name)
    return value if value and value.isprintable() else None


def _linked(response: aiohttp.ClientResponse, rel: str) -> str | None:
    """Return the address that a Link header names as *rel* (RFC 8288)."""
    try:
        link = response.links.get(rel)
    except ValueError:
        return None
    return web_address(str(link["url"])) if link and "url" in link else None


def _retry_after(response: aiohttp.ClientResponse) -> timedelta | None:
    """Read Retry-After by the server's own clock, if it tells the time; ours may differ."""
    try:
        now = parsedate_to_datetime(response.headers.get("Date", "")).astimezone(UTC)
    except (ValueError, OverflowError):
        now = datetime.now(UTC)
    return read_retry_after(response.headers.get("Retry-After"), now=now)
