"""Group: give every hit without a story its story."""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog

from monitor.store import proceedings, stories
from monitor.store.engine import lock, reading

if TYPE_CHECKING:
    from monitor.store.engine import Sessions

BATCH = 500  # hits in one transaction

log = structlog.get_logger()


def group_new(sessions: Sessions) -> int:
    """Group every hit that has no story yet; return how many hits there were.

    One worker at a time groups, in one short transaction a batch: the comparison of headlines
    takes milliseconds, and two workers could else open two stories for one happening.
    """
    grouped = 0
    while True:
        with reading(sessions) as session:
            if not stories.ungrouped(session, limit=1):
                return grouped
        from monitor.stories.group import WINDOW, group  # most rounds of polling find no hit

        with sessions.begin() as session:
            lock(session, "group")
            hits = stories.ungrouped(session, limit=BATCH)
            if not hits:
                return grouped
            opened = stories.open_stories(session, hits, window=WINDOW)
            new = stories.record(session, hits, group(hits, opened))
            proceedings.link(session, new)
        grouped += len(hits)
        log.info("hits grouped", hits=len(hits), new_stories=len(new))
