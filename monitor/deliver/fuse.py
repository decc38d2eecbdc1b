"""A fuse: ends a network dialogue from outside, at its deadline or when told to.

* A socket's timeout holds for one read, so a server that sends a byte now and then is never
  too late. A fuse knows one deadline and shuts the connection, which ends any read or write.
* It shuts a second handle on the connection: the dialogue's own may be wrapped in TLS by then,
  and belongs to another thread.
* Looking up a name cannot be shut; it is left behind in a thread of its own, which does nothing
  but answer a question nobody waits for any more.
"""

from __future__ import annotations

import socket
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import suppress
from threading import Lock, Thread, Timer
from time import monotonic
from typing import TYPE_CHECKING, Any, Final, Self

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import timedelta

AFTER_S: Final = 5.0  # by which a read may outlast its fuse, which is to end it and say why


class Fuse:
    """Use with `with`; *timeout* runs from there. *reason* says why it blew, once it has."""

    def __init__(self, timeout: timedelta) -> None:
        self._seconds = timeout.total_seconds()
        self._deadline = monotonic() + self._seconds
        self._timer = Timer(self._seconds, self.blow, (f"no end within {self._seconds:g} s",))
        self._timer.daemon = True
        self._lock = Lock()
        self._handle: socket.socket | None = None
        self.reason: str | None = None
        self.blown: Future[None] = Future()

    def __enter__(self) -> Self:
        self._deadline = monotonic() + self._seconds
        self._timer.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()
        with self._lock:
            self._let_go()

    def left(self) -> float:
        """Return the seconds left, a little more than none even when there are none."""
        return max(self._deadline - monotonic(), 0.001)

    def hold(self, connection: socket.socket) -> None:
        """Guard *connection*, instead of the one before; raise OSError if the fuse has blown."""
        with self._lock:
            self._let_go()
            if self.reason is not None:
                raise OSError(self.reason)
            # Not `connection.dup`, which a socket wrapped in TLS does not have.
            self._handle = socket.socket(fileno=socket.dup(connection.fileno()))

    def blow(self, reason: str) -> None:
        """Shut the connection, from any thread; only the first *reason* counts."""
        with self._lock:
            if self.reason is not None:
                return
            self.reason = reason
            self.blown.set_result(None)
            if self._handle is not None:
                with suppress(OSError):  # it is not connected yet, or no longer
                    self._handle.shutdown(socket.SHUT_RDWR)

    def _let_go(self) -> None:
        if self._handle is not None:
            self._handle.close()
            self._handle = None


def connect(
    host: str, port: int, fuse: Fuse, judge: Callable[[str], None] | None = None
) -> socket.socket:
    """Return a connection to *host*, trying its addresses in order; raise OSError if none works.

    The connection is held by *fuse*, and what time is left is shared among the addresses. *judge*
    is asked of each literal address before it is connected to, and raises if it must not be.
    """
    answers = _look_up(host, port, fuse)
    failed: OSError = OSError(f"{host} has no address")
    for tried, (family, kind, protocol, _, address) in enumerate(answers):
        if judge is not None:
            judge(str(address[0]))
        connection = socket.socket(family, kind, protocol)
        try:
            fuse.hold(connection)
            connection.settimeout(fuse.left() / (len(answers) - tried))
            connection.connect(address)
            connection.settimeout(fuse.left() + AFTER_S)
        except OSError as error:
            connection.close()
            failed = error
        else:
            return connection
    raise failed


def _look_up(host: str, port: int, fuse: Fuse) -> list[Any]:
    answer: Future[list[Any]] = Future()

    def ask() -> None:
        try:
            answer.set_result(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
        except Exception as error:  # noqa: BLE001 - whatever it is, the one who waits must hear it
            answer.set_exception(error)

    Thread(target=ask, name=f"look up {host}", daemon=True).start()
    either: set[Future[Any]] = {answer, fuse.blown}
    wait(either, timeout=fuse.left(), return_when=FIRST_COMPLETED)
    if not answer.done():
        raise TimeoutError(f"{host} was not found in time")
    return answer.result()
