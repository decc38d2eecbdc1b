"""Resolve: names to addresses, each look-up in a thread of its own.

* A look-up cannot be cancelled: in a pool of threads, a few names whose servers are silent would
  hold up every other look-up, and the end of the process.
* Who asks for a name that is being looked up waits for the same answer, and what was found is
  remembered for a few seconds.
"""

from __future__ import annotations

import socket
from threading import Thread
from time import monotonic
from typing import TYPE_CHECKING, Final

from monitor.errors import FetchError

if TYPE_CHECKING:
    from collections.abc import Callable

    Found = list[str] | FetchError
    Waiting = Callable[[Found], None]

REMEMBERED_S: Final = 10.0


def look_up(host: str, port: int) -> list[str]:
    """Return the IP addresses of *host*; raise OSError or UnicodeError if there are none."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_ADDRCONFIG)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


class LookUps:
    """Looks names up with *look_up*; *call* has a function called in the thread of who asks.

    All methods are that thread's.
    """

    def __init__(
        self,
        look_up: Callable[[str, int], list[str]],
        call: Callable[[Callable[[], None]], None],
    ) -> None:
        self._look_up, self._call = look_up, call
        self._waiting: dict[tuple[str, int], list[Waiting]] = {}
        self._known: dict[tuple[str, int], tuple[float, Found]] = {}

    def ask(self, host: str, port: int, then: Waiting) -> None:
        """Call *then* with the addresses of *host*, or with why there are none."""
        key = host, port
        known = self._known.get(key)
        if known and monotonic() - known[0] < REMEMBERED_S:
            then(known[1])
        elif key in self._waiting:
            self._waiting[key].append(then)
        else:
            self._waiting[key] = [then]
            Thread(target=self._find, args=key, name="look-up", daemon=True).start()

    def _find(self, host: str, port: int) -> None:
        found: Found
        try:
            found = self._look_up(host, port)
        except (OSError, UnicodeError):
            found = FetchError("name cannot be resolved")
        self._call(lambda: self._tell((host, port), found))

    def _tell(self, key: tuple[str, int], found: Found) -> None:
        self._known[key] = monotonic(), found
        for then in self._waiting.pop(key):
            then(found)
