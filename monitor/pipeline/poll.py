"""Poll: claim due feeds, fetch, read, and have each settled.

* What fails, fails alone: a feed, an entry, an article's detection.
* What is settled, and what a crash leaves, is in `settle`.
"""

from __future__ import annotations

import random
from contextlib import closing
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

import structlog
from sqlalchemy.exc import OperationalError

from monitor.errors import FetchError, ParseError, StoreError
from monitor.pipeline.claims import Claims
from monitor.pipeline.record import body_hash
from monitor.pipeline.settle import Settler
from monitor.text import one_line

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime
    from threading import Event

    from monitor.detect.associate import Detector
    from monitor.detect.lexicon import Lexicon
    from monitor.errors import MonitorError
    from monitor.feeds.manners import Pace
    from monitor.model import Answer, Document, FeedToPoll
    from monitor.ports import Clock, Fetcher, Parser
    from monitor.store.engine import Sessions


CLAIM = 16  # feeds at a time: enough to keep the connections busy, few to hand back
PULSE = timedelta(seconds=0.25)  # how soon what was read is stored, and what came due is asked
MAX_REASON_LENGTH = 200

log = structlog.get_logger()


@dataclass
class PollTotals:
    """What a round came to."""

    feeds: int = 0
    ok: int = 0
    unchanged: int = 0
    failed: int = 0
    entries: int = 0
    new_articles: int = 0
    updated_articles: int = 0
    hits: int = 0


@dataclass
class PollStep:
    """The step, with the real parts it works with.

    *per_host* is how many feeds of one host are asked at once, None for any number.
    """

    sessions: Sessions
    clock: Clock
    fetcher: Fetcher
    parser: Parser
    lexicon: Lexicon
    detector: Detector
    pace: Pace
    lease: timedelta  # should outlast the slowest fetch and parse: else a feed is asked twice
    worker: str = "here"
    batch: int = CLAIM  # feeds claimed at a time; more than are asked at once would wait claimed
    per_host: int | None = None
    chance: random.Random = field(default_factory=random.Random)

    def poll_due(
        self,
        stop: Event | None = None,
        *,
        keys: Sequence[str] | None = None,
        due_by: datetime | None = None,
    ) -> PollTotals:
        """Poll every feed that is due, or those of *keys* that are; return what came of it.

        What comes due meanwhile is polled too, unless that is later than *due_by*. When *stop* is
        set, nothing more is claimed and what is under way is handed back.
        """
        totals = PollTotals()
        claims = Claims(self, stop, keys, due_by)
        settler = self._settler()
        try:
            with closing(self.fetcher.fetch_all(claims, pulse=PULSE)) as answers:
                bodies = self._settle_without_body(settler, answers, claims, totals)
                for feed, answer, document in self.parser.parse_all(bodies):
                    self._settle_body(settler, feed, answer, document, totals)
                    claims.done(feed)
                    del answer, document  # while the next is waited for, others need the memory
        finally:
            claims.hand_back()
        return totals

    def _settler(self) -> Settler:
        return Settler(
            sessions=self.sessions,
            clock=self.clock,
            lexicon=self.lexicon,
            detector=self.detector,
            pace=self.pace,
            chance=self.chance,
        )

    def _settle_without_body(
        self,
        settler: Settler,
        answers: Iterator[tuple[FeedToPoll, Answer | FetchError] | None],
        claims: Claims,
        totals: PollTotals,
    ) -> Iterator[tuple[FeedToPoll, Answer] | None]:
        """Settle failures and unchanged feeds; yield those with something to read.

        Also pass on None, at which there is time for what has been read.
        """
        for found in answers:
            if claims.stopping:
                return
            if found is None:
                yield None
                continue
            feed, answer = found
            claims.answered(feed)
            totals.feeds += 1
            if isinstance(answer, FetchError):
                _fail(settler, totals, feed, answer)
                claims.done(feed)
            elif answer.status == 304 or body_hash(answer) == feed.body_hash:  # noqa: PLR2004 - RFC 9110
                settler.unchanged(feed, answer)
                totals.ok += 1
                totals.unchanged += 1
                claims.done(feed)
            else:
                yield feed, answer
            del found, answer

    def _settle_body(
        self,
        settler: Settler,
        feed: FeedToPoll,
        answer: Answer,
        document: Document | ParseError,
        totals: PollTotals,
    ) -> None:
        if isinstance(document, ParseError):
            _fail(settler, totals, feed, document, answer)
            return
        try:
            settled = settler.document(feed, answer, document)
        except OperationalError:
            # The database is away: no failure of this feed, whose claim runs out.
            totals.failed += 1
            log.exception("poll not stored", feed=feed.key)
            return
        except Exception as error:
            # One feed's odd document must not end the others' round.
            log.exception("poll not stored", feed=feed.key)
            reason = StoreError(f"cannot be stored: {_reason(error)}")
            _fail(settler, totals, feed, reason, answer)
            return
        totals.ok += 1
        totals.entries += settled.seen
        totals.new_articles += settled.stored.new
        totals.updated_articles += settled.stored.revised
        totals.hits += settled.stored.hits


def _fail(
    settler: Settler,
    totals: PollTotals,
    feed: FeedToPoll,
    error: MonitorError,
    answer: Answer | None = None,
) -> None:
    settler.failure(feed, error, answer)
    totals.failed += 1


def _reason(error: Exception) -> str:
    """Return the first line of *error*: what follows in the database's own is the statement."""
    first = next(iter(str(error).splitlines()), "")
    return one_line(f"{type(error).__name__}: {first}")[:MAX_REASON_LENGTH]
