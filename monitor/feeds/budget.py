"""Budget: the memory that all bodies together may take.

* A body counts from its first byte until whoever asked for it lets go of its answer.
* A reader that finds the budget spent waits. One reader at a time may go beyond it, up to the cap
  of its own body, since readers that all wait for each other would wait for ever.
* Nobody waits longer than half a minute at a time: a body that is never let go of ends nothing.
* The bytes are taken in the loop that reads, and given back from any thread.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from threading import Lock
from typing import Final

_LOOK_AGAIN_S: Final = 0.5  # should a wake-up be lost with the loop it was meant for
_PATIENCE_S: Final = 30.0  # then a reader goes on all the same: late is better than never


class Budget:
    """*total_bytes* for all bodies together, and one more body."""

    def __init__(self, total_bytes: int) -> None:
        self._total = total_bytes
        self._used = 0
        self._overdrawn: Account | None = None
        self._lock = Lock()
        self._waiting: set[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = set()

    @property
    def used_bytes(self) -> int:
        """Return how much is taken at the moment."""
        return self._used

    def open(self) -> Account:
        """Return an account for one body."""
        return Account(self)

    def _try(self, account: Account, number: int, *, force: bool = False) -> bool:
        with self._lock:
            if self._used + number > self._total and not force:
                if self._overdrawn not in {None, account}:
                    return False
                self._overdrawn = account
            self._used += number
            account.taken += number
            return True

    async def _wait(self) -> None:
        mine = (asyncio.get_running_loop(), asyncio.Event())
        with self._lock:
            self._waiting.add(mine)
        try:
            with suppress(TimeoutError):
                await asyncio.wait_for(mine[1].wait(), _LOOK_AGAIN_S)
        finally:
            with self._lock:
                self._waiting.discard(mine)

    def _give_back(self, account: Account) -> None:
        with self._lock:
            self._used -= account.taken
            account.taken = 0
            if self._overdrawn is account:
                self._overdrawn = None
            waiting = tuple(self._waiting)
        for loop, event in waiting:
            with suppress(RuntimeError):  # that loop has ended meanwhile
                loop.call_soon_threadsafe(event.set)


class Account:
    """What one body has taken."""

    def __init__(self, budget: Budget) -> None:
        self._budget = budget
        self.taken = 0

    def take(self, number: int) -> bool:
        """Take *number* bytes if they are to be had; return whether they were."""
        return self._budget._try(self, number)  # noqa: SLF001 - two halves of one thing

    async def wait_for(self, number: int) -> None:
        """Take *number* bytes as soon as they are to be had."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        while not self._budget._try(self, number, force=loop.time() - began > _PATIENCE_S):  # noqa: SLF001 - see above
            await self._budget._wait()  # noqa: SLF001 - see above

    def close(self) -> None:
        """Give everything back; from any thread, once or more often."""
        self._budget._give_back(self)  # noqa: SLF001 - see above
