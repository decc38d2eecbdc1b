"""Recount: the counts of feeds held against the tables, and set right where they differ.

They differ where a program of a former version wrote beside this one, or somebody by hand. A feed
is set right in a transaction of its own, so that nobody waits long.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from monitor import logs
from monitor.store import recounts
from monitor.store.engine import reading

if TYPE_CHECKING:
    from threading import Event

    from sqlalchemy import Engine

    from monitor.store.recounts import Wrong

log = logs.get_logger()


def recount(engine: Engine, stop: Event | None = None) -> list[Wrong]:
    """Set the counts of feeds right; return what was wrong.

    A *stop* ends it between two feeds; the next run does the rest.
    """
    with reading(engine) as connection:
        wrong = recounts.wrong(connection)
    done = 0
    for feed in dict.fromkeys(it.feed_id for it in wrong):
        if stop is not None and stop.is_set():
            break
        with engine.begin() as connection:
            recounts.set_right(connection, feed)
        done += 1
    if done:
        log.warning("counts set right", feeds=done)
    return wrong
