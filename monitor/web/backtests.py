"""Backtests that are started from a page: one at a time, bounded, with progress, to be cancelled.

* Articles are read in a thread and matched in a process of its own, so that pages stay quick.
* The last few outcomes are kept in memory, and gone when the service ends.
"""

from __future__ import annotations

import secrets
from collections import Counter, deque
from contextlib import closing
from dataclasses import dataclass, field
from enum import StrEnum
from threading import Event, Lock, Thread
from typing import TYPE_CHECKING, Final

from monitor import logs
from monitor.pipeline.backtest import Kind, backtest, without_feed

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy import Engine

    from monitor.detect.lexicon import Lexicon
    from monitor.pipeline.backtest import Change, Compared
    from monitor.store.texts import Chosen

EXAMPLES: Final = 10  # of each kind, the newest
KEPT: Final = 5
FIGURES: Final = (*Kind, "unchanged")
_JOBS: Final = 2  # more than one, so that a process of its own does it

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
    done: int = 0
    failed: int = 0
    by: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    examples: dict[str, deque[Change]] = field(
        default_factory=lambda: {kind: deque(maxlen=EXAMPLES) for kind in Kind}
    )
    stop: Event = field(default_factory=Event)

    def take(self, page: list[Compared]) -> None:
        """Count what came of a page of articles."""
        for compared in page:
            self.failed += compared.failed
            self.by.update((*pair, "unchanged") for pair in compared.unchanged)
            for change in compared.changes:
                self.by[change.company, change.topic, change.kind] += 1
                self.examples[change.kind].append(change)
        self.done += len(page)

    def sum(self, figure: str) -> int:
        """Return one of FIGURES over all companies and topics."""
        return sum(number for key, number in list(self.by.items()) if key[2] == figure)

    def pairs(self) -> list[tuple[str, str]]:
        """Return the companies and topics that have figures, in order of the alphabet."""
        return sorted({key[:2] for key in list(self.by)})


class Busy(Exception):
    """Another backtest is under way."""


class Backtests:
    """The backtests of one site."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._kept: dict[str, Backtest] = {}
        self._lock = Lock()
        self._thread: Thread | None = None

    def start(self, new: Backtest, lexicon: Lexicon, chosen: Chosen) -> None:
        """Begin a backtest; raises Busy if one is under way."""
        with self._lock:
            if self._thread is not None and self._thread.is_alive():
                raise Busy
            while len(self._kept) >= KEPT:
                del self._kept[next(iter(self._kept))]
            self._kept[new.id] = new
            work = (new, lexicon, chosen)
            self._thread = Thread(target=self._run, args=work, name="backtest", daemon=True)
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
                it.stop.set()
            if self._thread is not None:
                self._thread.join()

    def _run(self, new: Backtest, lexicon: Lexicon, chosen: Chosen) -> None:
        try:
            if new.without is None:
                made = backtest(self._engine, lexicon, chosen, bound={}, jobs=_JOBS)
            else:
                made = without_feed(self._engine, new.without, chosen)
            with closing(made) as found:
                for page in found:
                    new.take(page)
                    if new.stop.is_set():
                        new.state = State.CANCELLED
                        return
            new.state = State.DONE
        except Exception:
            new.state = State.FAILED
            log.exception("backtest failed", who=new.who)


def new_id() -> str:
    """Return an id that nobody can guess."""
    return secrets.token_urlsafe(12)
