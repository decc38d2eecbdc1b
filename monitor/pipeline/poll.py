"""Poll: claim due feeds, fetch, read, and have them settled, some at a time.

* What fails, fails alone: a feed, an entry, an article's detection. Feeds that cannot be settled
  together are settled one by one.
* Nothing waits for others to be settled with: whenever there is nothing to do, what is there is.
* What is settled, and what a crash leaves, is in `settle` and `documents`.
"""

from __future__ import annotations

import random
from contextlib import closing
from dataclasses import asdict, dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

from sqlalchemy.exc import OperationalError

from monitor import logs, traces
from monitor.errors import FetchError, ParseError, StoreError
from monitor.pipeline.claims import Claims
from monitor.pipeline.settle import Settler
from monitor.text.html import one_line

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime
    from threading import Event

    from sqlalchemy import Engine

    from monitor.errors import MonitorError
    from monitor.feeds.manners import Pace
    from monitor.model import Answer, Document, FeedToPoll
    from monitor.pipeline.documents import Read
    from monitor.pipeline.matches import LateDetector
    from monitor.pipeline.settle import Judged
    from monitor.ports import Clock, Fetcher, Parser


CLAIM = 16  # feeds at a time: enough to keep the connections busy, few to hand back
PULSE = timedelta(seconds=0.25)  # how soon what was read is stored, and what came due is asked
# What is settled in one transaction at most: a longer one would keep other writers waiting.
JUDGED = 64  # polls without a document
DOCUMENTS = 64
ENTRIES = 800  # that were read; those that are as they were cost nothing here
BYTES = 4_000_000  # of bodies, about what is held of them until then
MAX_REASON_LENGTH = 200

log = logs.get_logger()


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

    *lexicon* is the fingerprint of what *detector* looks for; *per_host* is how many feeds of one
    host are asked at once, None for any number. If the work is *shared* with other processes, that
    number is over all of them, and what came of a claim that was given back is dropped: somebody
    else polls that feed.
    """

    engine: Engine
    clock: Clock
    fetcher: Fetcher
    parser: Parser
    lexicon: str
    detector: LateDetector
    pace: Pace
    lease: timedelta  # should outlast the slowest fetch and parse: else a feed is asked twice
    worker: str = "here"
    batch: int = CLAIM  # feeds claimed at a time; more than are asked at once would wait claimed
    per_host: int | None = None
    shared: bool = False
    chance: random.Random = field(default_factory=random.Random)

    def poll_due(
        self,
        stop: Event | None = None,
        *,
        keys: Sequence[str] | None = None,
        due_by: datetime | None = None,
        within: timedelta | None = None,
    ) -> PollTotals:
        """Poll every feed that is due, or those of *keys* that are; return what came of it.

        What comes due meanwhile is polled too, unless that is later than *due_by*; nothing more is
        claimed once *within* has passed. When *stop* is set, nothing more is claimed and what is
        under way is handed back.
        """
        claims = Claims(self, stop, keys, due_by, within)
        round_ = _Round(self._settler(), claims)
        with traces.span("poll") as span:
            try:
                self._poll(claims, round_)
            finally:
                claims.hand_back()
            span.say(**asdict(round_.totals))
        return round_.totals

    def _poll(self, claims: Claims, round_: _Round) -> None:
        with closing(self.fetcher.fetch_all(claims, pulse=PULSE)) as answers:
            bodies = round_.with_body(answers)
            for found in self.parser.parse_all(bodies, pulse=PULSE):
                if found is None:
                    round_.settle()
                else:
                    round_.read(*found)
                del found  # while the next is waited for, others need the memory
        round_.settle()

    def _settler(self) -> Settler:
        return Settler(
            engine=self.engine,
            clock=self.clock,
            lexicon=self.lexicon,
            detector=self.detector,
            pace=self.pace,
            chance=self.chance,
            claimed_by=self.worker if self.shared else None,
        )


class _Round:
    """A round of polling: what was found out of feeds, until enough of it is settled at once."""

    def __init__(self, settler: Settler, claims: Claims) -> None:
        self.totals = PollTotals()
        self._settler, self._claims = settler, claims
        self._judged: dict[int, Judged] = {}  # by feed
        self._read: dict[int, Read] = {}

    def with_body(
        self, answers: Iterator[tuple[FeedToPoll, Answer | FetchError] | None]
    ) -> Iterator[tuple[FeedToPoll, Answer] | None]:
        """Judge failures and unchanged feeds; yield those with something to read.

        Also pass on None, at which there is time for what has been read.
        """
        for found in answers:
            if self._claims.stopping:
                return
            if found is None:
                self.settle()
                yield None
                continue
            feed, answer = found
            self._claims.answered(feed)
            self.totals.feeds += 1
            _trace_fetch(feed, answer)
            if isinstance(answer, FetchError):
                self._fail(feed, answer)
            elif _is_unchanged(feed, answer):
                self._judge(feed, self._settler.unchanged(feed, answer))
                self.totals.ok += 1
                self.totals.unchanged += 1
            else:
                yield feed, answer
                self._prepare()
            del found, answer

    def _prepare(self) -> None:
        """Import what documents take, which is a while, while the first is being read."""
        from monitor.pipeline import documents  # noqa: F401 - for later

    def read(self, feed: FeedToPoll, answer: Answer, document: Document | ParseError) -> None:
        """Take a document, or the reason why there is none."""
        if isinstance(document, ParseError):
            self._fail(feed, document, answer)
            return
        from monitor.pipeline.documents import Read  # most rounds find nothing to read

        if feed.id in self._read or feed.id in self._judged:
            self.settle()
        self._read[feed.id] = Read(self._settler, feed, answer.without_body(), document)
        entries = sum(len(it.entries) for it in self._read.values())
        held = sum(it.answer.size for it in self._read.values())
        if len(self._read) >= DOCUMENTS or entries >= ENTRIES or held >= BYTES:
            self._settle_read()

    def settle(self) -> None:
        """Settle what there is."""
        self._settle_read()
        self._settler.settle(list(self._judged.values()))
        for feed in self._judged:
            self._claims.done(feed)
        self._judged.clear()

    def _judge(self, feed: FeedToPoll, judged: Judged) -> None:
        if feed.id in self._read or feed.id in self._judged:
            self.settle()
        self._judged[feed.id] = judged
        if len(self._judged) >= JUDGED:
            self.settle()

    def _fail(self, feed: FeedToPoll, error: MonitorError, answer: Answer | None = None) -> None:
        self._judge(feed, self._settler.failure(feed, error, answer))
        self.totals.failed += 1

    def _settle_read(self) -> None:
        read, self._read = list(self._read.values()), {}
        error = self._settle_together(read) if read else None
        if error is None:
            return
        away = error if len(read) == 1 else None
        for it in read:  # one odd document must not end the others' round
            error = away or self._settle_together([it])
            if isinstance(error, OperationalError):
                away = error  # the database is: asking again for each would take as long again
            if error is not None:
                self._refuse(it, error)

    def _settle_together(self, read: list[Read]) -> Exception | None:
        """Settle these documents; return why they could not be, if so."""
        from monitor.pipeline import documents

        try:
            with traces.span("store", feeds=[it.feed.key for it in read]) as span:
                all_stored = documents.settle(self._settler, read)
                kept = [it for it in all_stored if it is not None]
                span.say(new=sum(it.new for it in kept), hits=sum(it.hits for it in kept))
        except Exception as error:  # noqa: BLE001 - whatever it is, it is told for the feed it is of
            return error
        for it, stored in zip(read, all_stored, strict=True):
            if stored is None:
                self._claims.done(it.feed.id)
                continue
            self.totals.ok += 1
            self.totals.entries += it.seen
            self.totals.new_articles += stored.new
            self.totals.updated_articles += stored.revised
            self.totals.hits += stored.hits
            self._claims.done(it.feed.id)
        return None

    def _refuse(self, read: Read, error: Exception) -> None:
        if isinstance(error, OperationalError):
            # The database is away or full: no failure of this feed, whose claim runs out.
            log.error("poll not stored", feed=read.feed.key, error=str(error.orig))
            self.totals.failed += 1
            self._claims.done(read.feed.id)
            return
        log.error("poll not stored", feed=read.feed.key, exc_info=error)
        reason = StoreError(f"cannot be stored: {_reason(error)}")
        self._fail(read.feed, reason, read.answer)


def _trace_fetch(feed: FeedToPoll, answer: Answer | FetchError) -> None:
    took_s = answer.took.total_seconds() if answer.took else 0.0
    if isinstance(answer, FetchError):
        traces.done("fetch", took_s, feed=feed.key, status=answer.status, error=str(answer))
    else:
        size = len(answer.body)
        traces.done("fetch", took_s, feed=feed.key, status=answer.status, bytes=size)


def _is_unchanged(feed: FeedToPoll, answer: Answer) -> bool:
    """Return whether *feed* shows what it showed before, as its server says or its body does."""
    if answer.status == 304:  # noqa: PLR2004 - RFC 9110
        return True
    return feed.body_hash is not None and answer.body_hash == feed.body_hash


def _reason(error: Exception) -> str:
    """Return the first line of *error*: what follows in the database's own is the statement."""
    first = next(iter(str(error).splitlines()), "")
    return one_line(f"{type(error).__name__}: {first}")[:MAX_REASON_LENGTH]
