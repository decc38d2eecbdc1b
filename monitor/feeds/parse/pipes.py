"""Pipes to and from a child: nobody waits longer than agreed at one, whatever the child does.

A child that is stopped takes nothing, and may stop in the middle of an answer.
"""

from __future__ import annotations

import fcntl
import os
import pickle
import select
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from io import FileIO

_BYTES: Final = 1 << 20  # as much as Linux grants anybody
_LENGTH: Final = 8  # bytes that say how long an answer is
_AT_ONCE: Final = 1 << 16  # bytes that are asked for, if no more are missing


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


class Source:
    """What a child tells over *pipe*, which no longer blocks: answers, each behind its length.

    All that is there is taken at once. Each call for less gives up the interpreter, and whoever
    reads then waits until others let it go on.
    """

    def __init__(self, pipe: FileIO) -> None:
        os.set_blocking(pipe.fileno(), False)
        self._pipe = pipe
        self._taken = bytearray()  # the beginning of the next answer, or all of it

    def has_more(self, within_s: float) -> bool:
        """Return whether something comes, or the end, within that time."""
        return bool(self._taken) or _is_ready(self._pipe, select.POLLIN, within_s)

    def receive(self, timeout_s: float) -> object:
        """Return the next answer: its length stands in eight bytes before the pickle of it.

        Raise TimeoutError if nothing more comes for *timeout_s*, EOFError if the child has ended.
        """
        end = self._take(_LENGTH, timeout_s)
        end += int.from_bytes(self._taken[:_LENGTH], "big")
        self._take(end, timeout_s)
        told = self._taken[_LENGTH:end]
        del self._taken[:end]
        return pickle.loads(told)  # noqa: S301 - from our child

    def _take(self, size: int, timeout_s: float) -> int:
        """Take at least *size* bytes, and more if they are there; return *size*."""
        while (missing := size - len(self._taken)) > 0:
            more = self._pipe.read(min(max(missing, _AT_ONCE), _BYTES))
            if more:
                self._taken += more
            elif more is not None:
                raise EOFError
            elif not _is_ready(self._pipe, select.POLLIN, timeout_s):
                raise TimeoutError
        return size


def _is_ready(pipe: FileIO, event: int, within_s: float) -> bool:
    poll = select.poll()
    poll.register(pipe, event)
    return bool(poll.poll(max(within_s, 0.0) * 1000))  # below nothing would be for ever
