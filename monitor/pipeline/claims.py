"""Claims: the feeds a round of polling has taken, one batch after another.

A feed is claimed when a connection is nearly free for it, never sooner: what waits under a lease
keeps other workers away. Where feeds answer at once, more are claimed at a time. Whatever is
unsettled when a round ends is handed back.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from monitor.feeds.manners import has_held
from monitor.store import claims
from monitor.store.engine import lock, may_be_lost, reading

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime
    from threading import Event

    from sqlalchemy import Connection

    from monitor.model import FeedToPoll
    from monitor.pipeline.poll import PollStep

QUICK: Final = timedelta(seconds=0.25)  # for a batch to be asked: then the next may be larger
MOST: Final = 128  # feeds in a batch


class Claims:
    """Claims due feeds as they are asked for, and knows which are still unsettled."""

    def __init__(
        self,
        step: PollStep,
        stop: Event | None,
        keys: Sequence[str] | None,
        due_by: datetime | None,
        within: timedelta | None = None,
    ) -> None:
        self._step, self._stop, self._keys, self._due_by = step, stop, keys, due_by
        self._until = None if within is None else step.clock.now() + within
        self._held: set[int] = set()
        self._busy: Counter[str] = Counter()  # host -> feeds of it that are being asked

    @property
    def stopping(self) -> bool:
        """Return whether nothing more is to be begun."""
        return self._stop is not None and self._stop.is_set()

    def __iter__(self) -> Iterator[FeedToPoll | None]:
        """Yield due feeds, claimed a batch at a time, each batch in a short transaction.

        None stands for "none at the moment": more come due, or the turn of a host comes.
        """
        step = self._step
        idle = False
        batch = step.batch
        while not self.stopping:
            now = step.clock.now()
            if self._until is not None and now >= self._until:
                return
            if idle and not self._any_due(now):
                yield None
                continue
            with step.engine.begin() as connection:
                claimed = claims.claim_due(
                    connection,
                    now=now,
                    lease=step.lease,
                    limit=batch,
                    worker=step.worker,
                    keys=self._keys,
                    due_by=self._due_by,
                    hosts=self._limit(connection, now),
                )
            asking_since = step.clock.now()  # a disk that is slow to commit is no slow server
            idle = not claimed
            if idle:
                yield None
            self._held.update(feed.id for feed in claimed)
            self._busy.update(feed.host for feed in claimed if feed.host)
            for feed in claimed:
                moved = has_held(feed.moved_since, now=now, failures=feed.failures)
                yield replace(feed, moved=moved) if moved else feed
            quick = len(claimed) == batch and step.clock.now() - asking_since < QUICK
            batch = min(2 * batch, MOST) if quick else step.batch

    def _any_due(self, now: datetime) -> bool:
        """Look before another claim is tried, which would lock the database for nothing."""
        with reading(self._step.engine) as connection:
            return claims.any_due(connection, now=self._due_by or now)

    def _limit(self, connection: Connection, now: datetime) -> claims.HostLimit | None:
        per_host = self._step.per_host
        if per_host is None:
            return None
        if not self._step.shared:
            return claims.HostLimit(per_host, +self._busy)
        may_be_lost(connection)  # all replicas claim one after the other
        lock(connection, "claim of feeds")  # else two would see the same hosts free
        return claims.HostLimit(per_host, claims.under_way(connection, now=now))

    def answered(self, feed: FeedToPoll) -> None:
        """Note that *feed* is no longer being asked, so that others of its host may be."""
        if feed.host:
            self._busy[feed.host] -= 1

    def done(self, feed: int) -> None:
        """Note that the feed with this id is settled."""
        self._held.discard(feed)

    def hand_back(self) -> None:
        """Give back what is still unsettled, due at once."""
        if self._held:
            step = self._step
            with step.engine.begin() as connection:
                claims.hand_back(
                    connection, sorted(self._held), worker=step.worker, now=step.clock.now()
                )
