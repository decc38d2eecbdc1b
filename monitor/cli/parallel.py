"""Work done by several processes, with the answers in the order of the questions.

* Each child has a pipe of its own and one batch at a time, so nothing is shared that a killed
  child could leave locked, and a child whose parent is gone reads the end of its pipe and ends.
* At most a few batches for each child are under way: memory does not grow with the input.
* Children are deaf to Ctrl-C, which a terminal sends to all: the parent ends them.
"""

from __future__ import annotations

import multiprocessing
import signal
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from itertools import islice
from multiprocessing import resource_tracker
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar

from monitor.errors import ProcessDied

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from concurrent.futures import Future
    from multiprocessing.connection import Connection

Asked = TypeVar("Asked")
Told = TypeVar("Told")

_UNDER_WAY: Final = 4  # batches for each child, read ahead so that none has to wait


def in_order(
    prepare: Callable[[], Callable[[Asked], Told]], batches: Iterable[Asked], jobs: int
) -> Iterator[Told]:
    """Yield what *jobs* children make of *batches*, in their order; read them as needed.

    *prepare* is called once in each child and returns what is done with a batch; it, the batches
    and the answers must be fit to pickle. Raises ProcessDied, after the answers to all batches
    before, when a child ends early. Closing the iterator, or Ctrl-C, ends the children at once.
    """
    waiting = iter(batches)
    under_way: deque[Future[Told]] = deque()
    idle: SimpleQueue[_Child[Asked, Told]] = SimpleQueue()
    with ExitStack() as afterwards:
        threads = ThreadPoolExecutor(jobs)
        afterwards.callback(threads.shutdown, cancel_futures=True)
        for _ in range(jobs):
            child = _Child(prepare)
            afterwards.callback(child.end)
            idle.put(child)
        while True:
            room = _UNDER_WAY * jobs - len(under_way)
            under_way += (threads.submit(_ask, idle, batch) for batch in islice(waiting, room))
            if not under_way:
                return
            yield under_way.popleft().result()


def _ask(idle: SimpleQueue[_Child[Asked, Told]], batch: Asked) -> Told:
    child = idle.get()
    try:
        return child.ask(batch)
    finally:
        idle.put(child)


class _Child(Generic[Asked, Told]):
    def __init__(self, prepare: Callable[[], Callable[[Asked], Told]]) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(prepare, theirs), daemon=True)
        resource_tracker.ensure_running()  # first: it unblocks the signal for the calling thread
        # What is blocked stays blocked in the child: no moment is too early for a Ctrl-C.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            self._process.start()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
        theirs.close()

    def ask(self, batch: Asked) -> Told:
        try:
            self._pipe.send(batch)
            told: Told = self._pipe.recv()
        except (EOFError, OSError):
            self._process.join()
            raise ProcessDied(f"a process {_end(self._process.exitcode)}") from None
        return told

    def end(self) -> None:
        self._process.terminate()
        self._process.join()


def _serve(prepare: Callable[[], Callable[[Any], Any]], pipe: Connection) -> None:
    work = prepare()
    while True:
        try:
            batch = pipe.recv()
        except EOFError:
            return
        pipe.send(work(batch))


def _end(exitcode: int | None) -> str:
    if exitcode is not None and exitcode < 0:
        return f"was killed ({signal.Signals(-exitcode).name})"
    return f"ended early (exit code {exitcode})"
