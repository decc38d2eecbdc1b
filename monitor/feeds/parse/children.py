"""Parsing in children that can be killed: hostile input hangs, eats memory, and crashes.

* No thread can be stopped, so each document is read in a child with limits of time and memory.
* A child over a limit is killed and replaced; its feed gets a ParseError, no other feed notices.
* One child reads while it keeps up: each takes 28 MB. When feeds have waited for a second behind
  one that hangs, or for ten in all with nothing else to do meanwhile, another is started, up to
  `workers`.
* A thread for each child hands over and takes back, a few feeds ahead, so that neither need wait
  for the other's turn: to wake each other for each feed takes a twentieth of a poll. Who hangs over
  a feed gives those behind it back to others.
* A child is a program of its own in a process group of its own: it shares no lock with us, and
  Ctrl-C at a terminal does not reach it.
"""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
import time
from collections import deque
from contextlib import suppress
from dataclasses import dataclass
from itertools import accumulate, islice
from queue import Empty, SimpleQueue
from threading import Lock, Thread
from typing import TYPE_CHECKING, Final, Self, TypeAlias, cast

from monitor import traces
from monitor.errors import ParseError
from monitor.feeds.parse import pipes
from monitor.text.html import one_line

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from datetime import timedelta
    from io import FileIO

    from opentelemetry.context import Context

    from monitor.model import Answer, Document, FeedToPoll

_START: Final = (  # with our search path, which is not always the environment's
    "import json, sys; sys.path[:] = json.loads(sys.argv[1]);"
    "from monitor.feeds.parse.child import main; main()"
)
_FEEDS_PER_CHILD: Final = 1000  # then it is replaced, so that no leak or torn-up heap lasts
_AHEAD: Final = 24  # answers taken that are not given back read
_HANDED_AHEAD: Final = 8  # feeds that a child is given beside that at which it is
_MANY: Final = 4  # feeds before a child, while which its answers are not waited for one by one
_NAP_S: Final = 0.003  # but looked for so often
_BYTES_AT_ONCE: Final = 4_000_000  # of bodies: beyond it, large feeds are read one by one
_START_S: Final = 60.0  # for a child to start, on whatever machine
_STEP_S: Final = 0.25  # how soon waiting is looked at, where no pulse says
_STUCK_S: Final = 1.0  # of waiting in a row with feeds in line: then another child is started
_HELP_AFTER_S: Final = 10.0  # the same, in all


@dataclass(eq=False, slots=True)
class _Task:
    """A feed to read; *done* takes it back with its outcome."""

    feed: FeedToPoll
    answer: Answer
    done: SimpleQueue[_Task | None]  # None: closed
    outcome: Document | ParseError | None = None
    cancelled: bool = False
    place: Context | None = None  # in the trace


_Tasks: TypeAlias = "SimpleQueue[_Task | None]"


class BoundedParser:
    """Reads feeds in up to *workers* children; a `monitor.ports.Parser`. Close it, or use `with`.

    *timeout* is for one feed. *memory_bytes* is the address space that reading one feed may add
    to that of an idle child (Linux counts it). With *lexicon*, which gives its text and
    fingerprint, new entries are also examined: their documents say what was found in them.
    """

    def __init__(
        self,
        *,
        workers: int,
        timeout: timedelta,
        memory_bytes: int,
        lexicon: Callable[[], tuple[str, str]] | None = None,
    ) -> None:
        self._workers = workers
        self._lexicon = lexicon
        self._timeout_s = timeout.total_seconds()
        self._memory_bytes = memory_bytes
        self._tasks: _Tasks = SimpleQueue()
        self._children: list[_Child] = []
        self._started = False  # whether a child has read anything yet
        self._waited_s = 0.0  # since the last child was started, with feeds in line
        self._stuck_s = 0.0  # the same, since the last feed was read
        self._closed = False
        self._running: set[_Tasks] = set()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the children at once, and every `parse_all`, from any thread.

        What was not read yet is not yielded.
        """
        self._closed = True
        for child in tuple(self._children):
            child.close()
            self._tasks.put(None)
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

        *answers* is read lazily, in the caller's thread; a few wait to be read. None from it means
        that there is none at the moment: what is finished is yielded meanwhile. With *pulse*, None
        is yielded whenever nothing was finished for that long, so that the caller can do something
        else. Closing the iterator ends what is under way.
        """
        waiting = iter(answers)
        done: _Tasks = SimpleQueue()
        under_way: set[_Task] = set()
        step_s = _STEP_S if pulse is None else pulse.total_seconds()
        self._running.add(done)
        try:
            while not self._closed:
                began = time.monotonic()
                room = len(under_way) < _AHEAD and _bytes(under_way) < _BYTES_AT_ONCE
                taken = list(islice(waiting, 1 if room else 0))
                under_way |= {self._start(*one, done) for one in taken if one is not None}
                asked = bool(taken)
                del taken  # a body that is still named here would keep its memory
                if not (under_way or asked):
                    return
                wait_s = 0 if asked else step_s
                finished = self._finished(done, wait_s, since=began, in_line=len(under_way))
                if finished is not None and finished.outcome is not None:
                    under_way.remove(finished)
                    yield finished.feed, finished.answer, finished.outcome
                elif pulse is not None and not asked:
                    yield None
                del finished
        finally:
            self._running.discard(done)
            for task in under_way:
                task.cancelled = True
            # After a close there is nothing to drop; and this may be the end of the program, when a
            # thread that has stopped for good holds a lock.
            if not self._closed:
                for child in tuple(self._children):
                    child.drop_cancelled()

    def _start(self, feed: FeedToPoll, answer: Answer, done: _Tasks) -> _Task:
        task = _Task(feed, answer, done, place=traces.here())
        self._tasks.put(task)
        if not self._children:
            self._add_child()
        return task

    def _add_child(self) -> None:
        self._waited_s = self._stuck_s = 0.0
        child = _Child(
            self._timeout_s, self._memory_bytes, self._lexicon, is_alone=self._workers == 1
        )
        Thread(target=child.work, args=(self._tasks,), name="parse", daemon=True).start()
        self._children.append(child)
        if self._closed:  # meanwhile, by another thread
            child.close()
            self._tasks.put(None)

    def _finished(self, done: _Tasks, wait_s: float, *, since: float, in_line: int) -> _Task | None:
        """Return the next finished task; None if none is within that time, or all is over.

        *since* is when the caller last was here: what it did until now, such as waiting for a
        server, was time in which nothing was read, if nothing is finished.
        """
        began = time.monotonic()
        try:
            finished = done.get(wait_s > 0, wait_s)
        except Empty:
            finished = None
        if in_line > len(self._children):
            now = time.monotonic()
            self._waited_s += now - began
            self._stuck_s += now - since
        if finished is not None:
            self._stuck_s = 0.0
        if finished is not None and not self._started:
            self._started, self._waited_s = True, 0.0  # until now a child was only starting
        needed = self._waited_s > _HELP_AFTER_S or self._stuck_s > _STUCK_S
        if needed and len(self._children) < self._workers:
            self._add_child()
        return finished


def _bytes(under_way: Iterable[_Task]) -> int:
    return sum(len(task.answer.body) for task in under_way)


def _size(task: _Task) -> int:
    """Return about how many bytes a job takes, rather too many."""
    return len(task.answer.body) + len(task.feed.prints) + 20_000


class _Child:
    """A child process, made when it is needed, and made anew when it was ended."""

    def __init__(
        self,
        timeout_s: float,
        memory_bytes: int,
        lexicon: Callable[[], tuple[str, str]] | None,
        *,
        is_alone: bool,
    ) -> None:
        self._lexicon = lexicon
        self._timeout_s = timeout_s
        self._is_alone = is_alone  # no other child can help
        self._memory_bytes = memory_bytes
        self._process: subprocess.Popen[bytes] | None = None
        self._source: pipes.Source  # what the process tells
        self._left = 0  # feeds until it is replaced
        self._greeted = False  # whether it has started
        self._room = 0  # bytes of a job that surely can be handed over ahead
        self._handed: deque[_Task] = deque()  # what it was given and has not answered, in order
        self._ahead: deque[_Task] = deque()  # what comes after that at which it is
        self._task: _Task | None = None
        self._closed = False
        self._lock = Lock()  # on process, task and closed

    def work(self, tasks: _Tasks) -> None:
        """Read tasks until None comes; run in a thread of its own."""
        while (task := self._next(tasks)) is not None:
            with self._lock:
                self._task = None if task.cancelled else task
            if not task.cancelled:
                with traces.span("parse", task.place, feed=task.feed.key) as span:
                    task.outcome = self._ask(task, tasks)
                    if isinstance(task.outcome, ParseError):
                        span.say(error=str(task.outcome))
                with self._lock:
                    self._task = None
                task.done.put(task)
            del task  # while the next is waited for, others need the memory
        self._replace()

    def close(self) -> None:
        """End the process, and start no other."""
        with self._lock:
            self._closed = True
            self._kill()

    def drop_cancelled(self) -> None:
        """End the process if nobody wants to know any more what it reads."""
        with self._lock:
            if self._task is not None and self._task.cancelled:
                self._kill()

    def _next(self, tasks: _Tasks) -> _Task | None:
        if self._ahead:
            return self._ahead.popleft()
        self._finish()
        return tasks.get()

    def _finish(self, until: _Task | None = None) -> None:
        """Have the process be done with what it was handed, before *until*, and nobody waits for.

        That was given back since, or cancelled: else the next feed would pay for what it does, or
        get its answer.
        """
        while self._process is not None and self._handed and self._handed[0] is not until:
            left = self._handed.popleft()
            try:
                if left.cancelled or not self._source.has_more(self._timeout_s):
                    self._replace()
                else:
                    self._source.receive(self._timeout_s)
                    self._left -= 1
            except Exception:  # noqa: BLE001 - it died, or was closed; nobody wants what it says
                self._replace()

    def _ask(self, task: _Task, tasks: _Tasks) -> Document | ParseError:
        why = "closed before it was read"
        for _ in range(2):  # it may have been killed from outside, at rest or at work
            process = None
            self._finish(task)
            try:
                process = None if task.cancelled else self._ready()
                if process is None:
                    break
                self._hand_over(process, task)
                self._hand_ahead(process, tasks)
                return self._answer(tasks)
            except Exception as error:  # noqa: BLE001 - this thread goes on, whatever it is
                self._replace()
                if process is None:
                    why = f"no process can be started to read it: {error}"
                elif isinstance(error, EOFError | OSError | pickle.UnpicklingError):
                    why = f"the reading process died (exit code {process.returncode})"
                else:
                    why = f"it cannot be read: {type(error).__name__}: {error}"
        return ParseError(one_line(why))

    def _hand_over(self, process: subprocess.Popen[bytes], task: _Task) -> None:
        if task in self._handed:
            return
        pipe = cast("FileIO", process.stdin)
        sink = pipes.Sink(pipe, self._timeout_s)
        if not self._greeted:  # starting is not reading, and takes long on a busy machine
            lexicon = pickle.dumps(self._lexicon and self._lexicon())  # while it starts
            self._source.receive(_START_S)
            os.set_blocking(pipe.fileno(), False)
            sink.write(lexicon)
            self._greeted = True
            pipes.widen(cast("FileIO", process.stdout))
            self._room = pipes.widen(pipe) // 2  # the other half is for what is not taken yet
        answer, feed = task.answer, task.feed
        asked = (feed.page, feed.prints, feed.company, feed.last_ok_at is not None)
        limits = (self._memory_bytes, int(self._timeout_s) + 2)
        told = pickle.dumps((answer.body, answer.content_type, answer.url, *asked, *limits))
        sink.write(told)  # in one piece: each call gives up the interpreter
        self._handed.append(task)

    def _hand_ahead(self, process: subprocess.Popen[bytes], tasks: _Tasks) -> None:
        """Take the next tasks if there are any, and hand over what the pipe surely holds."""
        with suppress(Empty):
            while len(self._ahead) < _HANDED_AHEAD:
                task = tasks.get_nowait()
                if task is None:  # closed
                    tasks.put(None)
                    break
                self._ahead.append(task)
        sizes = accumulate(map(_size, self._ahead))
        for task, size in zip(islice(self._ahead, max(self._left - 1, 0)), sizes, strict=False):
            if size > self._room:
                break
            self._hand_over(process, task)

    def _answer(self, tasks: _Tasks) -> Document | ParseError:
        if len(self._handed) > _MANY and not self._source.has_more(0):
            time.sleep(_NAP_S)
        first_s = self._timeout_s if self._is_alone else min(_STUCK_S, self._timeout_s)
        told = self._source.has_more(first_s)
        if not told and first_s < self._timeout_s:
            while self._ahead:  # others shall not wait for this one
                tasks.put(self._ahead.popleft())
            told = self._source.has_more(self._timeout_s - first_s)
        if not told:
            self._replace()
            return ParseError(f"reading took longer than {self._timeout_s:g} s")
        found = cast("Document | ParseError", self._source.receive(self._timeout_s))
        self._left -= 1
        self._handed.popleft()
        return found

    def _ready(self) -> subprocess.Popen[bytes] | None:
        with self._lock:
            if not self._left:
                self._end()
            if self._closed:
                return None
            if self._process is None:
                self._process = subprocess.Popen(  # noqa: S603 - ourselves
                    [sys.executable, "-S", "-P", "-c", _START, json.dumps(sys.path)],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    bufsize=0,  # in a buffer of Python's, an answer could lie unseen
                    process_group=0,
                )
                self._source = pipes.Source(cast("FileIO", self._process.stdout))
                self._left, self._greeted = _FEEDS_PER_CHILD, False
                self._handed.clear()
            return self._process

    def _replace(self) -> None:
        with self._lock:
            self._end()

    def _kill(self) -> None:
        """End the process; its pipes are for its own thread to close, which may be using them."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def _end(self) -> None:
        self._kill()
        process, self._process, self._left = self._process, None, 0
        if process is not None:
            for pipe in (process.stdin, process.stdout):
                cast("FileIO", pipe).close()
