"""What takes longer than a page may: worked out behind the pages, one after another, and kept.

* It is done aside, in a process of its own, which stays for LINGER_S after the last.
* A page waits PATIENCE for it. If it takes longer, the page shows the outcome of before, and as of
  when, or says that it is being worked out; either way it loads itself again until that is done.
* An outcome is of a mark, such as the newest verdict: while that stays the same, so does it. The
  last KEPT outcomes are in memory, and gone when the service ends.
* At most WAITING are under way or in line: whoever asks for more asks again, and gets in then.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from contextlib import closing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar

from monitor import logs
from monitor.errors import ProcessDied
from monitor.web.aside.process import Aside

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable
    from datetime import datetime

    from monitor.app import App
    from monitor.config import Config

PATIENCE_S: Final = 0.02
KEPT: Final = 32
WAITING: Final = 16
AGAIN_S: Final = 2  # until a page loads itself again
LINGER_S: Final = 60.0

Outcome = TypeVar("Outcome")
log = logs.get_logger()


@dataclass(frozen=True, slots=True)
class Found(Generic[Outcome]):
    """What there is: an outcome as of *at*, or None yet; *fresh* if no newer one is on its way."""

    outcome: Outcome | None
    at: datetime | None
    fresh: bool


@dataclass(slots=True)
class _Job:
    mark: Hashable
    at: datetime
    work: Callable[[App], Any]
    done: threading.Event = field(default_factory=threading.Event)
    outcome: Any = None
    error: Exception | None = None


class Behind:
    """What is worked out for the pages of one site, handed over by a thread of its own."""

    def __init__(self, config: Config) -> None:
        self._aside = Aside(config)
        self._lock = threading.Lock()
        self._more = threading.Condition(self._lock)
        self._kept: OrderedDict[Hashable, _Job] = OrderedDict()
        self._waiting: OrderedDict[Hashable, _Job] = OrderedDict()  # the first is under way
        self._thread: threading.Thread | None = None
        self._closed = False

    def find(
        self, key: Hashable, mark: Hashable, now: datetime, work: Callable[[App], Outcome]
    ) -> Found[Outcome]:
        """Return the outcome of *work* as of *mark*, or what there is; raise what it raised.

        *work* and its outcome must be fit to pickle. ProcessDied is raised if the process was
        killed at it.
        """
        with self._lock:
            kept = self._kept.get(key)
            if kept is not None and kept.mark == mark:
                self._kept.move_to_end(key)
                return self._found(key, kept, fresh=True)
            job = self._waiting.get(key)
            if job is None and len(self._waiting) < WAITING and not self._closed:
                job = self._waiting[key] = _Job(mark, now, work)
                self._more.notify()
                if self._thread is None:
                    self._thread = threading.Thread(target=self._run, name="behind", daemon=True)
                    self._thread.start()
        if job is not None and job.done.wait(PATIENCE_S):
            with self._lock:
                return self._found(key, job, fresh=job.mark == mark)
        if kept is not None and kept.error is None:
            return Found(kept.outcome, kept.at, fresh=False)
        return Found(None, None, fresh=False)

    def close(self) -> None:
        """End what is under way, and begin nothing more."""
        with self._lock:
            self._closed = True
            self._waiting.clear()
            self._more.notify()
            thread = self._thread
        self._aside.close()
        if thread is not None:
            thread.join()

    def _found(self, key: Hashable, job: _Job, *, fresh: bool) -> Found[Any]:
        if job.error is not None:
            self._kept.pop(key, None)  # whoever asks next has it tried again
            raise job.error
        return Found(job.outcome, job.at, fresh=fresh)

    def _run(self) -> None:
        while True:
            with self._lock:
                self._more.wait_for(lambda: self._waiting or self._closed, LINGER_S)
                if not self._waiting:
                    self._aside.end()
                    self._thread = None
                    return
                key, job = next(iter(self._waiting.items()))
            self._do(job)
            with self._lock:
                self._waiting.pop(key, None)
                self._kept[key] = job
                self._kept.move_to_end(key)
                while len(self._kept) > KEPT:
                    self._kept.popitem(last=False)
            job.done.set()

    def _do(self, job: _Job) -> None:
        try:
            with closing(self._aside.do(job.work)) as told:
                (job.outcome,) = told
        except Exception as error:  # noqa: BLE001 - told to whoever asked; that process logs it
            job.error = error
        if isinstance(job.error, ProcessDied) and not self._closed:
            log.error("work behind a page failed", error=str(job.error))
