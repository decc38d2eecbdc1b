"""The service: a tick that asks what is due, and a graceful stop. APScheduler, nothing more.

* The scheduler remembers nothing (memory store) and decides nothing: what is due is in the
  database, so a missed, late or doubled tick does no harm.
* Each step ticks by itself: a slow feed keeps no digest waiting.
* On SIGTERM or SIGINT nothing new is begun, what is under way is finished or handed back, and the
  process ends with exit code 0 within ten seconds.
"""

from __future__ import annotations

import os
import signal
import threading
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING

import structlog
from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler
from sqlalchemy.exc import OperationalError

from monitor.pipeline.deliver import deliver_due
from monitor.pipeline.group import group_new
from monitor.store import feeds, workers
from monitor.store.engine import reading

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType

    from monitor.app import App

TICK_S = 1  # how often each step asks what is due
BEAT_S = 10  # how often a sign of life is written
GRACE_S = 6  # for a hand-over that is under way at a stop; then its dialogue is cut
LAST_S = 8.5  # after a stop, when something still holds us up: a database another process locked
FORGET = timedelta(days=7)  # how long the rows of earlier processes are kept

log = structlog.get_logger()


def serve(app: App) -> int:
    """Prepare the database and run until SIGTERM or SIGINT; return the exit code.

    Raises ConfigError, StoreError or RenderError if it cannot start.
    """
    stop = threading.Event()

    def on_signal(number: int, _frame: FrameType | None) -> None:
        log.info("stopping", signal=signal.Signals(number).name)
        stop.set()

    before = {
        number: signal.signal(number, on_signal) for number in (signal.SIGTERM, signal.SIGINT)
    }
    try:
        app.prepare()
        app.build()
        _serve_until(app, stop)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    return 0


def _serve_until(app: App, stop: threading.Event) -> None:
    name = app.worker
    freed = app.take_over()
    with app.sessions.begin() as session:
        workers.forget(session, before=app.clock.now() - FORGET)
        workers.started(session, name, now=app.clock.now())
    log.info(
        "started",
        worker=name,
        feeds=len(app.config.model_feeds()),
        subscriptions=len(app.subscriptions),
        lexicon=app.lexicon.fingerprint[:12],
        taken_over=freed,
    )
    scheduler = _scheduler(app, stop)
    scheduler.start()
    stop.wait()
    with _after(LAST_S, _leave):
        app.cut_polling()
        with _after(GRACE_S, app.cut_delivery):
            scheduler.shutdown(wait=True)
        with app.sessions.begin() as session:
            workers.stopped(session, name, now=app.clock.now())
    log.info("stopped", worker=name)


@contextmanager
def _after(seconds: float, act: Callable[[], None]) -> Iterator[None]:
    """Do *act* if what is inside takes longer than *seconds*."""
    timer = threading.Timer(seconds, act)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _leave() -> None:
    """End the process as it is. What it had claimed is taken over, as after a power cut."""
    log.warning("stop cut short", after_s=LAST_S)
    os._exit(0)


def _scheduler(app: App, stop: threading.Event) -> BackgroundScheduler:
    scheduler = BackgroundScheduler(executors={"default": ThreadPoolExecutor(4)}, timezone="UTC")
    jobs: dict[str, tuple[Callable[[], None], int]] = {
        "poll": (lambda: _poll(app, stop), TICK_S),
        "compose": (lambda: _compose(app, stop), TICK_S),
        "deliver": (lambda: _deliver(app, stop), TICK_S),
        "beat": (lambda: _beat(app), BEAT_S),
    }
    for step, (work, seconds) in jobs.items():
        scheduler.add_job(
            _guarded(step, work),
            "interval",
            seconds=seconds,
            id=step,
            max_instances=1,
            coalesce=True,
            misfire_grace_time=None,
            next_run_time=app.clock.now(),
        )
    return scheduler


def _guarded(step: str, work: Callable[[], None]) -> Callable[[], None]:
    def run() -> None:
        try:
            work()
        except OperationalError as error:
            # A full disk or a locked database: it says enough in a line, at every tick it lasts.
            log.error("tick failed", step=step, error=str(error.orig))  # noqa: TRY400
        except Exception:
            # The next tick tries again; what was claimed comes due again by its lease.
            log.exception("tick failed", step=step)

    return run


def _poll(app: App, stop: threading.Event) -> None:
    with reading(app.sessions) as session:
        due = feeds.any_due(session, now=app.clock.now())
    if due and not stop.is_set():
        app.poll_step.poll_due(stop)


def _compose(app: App, stop: threading.Event) -> None:
    if not stop.is_set():
        group_new(app.sessions)
        app.compose_step.compose_due()


def _deliver(app: App, stop: threading.Event) -> None:
    if not stop.is_set():
        lease = app.delivery_lease
        deliver_due(app.sessions, app.mailer, app.clock, stop, worker=app.worker, lease=lease)


def _beat(app: App) -> None:
    with app.sessions.begin() as session:
        workers.beat(session, app.worker, now=app.clock.now())
