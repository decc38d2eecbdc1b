"""Backtests that are started from a page: one at a time, bounded, with progress, to be cancelled.

* Each is done aside, in a process of its own, which ending it kills.
* The last few outcomes are kept in memory, and gone when the service ends.
"""

from __future__ import annotations

import secrets
from contextlib import closing
from dataclasses import dataclass, field
from enum import StrEnum
from functools import partial
from threading import Lock, Thread
from typing import TYPE_CHECKING, Final

from monitor import logs
from monitor.errors import ProcessDied
from monitor.pipeline.outcome import Outcome
from monitor.web.aside import works
from monitor.web.aside.process import Aside

if TYPE_CHECKING:
    from datetime import datetime

    from monitor.config import Config
    from monitor.store.texts import Chosen

KEPT: Final = 5

log = logs.get_logger()


class State(StrEnum):
    """Where a backtest stands."""

    RUNNING = "running"
    DONE = "done"
    CANCELLED = "cancelled"
    FAILED = "failed"


@dataclass(slots=True)
class Backtest:
    """One backtest: what it is to do, how far it is, and what was found so far."""

    id: str
    who: str
    started: datetime
    total: int
    days: int
    rules: str
    without: str | None = None  # the key of a feed, instead of other rules
    state: State = State.RUNNING
    tally: Outcome = field(default_factory=lambda: Outcome(works.EXAMPLES))
    died: bool = False  # if it failed: its process was killed or took too long
    aside: Aside | None = None

    def end(self) -> None:
        """End it, if it is still under way."""
        if self.state is State.RUNNING:
            self.state = State.CANCELLED
        if self.aside is not None:
            self.aside.close()


class Busy(Exception):
    """Another backtest is under way."""


class Backtests:
    """The backtests of one site."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._kept: dict[str, Backtest] = {}
        self._lock = Lock()
        self._thread: Thread | None = None

    def start(self, new: Backtest, chosen: Chosen) -> None:
        """Begin a backtest; raises Busy if one is under way."""
        with self._lock:
            if any(it.state is State.RUNNING for it in self._kept.values()):
                raise Busy
            if self._thread is not None:
                self._thread.join()  # it has told all, and ends its process
            while len(self._kept) >= KEPT:
                del self._kept[next(iter(self._kept))]
            self._kept[new.id] = new
            new.aside = Aside(self._config)
            args = (new, new.aside, chosen)
            self._thread = Thread(target=_run, args=args, name="backtest", daemon=True)
            self._thread.start()

    def find(self, number: str) -> Backtest | None:
        """Return the backtest of that id, if it is still kept."""
        return self._kept.get(number)

    def all(self) -> list[Backtest]:
        """Return those that are kept, the newest first."""
        return list(self._kept.values())[::-1]

    def close(self) -> None:
        """End what is under way."""
        with self._lock:
            for it in self._kept.values():
                it.end()
            if self._thread is not None:
                self._thread.join()


def _run(new: Backtest, aside: Aside, chosen: Chosen) -> None:
    work = partial(works.backtested, rules=new.rules, without=new.without, chosen=chosen)
    try:
        with closing(aside.do(work)) as told:
            for tally in told:
                new.tally = tally
        new.state = State.DONE
    except Exception as error:
        if new.state is State.CANCELLED:  # which has ended its process
            return
        new.died = isinstance(error, ProcessDied)
        new.state = State.FAILED
        log.exception("backtest failed", who=new.who)
    finally:
        aside.end()


def new_id() -> str:
    """Return an id that nobody can guess."""
    return secrets.token_urlsafe(12)
