"""Prune: delete what is kept for a time only, a batch in a transaction, so that nobody waits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from monitor import logs
from monitor.store import near_misses

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy import Engine

BATCH: Final = 500

log = logs.get_logger()


def prune(engine: Engine, *, now: datetime, batch: int = BATCH) -> int:
    """Delete the near-misses that are older than they are kept for; return how many."""
    deleted = 0
    while True:
        with engine.begin() as connection:
            some = near_misses.prune(connection, before=now - near_misses.KEPT, limit=batch)
        deleted += some
        if some < batch:
            break
    if deleted:
        log.info("near-misses pruned", deleted=deleted)
    return deleted
