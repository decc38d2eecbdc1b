"""Settle: what polls came to, several in one transaction.

* A feed is settled at once: its articles, hits, validators, ledger line, state and next due time.
  A crash before it leaves the claim to run out and the feed to come due again.
* What a document takes is in `documents`: most polls have none, and do not import it.
* Nothing is decided here: states, waits, gaps and rhythm are for the pure parts of `feeds`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from monitor import logs
from monitor.errors import FetchError
from monitor.feeds import health, manners
from monitor.model import PollOutcome
from monitor.pipeline import record
from monitor.store import claims, ledger

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Sequence
    from datetime import datetime, timedelta

    from sqlalchemy import Connection, Engine

    from monitor.errors import MonitorError
    from monitor.model import Answer, FeedToPoll
    from monitor.pipeline.matches import LateDetector
    from monitor.ports import Clock


log = logs.get_logger()


@dataclass(frozen=True, slots=True)
class Judged:
    """A poll that is yet to be settled, and what is to be told of it once it is."""

    settlement: ledger.Settlement
    tell: Callable[[], None]


@dataclass(frozen=True, slots=True)
class Settler:
    """Records what polls came to, with the real parts this takes.

    With *claimed_by*, only of feeds that are still claimed under that name: what a process was
    taken for dead over is somebody else's by now.
    """

    engine: Engine
    clock: Clock
    lexicon: str
    detector: LateDetector
    pace: manners.Pace
    chance: random.Random
    claimed_by: str | None = None

    def failure(
        self, feed: FeedToPoll, error: MonitorError, answer: Answer | None = None
    ) -> Judged:
        """Judge a poll that failed with *error*; *answer* is what could not be read or stored."""
        now = self.clock.now()
        failures = feed.failures + 1
        fetching = error if isinstance(error, FetchError) else FetchError(str(error))
        # A new address that is gone says nothing of the one in the configuration.
        gone = manners.stops(fetching.status) and not feed.moved
        judgement = health.after_failure(
            now=now,
            last_ok_at=feed.last_ok_at,
            failures=failures,
            gone=gone,
            error=str(error),
        )
        due_at = claims.NEVER
        if not gone:
            wait = self._interval(feed, haste=feed.haste)
            due_at = self._due(feed, now, wait, fetching.retry_after, failures=failures)
        poll = {
            "at": now,
            "outcome": PollOutcome.FAILED,
            "status": answer.status if answer else fetching.status,
            "took_ms": record.ms(answer.took if answer else fetching.took),
            "bytes": answer.size if answer else 0,
            "error": str(error),
        }
        after = {"due_at": due_at, "failures": failures, "last_error": str(error)}
        after |= record.state(feed, judgement, now)

        def tell() -> None:
            log.warning(
                "poll failed",
                feed=feed.key,
                error=str(error),
                failures=failures,
                state=judgement.state,
            )
            record.tell_state(feed, judgement)

        return Judged(ledger.Settlement(feed, poll, after), tell)

    def unchanged(self, feed: FeedToPoll, answer: Answer) -> Judged:
        """Judge a poll of a feed that shows what it showed before."""
        now = self.clock.now()
        judgement = health.after_answer(now=now, rhythm=feed.rhythm, notice=None)
        haste = manners.next_haste(feed.haste, gap=False, comfortable=True, wait=self.pace.usual)
        poll = {**record.exchange(answer, now), "outcome": PollOutcome.UNCHANGED}
        after = self.well(feed, answer, now, haste) | record.state(feed, judgement, now)

        def tell() -> None:
            log.debug("poll unchanged", feed=feed.key, status=poll["status"])
            record.tell_state(feed, judgement)
            record.tell_move(feed, after)

        return Judged(ledger.Settlement(feed, poll, after), tell)

    def settle(self, judged: Sequence[Judged]) -> None:
        """Write down what these polls came to, in one transaction; then tell of it."""
        if not judged:
            return
        with self.engine.begin() as connection:
            held = self.held(connection, [it.settlement.feed for it in judged])
            mine = [it for it in judged if it.settlement.feed.id in held]
            if mine:
                ledger.settle(connection, [it.settlement for it in mine])
        for it in mine:
            it.tell()

    def held(self, connection: Connection, feeds: Sequence[FeedToPoll]) -> set[int]:
        """Return the feeds, by number, that are ours to settle in this transaction."""
        if self.claimed_by is None:
            return {feed.id for feed in feeds}
        held = ledger.held(connection, feeds, self.claimed_by)
        for feed in feeds:
            if feed.id not in held:
                log.warning("poll dropped", feed=feed.key, reason="the claim was given back")
        return held

    def well(self, feed: FeedToPoll, answer: Answer, now: datetime, haste: int) -> dict[str, Any]:
        """Return the columns of a feed that answered well, at *now*."""
        wait = self._interval(feed, haste=haste, fresh_for=answer.fresh_for)
        after = {
            "due_at": self._due(feed, now, wait, answer.retry_after, failures=0),
            "failures": 0,
            "last_ok_at": now,
            "last_error": None,
            "haste": haste,
        }
        if not feed.moved and answer.moved_to != feed.moved_to:
            moved_since = now if answer.moved_to else None
            after |= {"moved_to": answer.moved_to, "moved_since": moved_since}
        return after

    def _interval(
        self, feed: FeedToPoll, *, haste: int, fresh_for: timedelta | None = None
    ) -> timedelta:
        return manners.interval(
            self.pace,
            own=feed.interval,
            rhythm=feed.rhythm,
            ttl=feed.wishes.ttl,
            fresh_for=fresh_for,
            haste=haste,
            pushed=feed.push_until is not None and feed.push_until > self.clock.now(),
        )

    def _due(
        self,
        feed: FeedToPoll,
        now: datetime,
        wait: timedelta,
        retry_after: timedelta | None,
        *,
        failures: int,
    ) -> datetime:
        return manners.next_due(
            now=now,
            interval=wait,
            failures=failures,
            retry_after=retry_after,
            jitter=self.chance.random(),
            skip=None if feed.interval else feed.wishes,
        )
