"""The jobs there are: which step each does, in which lane, before what else, offered when.

* Jobs of a lane wait for each other alone: an alert waits for no poll, a poll for no backtest.
  Within a lane the higher priority goes first.
* A job is offered when its step is due, or once for each slot of time by whichever replica is first
  there; that is so for what cannot be asked cheaply, and for what looks at its own clock.
* One that is *alone* is worked off by one replica at a time: two would do the same work twice.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from monitor import steps
from monitor.model import Way
from monitor.store import deliveries, pushes
from monitor.store.engine import reading
from monitor.store.hits import count_ungrouped

if TYPE_CHECKING:
    from collections.abc import Callable
    from threading import Event

    from monitor.app import App

PROMPT, POLLS, CARE, ARCHIVE = "prompt", "polls", "care", "archive"
LANES: Final = {PROMPT: 4, POLLS: 2, CARE: 3, ARCHIVE: 1}  # jobs of each at once, in a replica

# How long a job of polling goes on claiming. Others are begun beside it, so that none is for long,
# and the last feeds of one, which may hang for a minute, keep nobody from polling.
ROUND: Final = timedelta(seconds=20)


@dataclass(frozen=True, slots=True)
class Task:
    """A kind of job: *do* does its step, and is told who signs its claims."""

    name: str
    lane: str
    priority: int
    do: Callable[[App, Event, str], None]
    due: Callable[[App], bool] | None = None
    every_s: int | None = None
    alone: bool = False
    takes_in: bool = False  # articles: not while the disk is full


def _delivery_due(to: Way) -> Callable[[App], bool]:
    def due(app: App) -> bool:
        with reading(app.store) as connection:
            return deliveries.any_due(connection, now=app.clock.now(), to=to)

    return due


def _hit_ungrouped(app: App) -> bool:
    with reading(app.store) as connection:
        return count_ungrouped(connection, limit=1) > 0


def _page_due(app: App) -> bool:
    return app.full_text_step is not None and app.full_text_step.any_due()


def _push_due(app: App) -> bool:
    if app.push_step is None:
        return False
    with reading(app.store) as connection:
        return pushes.anything(connection, now=app.clock.now())


def tasks() -> tuple[Task, ...]:
    """Return all kinds of jobs that steps are, the most urgent first."""
    return (
        Task(
            *("alerts", PROMPT, 90),
            lambda app, stop, _: steps.alert(app, stop),
            due=_hit_ungrouped,
            every_s=10,
            alone=True,
        ),
        Task(
            *("mails", PROMPT, 80),
            lambda app, stop, signed: steps.deliver(app, stop, Way.MAIL, signed),
            due=_delivery_due(Way.MAIL),
        ),
        Task(
            *("channels", PROMPT, 80),
            lambda app, stop, signed: steps.deliver(app, stop, Way.CHANNEL, signed),
            due=_delivery_due(Way.CHANNEL),
            alone=True,  # a channel gets one at a time
        ),
        Task(
            *("digests", PROMPT, 70),
            lambda app, stop, _: steps.compose(app, stop),
            due=lambda app: app.compose_step.any_due(),
            alone=True,
        ),
        Task(
            *("heartbeat", CARE, 60),
            lambda app, stop, _: steps.heartbeat(app, stop),
            every_s=10,
            alone=True,
        ),
        Task(*("hubs", CARE, 50), steps.push, due=_push_due, every_s=30),
        Task(
            *("polls", POLLS, 40),
            lambda app, stop, signed: steps.poll(app, stop, signed, ROUND),
            due=steps.any_feed_due,
            takes_in=True,
        ),
        Task(*("pages", CARE, 30), steps.read_pages, due=_page_due, takes_in=True),
        Task(
            *("backup", CARE, 20),
            lambda app, stop, _: steps.back_up(app, stop),
            every_s=60,
            alone=True,
        ),
        Task(
            *("prune", CARE, 10),
            lambda app, stop, _: steps.prune(app, stop),
            every_s=3600,
            alone=True,
        ),
        Task(
            *("index", CARE, 10),
            lambda app, stop, _: steps.index(app, stop),
            every_s=3600,
            alone=True,
        ),
        Task(
            *("count", CARE, 10),
            lambda app, stop, _: steps.count(app, stop),
            every_s=86_400,
            alone=True,
        ),
        Task(
            *("unmatched", CARE, 10),
            lambda app, stop, _: steps.match_failed(app, stop),
            every_s=86_400,
            alone=True,
        ),
    )
