"""A backtest by as many replicas as there are: split into parts, each a job that can be taken up.

* A part is a range of numbers of articles. How far it is, and what it came to, is stored after each
  page, so a part that was cut off, or whose replica died, goes on there.
* The rules come with it, whatever those of the replica are; only another version of the detection
  itself cannot do it.
"""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Any, Final

from monitor import logs
from monitor.cluster.engine import deferring, prepare
from monitor.cluster.tasks import ARCHIVE
from monitor.detect.canonical import read_canonical
from monitor.errors import MonitorError
from monitor.pipeline import outcome as outcomes
from monitor.pipeline.backtest import backtest
from monitor.store import backtests, jobs, texts
from monitor.store.engine import lock, reading

if TYPE_CHECKING:
    from threading import Event

    from procrastinate import App as Engine
    from sqlalchemy import Connection

    from monitor.app import App
    from monitor.store.backtests import Asked, Part

NAME: Final = "backtest"
PART: Final = 10_000  # articles: a minute or two of one core
_JOBS: Final = 2  # more than one, so that processes of their own do it and polls stay quick

log = logs.get_logger()


def spread(app: App, asked: Asked, *, size: int = PART) -> int:
    """Have the replicas try *asked* on the archive; return the number of the backtest.

    Raises UsageError while another is not done.
    """
    prepare(app.store)
    chosen = texts.Chosen(since=asked.since)
    with reading(app.store) as connection:
        first, last = texts.start(connection, chosen), texts.last(connection, chosen)
    ranges = [(above, min(above + size, last)) for above in range(first, last, size)]
    with app.store.begin() as connection:
        number = backtests.add(connection, asked, ranges, now=app.clock.now())
        _defer(connection, backtests.undone(connection, number))
    return number


def take_up(app: App, number: int) -> None:
    """Put into the queue what of a backtest is not done and nobody is at.

    Raises UsageError if it is not kept.
    """
    prepare(app.store)
    with app.store.begin() as connection:
        lock(connection, NAME)
        backtests.get(connection, number)
        left = backtests.undone(connection, number)
        _defer(connection, [it for it in left if not jobs.has(connection, NAME, {"part": it})])


def _defer(connection: Connection, parts: list[int]) -> None:
    engine = deferring()
    for part in parts:
        defer(engine, connection, {"part": part})


def defer(engine: Engine, connection: Connection, asked: dict[str, Any]) -> None:
    """Put a part into the queue. The caller commits; raises AlreadyEnqueued if it waits there."""
    raw = connection.connection.driver_connection
    name = f"{NAME} {asked['part']}"
    engine.configure_task(NAME, queue=ARCHIVE, queueing_lock=name, connection=raw).defer(**asked)


def work(app: App, stop: Event, asked: dict[str, Any]) -> bool:
    """Do a part; return whether a *stop* cut it off.

    Raises MonitorError where the rules mean something else.
    """
    with reading(app.store) as connection:
        part = backtests.part(connection, asked["part"])
    if part is None or part.reached >= part.upto:
        return False  # it was ended, or another has done it
    reached = _look_through(app, stop, part)
    if reached is not None and reached >= part.upto:
        log.info("part backtested", backtest=part.backtest, upto=part.upto)
    return reached is not None and reached < part.upto


def _look_through(app: App, stop: Event, part: Part) -> int | None:
    """Return the number of the last article looked at; None if another is ahead, or it ended."""
    asked = part.asked
    lexicon = read_canonical(asked.lexicon, asked.fingerprint)
    if lexicon.fingerprint != asked.fingerprint:
        raise MonitorError("this replica is of another version than who asked for the backtest")
    made = outcomes.read(part.outcome, asked.examples)
    reached = part.reached

    def record(upto: int) -> bool:
        plain = made.plain()
        with app.store.begin() as connection:
            return backtests.advance(connection, part.id, was=reached, reached=upto, outcome=plain)

    chosen = texts.Chosen(asked.since, above=reached, upto=part.upto)
    found = backtest(app.store, lexicon, chosen, bound=asked.bound, jobs=_JOBS)
    with closing(found):
        for page in found:
            for compared in page:
                made.take(compared)
            if not record(page[-1].article):
                return None
            reached = page[-1].article
            if stop.is_set():
                return reached
    return part.upto if reached == part.upto or record(part.upto) else None
