"""The threads of a process that share its work: one heap for all of them, and short turns.

* glibc gives each thread a heap of its own, so that they need not wait for each other. Ours seldom
  allocate at the same moment (one interpreter runs at a time), and what a thread has freed in its
  heap is of no use to the others: a tenth of the memory of a poll.
* A thread that reads or writes SQLite gives up the interpreter at every row, and waits for it as
  long as another's turn is: by default 5 ms, so that a page of 30 rows takes a tenth of a second
  while stories are grouped.
"""

from __future__ import annotations

import ctypes
import sys
from typing import Final

TURN_S: Final = 0.0005  # shorter ones take more time themselves
_ARENA_MAX: Final = -8  # M_ARENA_MAX of mallopt(3)


def share_heap() -> None:
    """Have all threads that start from now on use one heap, where the C library knows how."""
    if sys.platform != "linux":
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:  # musl has one heap anyway
        mallopt(_ARENA_MAX, 1)


def take_short_turns() -> None:
    """Have no thread wait long for another that computes."""
    sys.setswitchinterval(TURN_S)
