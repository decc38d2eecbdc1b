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

The connections are libcurl's, in a thread that lives as long as one `fetch_all`; what is made of
what they bring is in `exchange`.
"""

from __future__ import annotations

from concurrent.futures import CancelledError
from dataclasses import replace
from datetime import timedelta
from itertools import islice, takewhile
from queue import Empty, SimpleQueue
from time import monotonic
from typing import TYPE_CHECKING, Final

from monitor.errors import FetchError
from monitor.feeds.budget import Budget
from monitor.feeds.bundle import is_mailbox
from monitor.feeds.connections import Connections
from monitor.feeds.exchange import Exchange
from monitor.feeds.resolve import look_up

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Mapping
    from concurrent.futures import Future

    from monitor.feeds.guard import Guard
    from monitor.feeds.mailbox import Mailboxes
    from monitor.model import Answer, FeedToPoll

    Outcome = tuple[FeedToPoll, Answer | FetchError]

SLOW_S: Final = 1.0  # from then on an exchange counts as slow
MANY: Final = 8  # times `connections`, slow ones included
HELD_BYTES: Final = 32_000_000  # of all bodies that are being read or not yet let go of


class HttpFetcher:
    """Asks servers for feeds over HTTP; a `monitor.ports.Fetcher`.

    *timeout* is for one whole exchange, *max_bytes* for one decoded body, *held_bytes* for all of
    them together; *connections* is how many feeds are asked at once; *look_up* gives the
    addresses of a host, or raises OSError.
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
        look_up: Callable[[str, int], list[str]] = look_up,
        mailboxes: Mailboxes | None = None,
    ) -> None:
        self._guard = guard
        self._user_agent = user_agent
        self._timeout = timeout.total_seconds()
        self._max_bytes = max_bytes
        self._connections = connections
        self._budget = Budget(held_bytes)
        self._look_up = look_up
        self._mailboxes = mailboxes
        self._closed = False
        self._running: set[SimpleQueue[_Asked | Exception | None]] = set()

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
        done: SimpleQueue[_Asked | Exception | None] = SimpleQueue()
        under_way: dict[_Asked, float] = {}  # since when, oldest first
        pulse_s = None if pulse is None else pulse.total_seconds()
        self._running.add(done)
        connections = self._connect(done.put)
        try:
            while not self._closed:
                for feed in islice(waiting, self._room(under_way)):
                    if feed is None:
                        break
                    under_way[self._ask(feed, connections, done.put)] = monotonic()
                if not under_way:
                    return
                try:
                    answered = done.get(timeout=pulse_s)
                except Empty:
                    yield None
                    continue
                if answered is None:
                    return
                if isinstance(answered, Exception):
                    raise answered
                del under_way[answered]
                outcome = answered.feed, answered.take()
                del answered  # its body is the caller's to let go of
                yield outcome
                del outcome
        finally:
            self._running.discard(done)
            for asked in under_way:
                if isinstance(asked, _Letters):
                    asked.cancel()
            connections.close()

    def _room(self, under_way: Mapping[_Asked, float]) -> int:
        """Return how many more feeds may be asked."""
        before = monotonic() - SLOW_S
        slow = sum(
            asked.outcome is None
            for asked, _ in takewhile(lambda it: it[1] < before, under_way.items())
        )
        room = self._connections - len(under_way) + slow
        return max(0, min(room, MANY * self._connections - len(under_way)))

    def _connect(self, done: Callable[[Exchange | Exception], None]) -> Connections:
        return Connections(
            guard=self._guard,
            look_up=self._look_up,
            budget=self._budget,
            user_agent=self._user_agent,
            timeout_s=self._timeout,
            kept=self._connections,
            done=done,
        )

    def _ask(
        self, feed: FeedToPoll, connections: Connections, done: Callable[[_Asked], None]
    ) -> _Asked:
        if self._mailboxes is not None and is_mailbox(feed.url):
            return _Letters(feed, self._mailboxes, done)
        exchange = Exchange(feed, self._budget.open(), max_bytes=self._max_bytes)
        connections.ask(exchange)
        return exchange


class _Letters:
    """The asking of a mailbox, in a thread of its own; *done* is called with it in the end."""

    def __init__(
        self, feed: FeedToPoll, mailboxes: Mailboxes, done: Callable[[_Letters], None]
    ) -> None:
        self.feed = feed
        self.outcome: Answer | FetchError | None = None
        self._done = done
        self._began = monotonic()
        try:
            self._dialogue = mailboxes.open(feed)
        except FetchError as error:
            self._end(error)
        else:
            self._future = mailboxes.threads.submit(self._dialogue.ask, feed)
            self._future.add_done_callback(self._take)

    def take(self) -> Answer | FetchError:
        """Return the outcome, once, and forget it."""
        outcome, self.outcome = self.outcome, None
        assert outcome is not None  # noqa: S101 - only called for what is done
        return outcome

    def cancel(self) -> None:
        """Have its thread end at once."""
        self._future.cancel()
        self._dialogue.cut()

    def _take(self, future: Future[Answer]) -> None:
        try:
            self._end(future.result())
        except FetchError as error:
            self._end(error)
        except CancelledError:
            pass  # nobody waits for it

    def _end(self, outcome: Answer | FetchError) -> None:
        took = timedelta(seconds=monotonic() - self._began)
        if isinstance(outcome, FetchError):
            outcome.took = took
            self.outcome = outcome
        else:
            self.outcome = replace(outcome, took=took)
        self._done(self)


_Asked = Exchange | _Letters
