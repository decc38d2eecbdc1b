"""Ticks: each step is called again and again, by a thread of its own, until the stop.

* By time that passes, not by the time of day: a clock that is set makes no tick, and hides none.
* A step that takes longer than its interval is called again once it is over, and what it missed is
  not made up for.
"""

from __future__ import annotations

import time
from contextlib import contextmanager
from threading import Event, Thread
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

# What is called how often, in seconds; none waits for another.
Ticking: TypeAlias = "dict[str, tuple[Callable[[], None], int]]"


@contextmanager
def ticking(jobs: Ticking, stop: Event) -> Iterator[None]:
    """Call each of *jobs* at once and then at its interval; at the end wait until all are over.

    None may raise. Leave the block once *stop* is set.
    """
    threads = [
        Thread(target=_repeat, args=(work, seconds, stop), name=name)
        for name, (work, seconds) in jobs.items()
    ]
    for thread in threads:
        thread.start()
    yield
    for thread in threads:
        thread.join()


def _repeat(work: Callable[[], None], seconds: float, stop: Event) -> None:
    while not stop.is_set():
        due = time.monotonic() + seconds
        work()
        stop.wait(max(0.0, due - time.monotonic()))
