"""The heap of a process whose threads share its work: one for all of them.

glibc gives each thread a heap of its own, so that they need not wait for each other. Ours seldom
allocate at the same moment (one interpreter runs at a time), and what a thread has freed in its
heap is of no use to the others: a tenth of the memory of a poll.
"""

from __future__ import annotations

import ctypes
import sys
from typing import Final

_ARENA_MAX: Final = -8  # M_ARENA_MAX of mallopt(3)


def share() -> None:
    """Have all threads that start from now on use one heap, where the C library knows how."""
    if sys.platform != "linux":
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:  # musl has one heap anyway
        mallopt(_ARENA_MAX, 1)
