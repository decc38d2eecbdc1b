"""The service: a tick that asks what is due, and a graceful stop.

* Embedded, each tick does a step itself; with `cluster` on, it offers it as a job to all replicas.
* A tick remembers nothing and decides nothing: what is due is in the database, so one that is
  missed, late or doubled does no harm.
* Each step ticks by itself: a slow feed keeps no digest waiting.
* On SIGTERM or SIGINT nothing new is begun, what is under way is finished or handed back, and the
  process ends with exit code 0 within ten seconds.
"""

from __future__ import annotations

import threading
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, TypeAlias

from sqlalchemy.exc import OperationalError

from monitor import logs, steps
from monitor.errors import ConfigError, Mistake
from monitor.model import Way
from monitor.signals import heeding_signals
from monitor.store import claims, workers
from monitor.ticking import Ticking, ticking

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from monitor.app import App

Serving: TypeAlias = "Callable[[App, threading.Event], AbstractContextManager[Ticking]]"

TICK_S = 1  # how often each step asks what is due
BEAT_S = 10  # how often a sign of life is written
INDEX_S = 3600  # how often articles are looked for that an older program stored unindexed
BACKUP_S = 60  # how often a backup is looked for that is due
COUNT_S = 86_400  # how often the counts of feeds are held against the tables
PRUNE_S = 3600  # how often what is kept for a time only is looked through
# A year: a job that runs once removes itself, at which APScheduler fails if a stop comes meanwhile.
ONCE_S = 31_536_000
GRACE_S = 6  # for a hand-over that is under way at a stop; then its dialogue is cut
FORGET = timedelta(days=7)  # how long the rows of earlier processes are kept

log = logs.get_logger()


def serve(app: App) -> int:
    """Prepare the database and run until SIGTERM or SIGINT; return the exit code.

    Raises ConfigError, StoreError or RenderError if it cannot start.
    """
    stop = threading.Event()
    serving = _serving(app)
    with heeding_signals(stop):
        app.prepare()
        app.build()
        with _pages(app, stop):
            _serve_until(app, stop, serving)
    return 0


def _serving(app: App) -> Serving:
    if not app.config.cluster:
        return _embedded
    try:
        from monitor.cluster.replica import working
    except ImportError as error:
        needs = f"needs {error.name}: pip install 'regulatory-monitor[cluster]'"
        raise ConfigError(Mistake("", "cluster", needs)) from None
    return working


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


def _serve_until(app: App, stop: threading.Event, serving: Serving) -> None:
    name = app.worker
    freed = app.take_over()
    steps.heed_clock(app)
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
    with serving(app, stop) as jobs, ticking(_guarded(app, jobs), stop):
        stop.wait()
        app.cut_polling()
        cut = threading.Timer(GRACE_S, app.cut_delivery)
        cut.daemon = True
        cut.start()
    cut.cancel()
    try:
        with app.store.begin() as connection:
            workers.stopped(connection, name, now=app.clock.now())
    except OperationalError as error:
        # A full disk: it stops all the same, as after a power cut.
        log.warning("stop not written down", worker=name, error=str(error.orig))
    log.info("stopped", worker=name)


def _guarded(app: App, jobs: Ticking) -> Ticking:
    called = {"beat": (_beats(app), BEAT_S), **jobs}
    return {name: (steps.guarded(name, work), seconds) for name, (work, seconds) in called.items()}


@contextmanager
def _embedded(app: App, stop: threading.Event) -> Iterator[Ticking]:
    """Give each step of the line and how often it is done: this process does them all."""
    disk = steps.Room(app)

    def taking_in(work: Callable[[App, threading.Event], None]) -> Callable[[], None]:
        return lambda: work(app, stop) if disk.there_is() else None

    yield {
        "poll": (taking_in(steps.poll), TICK_S),
        "full_text": (taking_in(steps.read_pages), TICK_S),
        "alert": (lambda: steps.alert(app, stop), TICK_S),
        "push": (lambda: steps.push(app, stop), TICK_S),
        "compose": (lambda: steps.compose(app, stop), TICK_S),
        "deliver": (lambda: steps.deliver(app, stop, Way.MAIL), TICK_S),
        "channels": (lambda: steps.deliver(app, stop, Way.CHANNEL), TICK_S),
        "heartbeat": (lambda: steps.heartbeat(app, stop), BEAT_S),
        "backup": (lambda: steps.back_up(app, stop), BACKUP_S),
        "prune": (lambda: steps.prune(app, stop), PRUNE_S),
        "index": (lambda: steps.index(app, stop), INDEX_S),
        "count": (lambda: steps.count(app, stop), COUNT_S),
        # Where detection failed before, it fails again until another version runs.
        "unmatched": (lambda: steps.match_failed(app, stop), ONCE_S),
    }


def _beats(app: App) -> Callable[[], None]:
    """Return what gives a sign of life, and sees when the clock was set back."""
    last = app.clock.now()

    def beat() -> None:
        nonlocal last
        before, last = last, app.clock.now()
        with app.store.begin() as connection:
            workers.beat(connection, app.worker, now=last)
        if last < before - claims.AHEAD:
            steps.heed_clock(app)

    return beat
