"""Group: give every hit without a story its story.

* What is decided by is read, and the decision made, with no transaction that keeps others from
  writing. Under the lock it is read again, by number: if anything changed, all is done anew.
* One thread of a process groups at a time, so that none works in vain; of several processes the
  first to record wins.
* What was read of a hit is kept until all are grouped: the next hits are compared with it again.
* A command that polls has its hits grouped by a thread as they come, a few hundred at a time.
"""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from monitor import logs, traces
from monitor.store.engine import lock, reading
from monitor.store.hits import count_ungrouped

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Connection, Engine

    from monitor.model import HitToGroup
    from monitor.store.candidates import Basis
    from monitor.store.proceedings import Known
    from monitor.stories.group import Grouping, Opened
    from monitor.stories.report import Report

    Reports = dict[int, Report]  # by hit

BATCH = 500  # hits in one transaction
WORTH = 250  # hits that are grouped before all have come
KEPT = 20_000  # reports, of two kilobytes each
BESIDE = 2000  # the same, while feeds are read, which takes memory too
_LOOK_S = 0.1  # how often it is looked how many have come

_ONE = threading.Lock()

log = logs.get_logger()


@dataclass(frozen=True, slots=True)
class Decision:
    """A grouping of hits, what it was decided by, and the affairs that its stories may be of."""

    hits: list[HitToGroup]
    basis: Basis
    grouping: Grouping
    affairs: Known


def group_new(engine: Engine, kept: Reports | None = None) -> int:
    """Group every hit that has no story yet; return how many hits there were.

    *kept* is what was read of hits before, if there is any.
    """
    grouped = 0
    kept = {} if kept is None else kept
    while (some := _group_some(engine, kept)) is not None:
        grouped += some
    return grouped


@contextmanager
def grouping_beside(engine: Engine) -> Iterator[None]:
    """Group what the block stores, by a thread while enough of it waits, the rest at its end.

    Where the thread fails, as when a connection is cut, the end has all to do, and says what is
    wrong if that lasts. If the block fails, what waits is grouped by whoever comes next.
    """
    kept: Reports = {}
    over = threading.Event()

    def work() -> None:
        try:
            _group_until(over, engine, kept)
        except Exception as error:  # noqa: BLE001 - whatever it is, the end does it all again
            log.warning("grouping beside failed, it is left to the end", error=str(error))

    thread = threading.Thread(target=work, name="group")
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
    group_new(engine, kept)


def _group_until(over: threading.Event, engine: Engine, kept: Reports) -> None:
    has_read = False
    while len(kept) < BESIDE and not over.wait(_LOOK_S):
        with reading(engine) as connection:
            waiting = count_ungrouped(connection, limit=WORTH)
        if waiting >= WORTH:
            _group_some(engine, kept)
        elif waiting and not has_read:
            _read_ahead(engine, kept)
        has_read = has_read or waiting > 0


def _group_some(engine: Engine, kept: Reports) -> int | None:
    """Group the oldest hits without a story; return how many it were, None if there are none."""
    with _ONE:
        began = time.monotonic()
        decision = decide(engine, kept)
        if decision is None:
            return None
        recorded = record(engine, decision)
        took_s = time.monotonic() - began
        traces.done("group", took_s, hits=[hit.id for hit in decision.hits])
    return len(decision.hits) if recorded else 0


def decide(engine: Engine, kept: Reports | None = None) -> Decision | None:
    """Return where the oldest hits without a story belong, None if there are no such hits.

    *kept* is what was read of hits before; what is read now is added.
    """
    kept = {} if kept is None else kept
    with reading(engine) as connection:
        if not count_ungrouped(connection, limit=1):
            return None
        # Most rounds of polling find no hit: what groups them is imported here.
        from monitor.store import proceedings
        from monitor.stories.group import place

        hits, basis = _waiting(connection, kept)
        grouping = place([kept[hit.id] for hit in hits], _opened(connection, basis, kept))
        first = {ids[0] for ids in grouping.new}
        affairs = proceedings.affairs(connection, [hit for hit in hits if hit.id in first])
    return Decision(hits, basis, grouping, affairs)


def _read_ahead(engine: Engine, kept: Reports) -> None:
    """Read what the hits that wait will be compared with, before all of them have come."""
    with reading(engine) as connection:
        _opened(connection, _waiting(connection, kept)[1], kept)


def _waiting(connection: Connection, kept: Reports) -> tuple[list[HitToGroup], Basis]:
    """Return the oldest hits without a story, which are read, and by what they are grouped."""
    from monitor.store import candidates
    from monitor.stories.group import WINDOW
    from monitor.stories.report import read

    hits = candidates.ungrouped(connection, limit=BATCH)
    if len(kept) > KEPT:
        kept.clear()
    kept |= {hit.id: read(hit) for hit in hits}
    return hits, candidates.basis(connection, hits, window=WINDOW)


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
