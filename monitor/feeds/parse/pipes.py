"""Pipes to and from a child: nobody waits longer than agreed at one, whatever the child does.

A child that is stopped takes nothing, and may stop in the middle of an answer.
"""

from __future__ import annotations

import fcntl
import pickle
import select
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from io import FileIO

_BYTES: Final = 1 << 20  # as much as Linux grants anybody


@dataclass(frozen=True, slots=True)
class Sink:
    """What a child takes from *pipe*, which does not block: something within *timeout_s*."""

    pipe: FileIO
    timeout_s: float

    def write(self, data: bytes | memoryview) -> None:
        """Write all of *data*; raise TimeoutError if nothing is taken for that long."""
        left = memoryview(data)
        while left:
            sent = self.pipe.write(left)
            if sent is not None:
                left = left[sent:]
            elif not _is_ready(self.pipe, select.POLLOUT, self.timeout_s):
                raise TimeoutError


def widen(pipe: FileIO) -> int:
    """Have *pipe* hold more, where it is granted; return how many bytes it holds."""
    with suppress(OSError):  # the user has many wide pipes already
        fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, _BYTES)
    return fcntl.fcntl(pipe, fcntl.F_GETPIPE_SZ)


def has_more(source: FileIO, within_s: float) -> bool:
    """Return whether *source* gives something, or its end, within that time."""
    return _is_ready(source, select.POLLIN, within_s)


def receive(source: FileIO, timeout_s: float) -> object:
    """Return what a child tells: its length in eight bytes, and the pickle of it.

    Raise TimeoutError if nothing more comes for *timeout_s*, EOFError if the child has ended.
    """
    size = int.from_bytes(_exactly(source, 8, timeout_s), "big")
    return pickle.loads(_exactly(source, size, timeout_s))  # noqa: S301 - from our child


def _exactly(source: FileIO, size: int, timeout_s: float) -> memoryview:
    taken = memoryview(bytearray(size))
    at = 0
    while at < size:
        if not has_more(source, timeout_s):
            raise TimeoutError
        more = source.readinto(taken[at:])
        if not more:
            raise EOFError
        at += more
    return taken


def _is_ready(pipe: FileIO, event: int, within_s: float) -> bool:
    poll = select.poll()
    poll.register(pipe, event)
    return bool(poll.poll(max(within_s, 0.0) * 1000))  # below nothing would be for ever
