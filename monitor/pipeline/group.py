"""Group: give every hit without a story its story.

* What is decided by is read, and the decision made, with no transaction that keeps others from
  writing. Under the lock it is read again, by number: if anything changed, all is done anew.
* One thread of a process groups at a time, so that none works in vain; of several processes the
  first to record wins.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

from monitor import logs
from monitor.store.engine import lock, reading
from monitor.store.hits import any_ungrouped

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from monitor.model import HitToGroup
    from monitor.store.candidates import Basis
    from monitor.store.proceedings import Known
    from monitor.stories.group import Grouping

BATCH = 500  # hits in one transaction

_ONE = threading.Lock()

log = logs.get_logger()


@dataclass(frozen=True, slots=True)
class Decision:
    """A grouping of hits, what it was decided by, and the affairs that its stories may be of."""

    hits: list[HitToGroup]
    basis: Basis
    grouping: Grouping
    affairs: Known


def group_new(engine: Engine) -> int:
    """Group every hit that has no story yet; return how many hits there were."""
    grouped = 0
    with _ONE:
        while (decision := decide(engine)) is not None:
            if record(engine, decision):
                grouped += len(decision.hits)
    return grouped


def decide(engine: Engine) -> Decision | None:
    """Return where the oldest hits without a story belong, None if there are no such hits."""
    with reading(engine) as connection:
        if not any_ungrouped(connection):
            return None
        # Most rounds of polling find no hit: what groups them is imported here.
        from monitor.store import candidates, proceedings
        from monitor.stories.group import WINDOW, group

        hits = candidates.ungrouped(connection, limit=BATCH)
        basis = candidates.basis(connection, hits, window=WINDOW)
        opened = candidates.open_stories(connection, basis)
        grouping = group(hits, opened)
        first = {ids[0] for ids in grouping.new}
        affairs = proceedings.affairs(connection, [hit for hit in hits if hit.id in first])
    return Decision(hits, basis, grouping, affairs)


def record(engine: Engine, decision: Decision) -> bool:
    """Write down a decision; return False, and write nothing, if it no longer holds."""
    from monitor.store import candidates, proceedings, stories
    from monitor.stories.group import WINDOW

    hits = decision.hits
    with engine.begin() as connection:
        lock(connection, "group")
        if candidates.basis(connection, hits, window=WINDOW) != decision.basis:
            log.info("grouping begins anew", hits=len(hits))
            return False
        changed, new = stories.record(connection, hits, decision.grouping)
        proceedings.link(connection, new, changed, decision.affairs)
    log.info("hits grouped", hits=len(hits), new_stories=len(new))
    return True
