"""Parsing in children that can be killed: hostile input hangs, eats memory, and crashes.

* No thread can be stopped, so each document is read in a child with limits of time and memory.
* A child over a limit is killed and replaced; its feed gets a ParseError, no other feed notices.
* Children come from a fork server: a plain fork of a process with threads may deadlock, and a
  spawned child would import everything anew after each kill. They start with the first feed.
* Children ignore Ctrl-C and die of SIGTERM without a word: the parent says what there is to say.
"""

from __future__ import annotations

import ctypes
import gc
import multiprocessing
import resource
import signal
from concurrent.futures import Future
from contextlib import ExitStack
from itertools import islice
from multiprocessing import forkserver, resource_tracker
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Lock
from typing import TYPE_CHECKING, Final, Self, TypeAlias

from pebble import ProcessExpired, ProcessPool

from monitor.errors import ParseError
from monitor.text import one_line

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from datetime import timedelta
    from multiprocessing.context import ForkServerContext

    from monitor.model import Answer, Document, FeedToPoll, Page, WebPage

_Done: TypeAlias = "SimpleQueue[Future[Document] | None]"  # None: closed

_READER: Final = "monitor.feeds.parse.document"  # only children need it, and what it imports
_FEEDS_PER_CHILD: Final = 1000  # then it is replaced, so that no leak or torn-up heap lasts
_OWN_FAULTS: Final = (ParseError, TimeoutError, MemoryError, ProcessExpired)
_LARGE_BYTES: Final = 1_000_000  # of a body after which a child gives memory back
_BYTES_AT_ONCE: Final = 4_000_000  # of bodies: beyond it, large feeds are read one by one
_PATIENCE_S: Final = 15.0  # beyond one parse's limit, for the pool to show any result at all


class BoundedParser:
    """Reads feeds in *workers* children; a `monitor.ports.Parser`. Close it, or use `with`.

    *timeout* is for one feed. *memory_bytes* is the address space that reading one feed may add
    to that of an idle child (Linux counts it).
    """

    def __init__(self, *, workers: int, timeout: timedelta, memory_bytes: int) -> None:
        self._workers = workers
        self._timeout = timeout.total_seconds()
        self._memory_bytes = memory_bytes
        self._pool: ProcessPool | None = None
        self._lock = Lock()  # on the pool, which a close from another thread ends
        self._closed = False
        self._running: set[_Done] = set()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the children at once, and every `parse_all`, from any thread.

        What was not read yet is not yielded.
        """
        with self._lock:
            self._closed = True
            self._end_pool()
        for done in tuple(self._running):
            done.put(None)

    def parse(self, feed: FeedToPoll, answer: Answer) -> Document:
        """Return the document in *answer*; raise ParseError when there is none."""
        for found in self.parse_all([(feed, answer)]):
            if found is None:
                continue
            if isinstance(found[2], ParseError):
                raise found[2]
            return found[2]
        raise ParseError("closed before it was read")

    def parse_all(
        self, answers: Iterable[tuple[FeedToPoll, Answer] | None], *, pulse: timedelta | None = None
    ) -> Iterator[tuple[FeedToPoll, Answer, Document | ParseError] | None]:
        """Yield each answer once with its document or error, in order of completion.

        *answers* is read lazily, in the caller's thread; at most two for each child wait. None
        from it means that there is none at the moment: what is finished is yielded meanwhile. With
        *pulse*, None is yielded whenever nothing was finished for that long, so that the caller can
        do something else. Closing the iterator ends what is under way.
        """
        waiting = iter(answers)
        done: _Done = SimpleQueue()
        under_way: dict[Future[Document], tuple[FeedToPoll, Answer]] = {}
        tried_again: set[int] = set()
        patience = self._timeout + _PATIENCE_S
        wait = patience if pulse is None else pulse.total_seconds()
        waited = 0.0
        self._running.add(done)
        try:
            while not self._closed:
                room = len(under_way) < 2 * self._workers and _bytes(under_way) < _BYTES_AT_ONCE
                taken = list(islice(waiting, 1 if room else 0))
                under_way |= {self._start(*one, done): one for one in taken if one is not None}
                asked = bool(taken)
                del taken  # a body that is still named here would keep its memory
                if not (under_way or asked):
                    return
                finished = self._finished(under_way, done, 0 if asked else wait)
                waited = 0 if asked or finished else waited + wait
                if waited >= patience:
                    self._give_up()
                    finished = list(under_way)
                elif waited and pulse is not None:
                    yield None
                for future in finished:
                    feed, answer = under_way.pop(future)
                    if not _is_settled(future) and feed.id not in tried_again:
                        tried_again.add(feed.id)
                        under_way[self._start(feed, answer, done)] = (feed, answer)
                    else:
                        yield feed, answer, self._outcome(future)
                    del future, answer
        finally:
            self._running.discard(done)
            for future in under_way:
                future.cancel()

    def _start(self, feed: FeedToPoll, answer: Answer, done: _Done) -> Future[Document]:
        limits = (self._memory_bytes, int(self._timeout) + 2)
        args = (answer.body, answer.content_type, answer.url, feed.page, feed.prints, *limits)
        with self._lock:
            if self._closed:
                return Future()  # its `parse_all` ends without asking for it
            if self._pool is None or not self._pool.active:
                self._end_pool()
                self._pool = ProcessPool(
                    self._workers, _FEEDS_PER_CHILD, _prepare_child, context=_fork_server()
                )
            future: Future[Document] = self._pool.schedule(
                _parse_within, args, timeout=self._timeout
            )
        future.add_done_callback(done.put)
        return future

    def _end_pool(self) -> None:
        if self._pool is not None:
            self._pool.stop()  # type: ignore[no-untyped-call]  # pebble's own
            self._pool.join()
            self._pool = None

    def _finished(
        self, under_way: Mapping[Future[Document], object], done: _Done, wait_s: float
    ) -> list[Future[Document]]:
        """Return the next finished one; none if none is within that time, or all are given up."""
        try:
            future = done.get(wait_s > 0, wait_s)
        except Empty:
            return []
        if future is None or future not in under_way or self._closed:
            return []
        return [future]

    def _give_up(self) -> None:
        """End a pool that shows no result: a child was killed while it held the pool's lock."""
        with self._lock:
            self._end_pool()

    def _outcome(self, future: Future[Document]) -> Document | ParseError:
        if not future.done():
            return ParseError("the reading process is stuck")
        try:
            return future.result()
        except ParseError as error:
            return error
        except TimeoutError:
            reason = f"reading took longer than {self._timeout:g} s"
        except MemoryError:
            reason = f"reading takes more than {self._memory_bytes:,} bytes of memory"
        except ProcessExpired as error:
            reason = f"the reading process died (exit code {error.exitcode})"
        except Exception as error:  # noqa: BLE001 - whatever one feed does, the others go on
            reason = one_line(f"{type(error).__name__}: {error}")
        return ParseError(reason)


def _bytes(under_way: Mapping[Future[Document], tuple[FeedToPoll, Answer]]) -> int:
    return sum(len(answer.body) for _, answer in under_way.values())


def _fork_server() -> ForkServerContext:
    """Start the server that children come from, if need be, deaf to Ctrl-C as they will be.

    A blocked signal stays blocked in what a thread starts, so there is no moment, however early
    in its life, at which a child could print a traceback.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([_READER])
    resource_tracker.ensure_running()  # first: it unblocks the signal for the calling thread
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        forkserver.ensure_running()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    return context


def _is_settled(future: Future[Document]) -> bool:
    """Say if it was this very feed that failed, not a pool that broke round it.

    A child that is killed at rest, or while it holds a lock, takes the whole pool with it.
    """
    if not future.done():
        return False
    error = future.exception()
    return error is None or isinstance(error, _OWN_FAULTS)


def _prepare_child() -> None:
    """Let SIGTERM end a child at once, even in the middle of a pattern; and leave no core."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _parse_within(
    body: bytes,
    content_type: str | None,
    url: str,
    page: Page | WebPage | None,
    before: bytes,
    memory_bytes: int,
    cpu_s: int,
) -> Document:
    """Parse under limits of this process, which hold even if its parent is gone."""
    from monitor.feeds.parse.document import parse

    pages = int(Path("/proc/self/statm").read_text("ascii").split()[0])
    used = resource.getrusage(resource.RUSAGE_SELF)
    limits = {
        resource.RLIMIT_AS: pages * resource.getpagesize() + memory_bytes,
        resource.RLIMIT_CPU: int(used.ru_utime + used.ru_stime) + cpu_s,
    }
    with ExitStack() as afterwards:
        if len(body) > _LARGE_BYTES:
            afterwards.callback(_trim)
        for kind, limit in limits.items():
            usual = resource.getrlimit(kind)
            afterwards.callback(resource.setrlimit, kind, usual)
            resource.setrlimit(kind, (limit, usual[1]))
        return parse(body, content_type, url, page=page, before=before)


def _trim() -> None:
    """Give the memory of a large feed back to the system, where the C library can."""
    gc.collect()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
