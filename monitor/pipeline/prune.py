"""Prune: delete what is kept for a time only, a batch in a transaction, so that nobody waits.

After each batch it rests as long as the batch took, so that beside a running service others write
half of the time.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final

from monitor import logs
from monitor.store import backtests, near_misses, retention

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime, timedelta
    from threading import Event

    from sqlalchemy import Connection, Engine

BATCH: Final = 500
POLLS, NEAR_MISSES = "polls", "near-misses"
TEXTS, FULL_TEXTS = "texts of articles", "texts of pages"
DIGESTS = "digests"
BACKTESTS = "backtests"

log = logs.get_logger()


@dataclass(frozen=True, slots=True)
class Retention:
    """How long what is kept; None is for ever. Texts are those of articles without a hit."""

    near_misses: timedelta = near_misses.KEPT
    polls: timedelta | None = None
    articles: timedelta | None = None
    full_texts: timedelta | None = None
    digests: timedelta | None = None


def prune(
    engine: Engine,
    kept: Retention,
    *,
    now: datetime,
    batch: int = BATCH,
    stop: Event | None = None,
) -> dict[str, int]:
    """Delete what is older than it is *kept* for; return what, and how many.

    A *stop* ends it between two batches; the next run goes on there.
    """
    deleted = {}
    for what, some in _classes(kept, now=now, batch=batch):
        deleted[what] = sum(_batches(engine, some, stop))
        if deleted[what]:
            log.info("pruned", what=what, deleted=deleted[what])
    return deleted


def _classes(
    kept: Retention, *, now: datetime, batch: int
) -> Iterator[tuple[str, Callable[[Connection], tuple[int, bool]]]]:
    """Yield for each class its name, and what deletes a batch: how many, and whether it ends."""

    def rows(
        delete: Callable[..., int], before: datetime
    ) -> Callable[[Connection], tuple[int, bool]]:
        def some(connection: Connection) -> tuple[int, bool]:
            deleted = delete(connection, before=before, limit=batch)
            return deleted, deleted < batch

        return some

    def texts(which: str, before: datetime) -> Callable[[Connection], tuple[int, bool]]:
        def some(connection: Connection) -> tuple[int, bool]:
            looked = retention.prune_texts(connection, which, before=before, limit=batch)
            return looked.pruned, looked.at < batch

        return some

    yield NEAR_MISSES, rows(near_misses.prune, now - kept.near_misses)
    yield BACKTESTS, rows(backtests.prune, now - backtests.KEPT)
    if kept.polls is not None:
        yield POLLS, rows(retention.prune_polls, now - kept.polls)
    if kept.full_texts is not None:
        yield FULL_TEXTS, texts(retention.FULL_TEXTS, now - kept.full_texts)
    if kept.articles is not None:
        yield TEXTS, texts(retention.ARTICLES, now - kept.articles)
    if kept.digests is not None:
        yield DIGESTS, rows(partial(retention.prune_digests, now=now), now - kept.digests)


def _batches(
    engine: Engine, some: Callable[[Connection], tuple[int, bool]], stop: Event | None
) -> Iterator[int]:
    ended = False
    while not ended and not (stop is not None and stop.is_set()):
        began = time.monotonic()
        with engine.begin() as connection:
            deleted, ended = some(connection)
        yield deleted
        if stop is not None and not ended:
            stop.wait(time.monotonic() - began)
