"""The steps of the line as whoever runs them calls them: each does what is due now, and returns.

* The embedded mode (`worker.py`) calls them by a tick, the cluster (`cluster/`) as jobs.
* Any may be called at any time, twice, or on two machines at once: what is due is in the database.
* *signed* is whose the claims of a call are: the process's own, or a job's, whose claims are given
  back when it is retaken. What came of a claim that was given back is dropped.
"""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import TYPE_CHECKING

from sqlalchemy.exc import OperationalError

from monitor import logs
from monitor.pipeline.group import group_new
from monitor.pipeline.index import fill_beside
from monitor.pipeline.recount import recount
from monitor.pipeline.rematch import match_unmatched
from monitor.store import claims, deliveries, room
from monitor.store.engine import reading

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import timedelta

    from monitor.app import App
    from monitor.model import Way

log = logs.get_logger()


class Room:
    """Whether anything may be taken in; tells when that changes."""

    def __init__(self, app: App) -> None:
        self._app, self._full, self._lock = app, False, threading.Lock()

    def there_is(self) -> bool:
        """Return whether the disk of the database has room."""
        shortage = room.shortage(self._app.store)
        with self._lock:
            before, self._full = self._full, shortage is not None
        if shortage and not before:
            log.error("disk full", reason=shortage)
        elif before and not shortage:
            log.info("disk has room again")
        return shortage is None


def guarded(step: str, work: Callable[[], None]) -> Callable[[], None]:
    """Return *work* as a tick calls it: a failure is told, and the next tick tries again."""

    def run() -> None:
        try:
            work()
        except OperationalError as error:
            # A full disk or a locked database: it says enough in a line, at every tick it lasts.
            log.error("tick failed", step=step, error=str(error.orig))  # noqa: TRY400
        except Exception:
            # What was claimed comes due again by its lease.
            log.exception("tick failed", step=step)

    return run


def heed_clock(app: App) -> None:
    """Make due again what was put off by a clock that was far ahead and is set right by now."""
    now = app.clock.now()
    with reading(app.store) as connection:
        if not claims.polled_ahead(connection, now=now):
            return
    with app.store.begin() as connection:
        polls = claims.call_back(connection, now=now)
        mails = deliveries.call_back(connection, before=now + claims.AHEAD, now=now)
    if polls or mails:
        log.warning("clock was ahead", feeds=polls, deliveries=mails)


def any_feed_due(app: App) -> bool:
    """Return whether a feed is due."""
    with reading(app.store) as connection:
        return claims.any_due(connection, now=app.clock.now())


def poll(
    app: App, stop: threading.Event, signed: str | None = None, within: timedelta | None = None
) -> None:
    """Poll what is due, and what comes due meanwhile; *within* that time, if others poll too."""
    if stop.is_set() or not any_feed_due(app):
        return
    step = app.poll_step
    if signed is not None:
        step = replace(step, worker=signed, shared=True)
    step.poll_due(stop, within=within)


def read_pages(app: App, stop: threading.Event, signed: str | None = None) -> None:
    """Read the pages of articles that are due."""
    step = app.full_text_step
    if step is not None and not stop.is_set() and step.any_due():
        (step if signed is None else replace(step, worker=signed)).read_due(stop)


def alert(app: App, stop: threading.Event) -> None:
    """Group new hits, and tell at once what is to be told at once."""
    if not stop.is_set():
        group_new(app.store)
        app.alert_step.alert_due()


def push(app: App, stop: threading.Event, signed: str | None = None) -> None:
    """Ask hubs to call, and make the feeds due that they called for."""
    step = app.push_step
    if step is not None and not stop.is_set():
        step.work(stop, signed)


def compose(app: App, stop: threading.Event) -> None:
    """Make the digests of open slots."""
    if not stop.is_set():
        group_new(app.store)
        app.compose_step.compose_due()


def deliver(app: App, stop: threading.Event, to: Way, signed: str | None = None) -> None:
    """Hand over what is due by way of *to*."""
    if not stop.is_set():
        app.deliver_due(stop, to, signed)


def heartbeat(app: App, stop: threading.Event) -> None:
    """Tell the watcher outside of a round that went well."""
    step = app.heartbeat_step
    if step is not None and not stop.is_set():
        step.call_due()


def back_up(app: App, stop: threading.Event) -> None:
    """Copy the database if that is due."""
    step = app.backup_step
    if step is not None and not stop.is_set():
        step.make_due()


def prune(app: App, stop: threading.Event) -> None:
    """Delete what was kept long enough."""
    if not stop.is_set():
        app.prune(stop)


def index(app: App, stop: threading.Event) -> None:
    """Put articles into the search index that an older program stored without it."""
    if not stop.is_set():
        fill_beside(app.store, stop)


def count(app: App, stop: threading.Event) -> None:
    """Set right the counts of feeds where something wrote that does not keep them."""
    if not stop.is_set():
        recount(app.store, stop)


def match_failed(app: App, stop: threading.Event) -> None:
    """Match the articles on which detection failed."""
    if not stop.is_set():
        match_unmatched(app.rematch_step(news_since=app.clock.now()), stop)
