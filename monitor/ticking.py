"""Ticks: each step is called again and again, in a thread of its own, until the stop.

* APScheduler calls, and nothing more: its memory store remembers no call over a stop, and whatever
  a step takes longer than its interval is not made up for.
* It waits for times of day. When the clock is set back, all that it waits for would be as far in
  the future as the clock was ahead; so that is watched for, and everything is called at once.
"""

from __future__ import annotations

import time
from contextlib import contextmanager
from datetime import UTC, datetime
from threading import Event, Thread
from typing import TYPE_CHECKING, Final, TypeAlias

from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

# What is called how often, in seconds; none waits for another.
Ticking: TypeAlias = "Mapping[str, tuple[Callable[[], None], float]]"

LOOK_S: Final = 5.0  # how often the clock is looked at
BACK_S: Final = 1.0  # by which a clock goes back that is set, not only slowed down


@contextmanager
def ticking(jobs: Ticking, stop: Event) -> Iterator[None]:
    """Call each of *jobs* at once and then at its interval; at the end wait until all are over.

    None may raise. Leave the block once *stop* is set.
    """
    scheduler = BackgroundScheduler(
        executors={"default": ThreadPoolExecutor(len(jobs))}, timezone="UTC"
    )
    for name, (work, seconds) in jobs.items():
        scheduler.add_job(
            work,
            "interval",
            seconds=seconds,
            id=name,
            max_instances=1,
            coalesce=True,
            misfire_grace_time=None,
            next_run_time=datetime.now(UTC),
        )
    watcher = Thread(target=_heed_clock, args=(scheduler, stop), name="clock")
    scheduler.start()
    watcher.start()
    yield
    watcher.join()
    scheduler.shutdown(wait=True)


def _heed_clock(scheduler: BackgroundScheduler, stop: Event) -> None:
    ahead = _ahead()
    while not stop.wait(LOOK_S):
        before, ahead = ahead, _ahead()
        if ahead < before - BACK_S:
            for job in scheduler.get_jobs():
                job.modify(next_run_time=datetime.now(UTC))


def _ahead() -> float:
    """Return how many seconds the time of day is ahead of the time that passes."""
    return datetime.now(UTC).timestamp() - time.monotonic()
