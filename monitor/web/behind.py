"""What takes longer than a page may: worked out behind the pages, one after another, and kept.

* A page waits PATIENCE for it. If it takes longer, the page shows the outcome of before, and as of
  when, or says that it is being worked out; either way it loads itself again until that is done.
* An outcome is of a mark, such as the newest verdict: while that stays the same, so does it. The
  last KEPT outcomes are in memory, and gone when the service ends.
* At most WAITING are under way or in line: whoever asks for more asks again, and gets in then.
"""

from __future__ import annotations

import sys
import threading
from collections import OrderedDict
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar

from monitor import logs

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterator
    from datetime import datetime

PATIENCE_S: Final = 0.02
KEPT: Final = 32
WAITING: Final = 16
AGAIN_S: Final = 2  # until a page loads itself again
_SWITCH_S: Final = 0.0005  # how long other threads wait for this one, instead of ten times that

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
    work: Callable[[], Any]
    done: threading.Event = field(default_factory=threading.Event)
    outcome: Any = None
    error: Exception | None = None


class Behind:
    """What is worked out for the pages of one site, in a thread of its own."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: OrderedDict[Hashable, _Job] = OrderedDict()
        self._waiting: OrderedDict[Hashable, _Job] = OrderedDict()  # the first is under way
        self._thread: threading.Thread | None = None

    def find(
        self, key: Hashable, mark: Hashable, now: datetime, work: Callable[[], Outcome]
    ) -> Found[Outcome]:
        """Return the outcome of *work* as of *mark*, or what there is; raise what it raised."""
        with self._lock:
            kept = self._kept.get(key)
            if kept is not None and kept.mark == mark:
                self._kept.move_to_end(key)
                return self._found(key, kept, fresh=True)
            job = self._waiting.get(key)
            if job is None and len(self._waiting) < WAITING:
                job = self._waiting[key] = _Job(mark, now, work)
                if self._thread is None:
                    self._thread = threading.Thread(target=self._run, name="behind", daemon=True)
                    self._thread.start()
        if job is not None and job.done.wait(PATIENCE_S):
            with self._lock:
                return self._found(key, job, fresh=job.mark == mark)
        if kept is not None and kept.error is None:
            return Found(kept.outcome, kept.at, fresh=False)
        return Found(None, None, fresh=False)

    def _found(self, key: Hashable, job: _Job, *, fresh: bool) -> Found[Any]:
        if job.error is not None:
            self._kept.pop(key, None)  # whoever asks next has it tried again
            raise job.error
        return Found(job.outcome, job.at, fresh=fresh)

    def _run(self) -> None:
        with _giving_way():
            while True:
                with self._lock:
                    if not self._waiting:
                        self._thread = None
                        return
                    key, job = next(iter(self._waiting.items()))
                try:
                    job.outcome = job.work()
                except Exception as error:
                    log.exception("work behind a page failed")
                    job.error = error
                with self._lock:
                    del self._waiting[key]
                    self._kept[key] = job
                    self._kept.move_to_end(key)
                    while len(self._kept) > KEPT:
                        self._kept.popitem(last=False)
                job.done.set()


@contextmanager
def _giving_way() -> Iterator[None]:
    """Let the threads that answer have their turn at once, while this one calculates."""
    usual = sys.getswitchinterval()
    sys.setswitchinterval(_SWITCH_S)
    try:
        yield
    finally:
        sys.setswitchinterval(usual)
