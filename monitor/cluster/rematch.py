"""A rematch by as many replicas as there are: split into parts, each a job that can be taken up.

* A part is a range of numbers of articles. What is matched is marked on the article, so that a part
  that is done again, or was cut off by a stop, goes on where it ended.
* The rules are those the job was asked for with; a replica that has others does not do it.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from procrastinate.exceptions import AlreadyEnqueued

from monitor import logs
from monitor.cluster.engine import deferring, prepare
from monitor.cluster.tasks import ARCHIVE
from monitor.errors import MonitorError, UsageError
from monitor.store import texts
from monitor.store.engine import reading

if TYPE_CHECKING:
    from threading import Event

    from procrastinate import App as Engine
    from sqlalchemy import Connection

    from monitor.app import App

NAME: Final = "rematch"
PART: Final = 10_000  # articles: a minute or two of one core
_JOBS: Final = 2  # more than one, so that processes of their own do it and polls stay quick

log = logs.get_logger()


@dataclass(frozen=True, slots=True)
class Part:
    """Articles above a number and up to one; unless *all*, only those matched with other rules.

    *news_since* and *since*, when articles were first seen, are ISO 8601.
    """

    fingerprint: str
    news_since: str
    above: int
    upto: int
    all: bool = False
    since: str | None = None

    def chosen(self) -> texts.Chosen:
        """Return which articles these are."""
        not_with = None if self.all else self.fingerprint
        since = datetime.fromisoformat(self.since) if self.since else None
        return texts.Chosen(since, not_with, above=self.above, upto=self.upto)


def spread(app: App, chosen: texts.Chosen, *, news_since: datetime, size: int = PART) -> list[Part]:
    """Have the replicas match the chosen articles again; return the parts.

    Raises UsageError if they are still at it.
    """
    prepare(app.store)
    with reading(app.store) as connection:
        first, last = texts.start(connection, chosen), texts.last(connection, chosen)
    again = chosen.not_with is None
    instants = news_since.isoformat(), chosen.since.isoformat() if chosen.since else None
    parts = [
        Part(app.fingerprint, instants[0], above, min(above + size, last), again, instants[1])
        for above in range(first, last, size)
    ]
    engine = deferring()
    try:
        with app.store.begin() as connection:
            for part in parts:
                defer(engine, connection, asdict(part))
    except AlreadyEnqueued:
        raise UsageError("a rematch waits already: see `monitor jobs`") from None
    return parts


def defer(engine: Engine, connection: Connection, asked: dict[str, Any]) -> None:
    """Put a part into the queue. The caller commits; raises AlreadyEnqueued if it waits there."""
    raw = connection.connection.driver_connection
    lock = f"{NAME} {asked['above']}"
    engine.configure_task(NAME, queue=ARCHIVE, queueing_lock=lock, connection=raw).defer(**asked)


def work(app: App, stop: Event, asked: dict[str, Any]) -> bool:
    """Do a part; return whether a *stop* cut it off. Raises MonitorError where the rules differ."""
    part = Part(**asked)
    if part.fingerprint != app.fingerprint:
        raise MonitorError(f"asked for with other rules ({part.fingerprint[:12]}) than run here")
    step = app.rematch_step(news_since=datetime.fromisoformat(part.news_since), jobs=_JOBS)
    articles = hits = 0
    for page in step.rematch(part.chosen()):
        articles, hits = articles + page.articles, hits + page.found
        if stop.is_set():
            return True
    log.info("part rematched", above=part.above, upto=part.upto, articles=articles, hits=hits)
    return False
