"""Heartbeat: tell a watcher outside that a round of digests went well; it misses what is not told.

* A dead-man's switch: what cannot happen any more, because the machine is off or the service hangs,
  is noticed by whoever waits for the call.
* It is called once all slots up to now have their digest and each got through to somebody.
* A call that fails is tried again, is in the log and a warning of `monitor health`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final, Protocol

from monitor import logs
from monitor.errors import FetchError
from monitor.model import FeedToPoll
from monitor.pipeline.health import overdue_digests
from monitor.store import heartbeats
from monitor.store.engine import reading

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Engine

    from monitor.model import Answer, Subscription
    from monitor.ports import Clock

LONGEST_WAIT: Final = timedelta(hours=1)  # between two tries
_ANSWERED: Final = 2  # hundred and something: a watcher need not say 200, as a feed does

log = logs.get_logger()


class _Asking(Protocol):
    def fetch(self, feed: FeedToPoll) -> Answer: ...


@dataclass
class HeartbeatStep:
    """The step, with the real parts it works with. *url* is what is asked for, by GET."""

    engine: Engine
    clock: Clock
    fetcher: _Asking
    url: str
    subscriptions: Sequence[Subscription]
    lease: timedelta  # must outlast the asking

    def call_due(self) -> bool:
        """Call if a round went well that was not told of yet; return whether it was told."""
        now = self.clock.now()
        with reading(self.engine) as connection:
            digest = heartbeats.good_round(connection, now=now)
            if digest is None:
                return False
            if overdue_digests(connection, now, self.subscriptions, by=timedelta()):
                return False
        with self.engine.begin() as connection:
            attempts = heartbeats.claim(connection, now=now, lease=self.lease)
        if attempts is None:
            return False
        try:
            self.fetcher.fetch(FeedToPoll.once(0, "heartbeat", self.url))
        except FetchError as error:
            if error.status is None or error.status // 100 != _ANSWERED:
                self._failed(error, attempts)
                return False
        with self.engine.begin() as connection:
            heartbeats.called(connection, digest, now=self.clock.now())
        log.info("heartbeat told", digest=digest)
        return True

    def _failed(self, error: FetchError, attempts: int) -> None:
        wait = min(timedelta(minutes=2 ** min(attempts, 10)), LONGEST_WAIT)
        due_at = self.clock.now() + wait
        with self.engine.begin() as connection:
            heartbeats.failed(connection, attempts + 1, str(error), due_at=due_at)
        log.warning("heartbeat failed", error=str(error), attempts=attempts + 1)
