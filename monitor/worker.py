"""The service: a tick that asks what is due, and a graceful stop. APScheduler, nothing more.

* The scheduler remembers nothing (memory store) and decides nothing: what is due is in the
  database, so a missed, late or doubled tick does no harm.
* Each step ticks by itself: a slow feed keeps no digest waiting.
* On SIGTERM or SIGINT nothing new is begun, what is under way is finished or handed back, and the
  process ends with exit code 0 within ten seconds.
"""

from __future__ import annotations

import threading
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING

from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler
from sqlalchemy.exc import OperationalError

from monitor import logs
from monitor.model import Way
from monitor.pipeline.group import group_new
from monitor.pipeline.index import fill_beside
from monitor.pipeline.rematch import match_unmatched
from monitor.signals import heeding_signals
from monitor.store import feeds, room, workers
from monitor.store.engine import reading

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from monitor.app import App

TICK_S = 1  # how often each step asks what is due
BEAT_S = 10  # how often a sign of life is written
INDEX_S = 3600  # how often articles are looked for that an older program stored unindexed
BACKUP_S = 60  # how often a backup is looked for that is due
PRUNE_S = 3600  # how often what is kept for a time only is looked through
# A year: a job that runs once removes itself, at which APScheduler fails if a stop comes meanwhile.
ONCE_S = 31_536_000
THREADS = 14  # one for each step, so that none waits for another
GRACE_S = 6  # for a hand-over that is under way at a stop; then its dialogue is cut
FORGET = timedelta(days=7)  # how long the rows of earlier processes are kept

log = logs.get_logger()


def serve(app: App) -> int:
    """Prepare the database and run until SIGTERM or SIGINT; return the exit code.

    Raises ConfigError, StoreError or RenderError if it cannot start.
    """
    stop = threading.Event()
    with heeding_signals(stop):
        app.prepare()
        app.build()
        with _pages(app, stop):
            _serve_until(app, stop)
    return 0


@contextmanager
def _pages(app: App, stop: threading.Event) -> Iterator[None]:
    pages, figures = app.config.web.listen, app.config.metrics.listen
    with ExitStack() as served:
        if pages is not None or figures is not None:
            from monitor.web.server import serving, serving_metrics

            if pages is not None:
                served.enter_context(serving(app, pages, stop))
            if figures is not None:
                served.enter_context(serving_metrics(app, figures, stop))
        yield


def _serve_until(app: App, stop: threading.Event) -> None:
    name = app.worker
    freed = app.take_over()
    with app.store.begin() as connection:
        workers.forget(connection, before=app.clock.now() - FORGET)
        workers.started(connection, name, now=app.clock.now())
    log.info(
        "started",
        worker=name,
        feeds=len(app.config.model_feeds()),
        subscriptions=len(app.subscriptions),
        lexicon=app.fingerprint[:12],
        taken_over=freed,
    )
    scheduler = _scheduler(app, stop)
    scheduler.start()
    stop.wait()
    app.cut_polling()
    cut = threading.Timer(GRACE_S, app.cut_delivery)
    cut.daemon = True
    cut.start()
    scheduler.shutdown(wait=True)
    cut.cancel()
    try:
        with app.store.begin() as connection:
            workers.stopped(connection, name, now=app.clock.now())
    except OperationalError as error:
        # A full disk: it stops all the same, as after a power cut.
        log.warning("stop not written down", worker=name, error=str(error.orig))
    log.info("stopped", worker=name)


def _scheduler(app: App, stop: threading.Event) -> BackgroundScheduler:
    scheduler = BackgroundScheduler(
        executors={"default": ThreadPoolExecutor(THREADS)}, timezone="UTC"
    )
    disk = _Room(app)

    def taking_in(work: Callable[[App, threading.Event], None]) -> Callable[[], None]:
        return lambda: work(app, stop) if disk.there_is() else None

    jobs: dict[str, tuple[Callable[[], None], int]] = {
        "poll": (taking_in(_poll), TICK_S),
        "full_text": (taking_in(_read_pages), TICK_S),
        "alert": (lambda: _alert(app, stop), TICK_S),
        "push": (lambda: _push(app, stop), TICK_S),
        "compose": (lambda: _compose(app, stop), TICK_S),
        "deliver": (lambda: _deliver(app, stop, Way.MAIL), TICK_S),
        "channels": (lambda: _deliver(app, stop, Way.CHANNEL), TICK_S),
        "beat": (lambda: _beat(app), BEAT_S),
        "heartbeat": (lambda: _heartbeat(app, stop), BEAT_S),
        "backup": (lambda: _back_up(app, stop), BACKUP_S),
        "prune": (lambda: _prune(app, stop), PRUNE_S),
        "index": (lambda: _index(app, stop), INDEX_S),
        # Where detection failed before, it fails again until another version runs.
        "unmatched": (lambda: _match_unmatched(app, stop), ONCE_S),
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


class _Room:
    """Whether anything may be taken in; tells when that changes."""

    def __init__(self, app: App) -> None:
        self._app, self._full, self._lock = app, False, threading.Lock()

    def there_is(self) -> bool:
        shortage = room.shortage(self._app.store)
        with self._lock:
            before, self._full = self._full, shortage is not None
        if shortage and not before:
            log.error("disk full", reason=shortage)
        elif before and not shortage:
            log.info("disk has room again")
        return shortage is None


def _poll(app: App, stop: threading.Event) -> None:
    with reading(app.store) as connection:
        due = feeds.any_due(connection, now=app.clock.now())
    if due and not stop.is_set():
        app.poll_step.poll_due(stop)


def _read_pages(app: App, stop: threading.Event) -> None:
    step = app.full_text_step
    if step is not None and not stop.is_set() and step.any_due():
        step.read_due(stop)


def _alert(app: App, stop: threading.Event) -> None:
    if not stop.is_set():
        group_new(app.store)
        app.alert_step.alert_due()


def _push(app: App, stop: threading.Event) -> None:
    step = app.push_step
    if step is not None and not stop.is_set():
        step.work(stop)


def _compose(app: App, stop: threading.Event) -> None:
    if not stop.is_set():
        group_new(app.store)
        app.compose_step.compose_due()


def _deliver(app: App, stop: threading.Event, to: Way) -> None:
    if not stop.is_set():
        app.deliver_due(stop, to)


def _heartbeat(app: App, stop: threading.Event) -> None:
    step = app.heartbeat_step
    if step is not None and not stop.is_set():
        step.call_due()


def _back_up(app: App, stop: threading.Event) -> None:
    step = app.backup_step
    if step is not None and not stop.is_set():
        step.make_due()


def _prune(app: App, stop: threading.Event) -> None:
    if not stop.is_set():
        app.prune(stop)


def _index(app: App, stop: threading.Event) -> None:
    if not stop.is_set():
        fill_beside(app.store, stop)


def _match_unmatched(app: App, stop: threading.Event) -> None:
    if not stop.is_set():
        match_unmatched(app.rematch_step(news_since=app.clock.now()), stop)


def _beat(app: App) -> None:
    with app.store.begin() as connection:
        workers.beat(connection, app.worker, now=app.clock.now())
