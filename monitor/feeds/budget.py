"""Budget: the memory that all bodies together may take.

* A body counts from its first byte until whoever asked for it lets go of its answer.
* A reader that finds the budget spent waits. One reader at a time may go beyond it, up to the cap
  of its own body, since readers that all wait for each other would wait for ever.
* Nobody has to wait longer than PATIENCE_S: a body that is never let go of ends nothing.
* The bytes are taken in the thread that reads, and given back from any thread, which then tells
  all that asked to be told.
"""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

PATIENCE_S: Final = 30.0  # then a reader goes on all the same: late is better than never


class Budget:
    """*total_bytes* for all bodies together, and one more body."""

    def __init__(self, total_bytes: int) -> None:
        self._total = total_bytes
        self._used = 0
        self._overdrawn: Account | None = None
        self._lock = Lock()
        self._told: list[Callable[[], None]] = []

    @property
    def used_bytes(self) -> int:
        """Return how much is taken at the moment."""
        return self._used

    def tell(self, there_is_room: Callable[[], None]) -> None:
        """Have *there_is_room* called, in any thread, whenever something was given back."""
        with self._lock:
            self._told.append(there_is_room)

    def tell_no_more(self, there_is_room: Callable[[], None]) -> None:
        """Have it called no more; a call that is under way in another thread may still end."""
        with self._lock:
            self._told.remove(there_is_room)

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

    def _give_back(self, account: Account) -> None:
        with self._lock:
            self._used -= account.taken
            account.taken = 0
            if self._overdrawn is account:
                self._overdrawn = None
            told = tuple(self._told)
        for there_is_room in told:
            there_is_room()


class Account:
    """What one body has taken."""

    def __init__(self, budget: Budget) -> None:
        self._budget = budget
        self.taken = 0

    def take(self, number: int, *, force: bool = False) -> bool:
        """Take *number* bytes if they are to be had, or by *force*; return whether they were."""
        return self._budget._try(self, number, force=force)  # noqa: SLF001 - two halves of one thing

    def close(self) -> None:
        """Give everything back; from any thread, once or more often."""
        self._budget._give_back(self)  # noqa: SLF001 - see above
