"""Index: put articles into the search index that were stored without it.

* New articles are indexed as they are stored; this is for those from before an upgrade.
* A page in a transaction, so that nobody waits; a run that was killed is taken up where it ended.
"""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING, Final

from monitor import logs
from monitor.store import index

if TYPE_CHECKING:
    from collections.abc import Iterator
    from threading import Event

    from sqlalchemy import Engine

PAGE: Final = 500
_TOLD: Final = 50_000  # articles between two lines of the log

log = logs.get_logger()


def fill(engine: Engine, *, page: int = PAGE) -> Iterator[int]:
    """Index the articles that are missing; yield the number of each page once it is recorded."""
    while True:
        with engine.begin() as connection:
            done = index.fill(connection, limit=page)
        if not done:
            return
        yield done


def fill_beside(engine: Engine, stop: Event, *, page: int = PAGE) -> int:
    """Index what is missing beside other work, half of the time; return how many articles.

    Ends early, with a whole page, when *stop* is set.
    """
    total = 0
    began = monotonic()
    for done in fill(engine, page=page):
        total += done
        if total % _TOLD < done:
            log.info("search index is being filled", articles=total)
        if stop.wait(monotonic() - began):
            break
        began = monotonic()
    if total:
        log.info("search index filled", articles=total)
    return total
