"""Group: give every hit without a story its story.

* What is decided by is read, and the decision made, with no transaction that keeps others from
  writing. Under the lock it is read again, by number: if anything changed, all is done anew.
* One thread of a process groups at a time, so that none works in vain; of several processes the
  first to record wins.
* What was read of a hit is kept until all are grouped: the next hits are compared with it again.
"""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from monitor import logs, traces
from monitor.store.engine import lock, reading
from monitor.store.hits import any_ungrouped

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine

    from monitor.model import HitToGroup
    from monitor.store.candidates import Basis
    from monitor.store.proceedings import Known
    from monitor.stories.group import Grouping, Opened
    from monitor.stories.report import Report

    Reports = dict[int, Report]  # by hit

BATCH = 500  # hits in one transaction
KEPT = 20_000  # reports, of two kilobytes each

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
    kept: Reports = {}
    with _ONE:
        began = time.monotonic()
        while (decision := decide(engine, kept)) is not None:
            if record(engine, decision):
                grouped += len(decision.hits)
            took_s = time.monotonic() - began
            traces.done("group", took_s, hits=[hit.id for hit in decision.hits])
            began += took_s
    return grouped


def decide(engine: Engine, kept: Reports | None = None) -> Decision | None:
    """Return where the oldest hits without a story belong, None if there are no such hits.

    *kept* is what was read of hits before; what is read now is added.
    """
    kept = {} if kept is None else kept
    with reading(engine) as connection:
        if not any_ungrouped(connection):
            return None
        # Most rounds of polling find no hit: what groups them is imported here.
        from monitor.store import candidates, proceedings
        from monitor.stories.group import WINDOW, place
        from monitor.stories.report import read

        hits = candidates.ungrouped(connection, limit=BATCH)
        basis = candidates.basis(connection, hits, window=WINDOW)
        if len(kept) > KEPT:
            kept.clear()
        kept |= {hit.id: read(hit) for hit in hits}
        grouping = place([kept[hit.id] for hit in hits], _opened(connection, basis, kept))
        first = {ids[0] for ids in grouping.new}
        affairs = proceedings.affairs(connection, [hit for hit in hits if hit.id in first])
    return Decision(hits, basis, grouping, affairs)


def _opened(connection: Connection, basis: Basis, kept: Reports) -> list[Opened]:
    """Return the stories of *basis*, each with what the hits that speak for it tell."""
    from monitor.store import candidates
    from monitor.stories.group import Opened
    from monitor.stories.report import read

    unread = [hit for _, hit in basis.speaking if hit not in kept]
    kept |= {hit.id: read(hit) for hit in candidates.hits(connection, unread)}
    held: dict[int, list[Report]] = defaultdict(list)
    for story, hit in basis.speaking:
        held[story].append(kept[hit])
    return [
        Opened(story, company, topic, tuple(held[story]), story in basis.merged)
        for story, company, topic in basis.about
    ]


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
