"""Poll: claim due feeds, fetch, parse, detect, and store everything at once.

* A feed is settled in one transaction: its articles, hits, validators, ledger line and next due
  time. A crash before it leaves the claim to run out and the feed to come due again.
* A body is stored before it is believed: ETag and Last-Modified are kept only together with every
  entry they stand for, so a 304 never hides what was not stored.
* What fails, fails alone: a feed, an entry, an article's detection.
"""

from __future__ import annotations

import random
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import structlog
from sqlalchemy.exc import OperationalError

from monitor.errors import FetchError, MonitorError, ParseError, StoreError
from monitor.feeds import health, manners
from monitor.identity import identify, identity
from monitor.model import Answer, Document, Entry, FeedState, FeedToPoll, Match, PollOutcome
from monitor.pipeline.claims import Claims
from monitor.store import articles, feeds
from monitor.store.engine import reading
from monitor.text import one_line

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from threading import Event

    from monitor.detect.associate import Detector
    from monitor.detect.lexicon import Lexicon
    from monitor.ports import Clock, Fetcher, Parser
    from monitor.store.engine import Sessions


CLAIM = 16  # feeds at a time: enough to keep the connections busy, few to hand back
NEVER = datetime(9999, 12, 31, tzinfo=UTC)  # for a feed that is gone, until its address changes
MAX_REASON_LENGTH = 200
FUTURE = timedelta(days=1)  # a date further ahead than this is a mistake, not a date

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
    """The step, with the real parts it works with."""

    sessions: Sessions
    clock: Clock
    fetcher: Fetcher
    parser: Parser
    lexicon: Lexicon
    detector: Detector
    interval: timedelta
    lease: timedelta  # should outlast the slowest fetch and parse: else a feed is asked twice
    worker: str = "here"
    batch: int = CLAIM  # feeds claimed at a time; more than are asked at once would wait claimed
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
        try:
            with closing(self.fetcher.fetch_all(claims)) as answers:
                bodies = self._settle_without_body(answers, claims, totals)
                for feed, answer, document in self.parser.parse_all(bodies):
                    self._settle_body(feed, answer, document, totals)
                    claims.done(feed)
        finally:
            claims.hand_back()
        return totals

    def _settle_without_body(
        self,
        answers: Iterator[tuple[FeedToPoll, Answer | FetchError]],
        claims: Claims,
        totals: PollTotals,
    ) -> Iterator[tuple[FeedToPoll, Answer]]:
        """Settle failures and unchanged feeds; yield those with something to read."""
        for feed, answer in answers:
            if claims.stopping:
                return
            totals.feeds += 1
            if isinstance(answer, FetchError):
                self._settle_failure(feed, answer, totals)
                claims.done(feed)
            elif answer.status == 304 or _body_hash(answer) == feed.body_hash:  # noqa: PLR2004 - RFC 9110
                self._settle_unchanged(feed, answer, totals)
                claims.done(feed)
            else:
                yield feed, answer

    def _settle_failure(self, feed: FeedToPoll, error: MonitorError, totals: PollTotals) -> None:
        now = self.clock.now()
        failures = feed.failures + 1
        status = error.status if isinstance(error, FetchError) else None
        retry_after = error.retry_after if isinstance(error, FetchError) else None
        gone = status is not None and manners.stops(status)
        state = health.judge(now=now, last_ok_at=feed.last_ok_at, failures=failures, gone=gone)
        due_at = NEVER
        if not gone:
            due_at = self._next_due(feed, now, failures=failures, retry_after=retry_after)
        poll = {"at": now, "outcome": PollOutcome.FAILED, "status": status, "error": str(error)}
        after: dict[str, Any] = {
            "due_at": due_at,
            "state": state,
            "failures": failures,
            "last_error": str(error),
        }
        with self.sessions.begin() as session:
            feeds.settle(session, feed, poll, after)
        totals.failed += 1
        log.warning("poll failed", feed=feed.key, error=str(error), failures=failures, state=state)

    def _settle_unchanged(self, feed: FeedToPoll, answer: Answer, totals: PollTotals) -> None:
        now = self.clock.now()
        poll = {
            "at": now,
            "outcome": PollOutcome.UNCHANGED,
            "status": answer.status,
            "bytes": len(answer.body),
        }
        after = self._well(feed, answer, now)
        with self.sessions.begin() as session:
            feeds.settle(session, feed, poll, after)
        totals.ok += 1
        totals.unchanged += 1
        log.debug("poll unchanged", feed=feed.key, status=answer.status)

    def _settle_body(
        self, feed: FeedToPoll, answer: Answer, document: Document | ParseError, totals: PollTotals
    ) -> None:
        if isinstance(document, ParseError):
            self._settle_failure(feed, document, totals)
            return
        try:
            self._store(feed, answer, document, totals)
        except OperationalError:
            # The database is away: no failure of this feed, whose claim runs out.
            totals.failed += 1
            log.exception("poll not stored", feed=feed.key)
        except Exception as error:
            # One feed's odd document must not end the others' round.
            log.exception("poll not stored", feed=feed.key)
            self._settle_failure(feed, StoreError(f"cannot be stored: {_reason(error)}"), totals)

    def _store(
        self, feed: FeedToPoll, answer: Answer, document: Document, totals: PollTotals
    ) -> None:
        now = self.clock.now()
        entries = [_dated(entry, now) for entry in document.entries]
        batch = articles.Batch(
            feed=feed,
            entries=entries,
            identities=[identity(entry) for entry in entries],
            matches=_Matches(self.detector, feed, entries),
            lexicon=self.lexicon.fingerprint,
            now=now,
        )
        batch = self._detect_ahead(batch)
        with self.sessions.begin() as session:
            stored = articles.store(session, batch)
            poll = {
                "at": now,
                "outcome": PollOutcome.STORED,
                "status": answer.status,
                "bytes": len(answer.body),
                "entries": len(entries) + len(document.rejected),
                "new": stored.new,
                "known": stored.known,
                "revised": stored.revised,
                "rejected": len(document.rejected),
                "notes": [*document.flaws, *document.rejected] or None,
            }
            feeds.settle(
                session,
                feed,
                poll,
                {**self._well(feed, answer, now), **_validators(answer, document)},
            )
        totals.ok += 1
        totals.entries += len(entries) + len(document.rejected)
        totals.new_articles += stored.new
        totals.updated_articles += stored.revised
        totals.hits += stored.hits
        noteworthy = stored.new or stored.revised or document.rejected or stored.unmatched
        log.log(
            20 if noteworthy else 10,
            "poll stored",
            feed=feed.key,
            entries=poll["entries"],
            new=stored.new,
            revised=stored.revised,
            rejected=len(document.rejected),
            unmatched=stored.unmatched,
            hits=stored.hits,
        )

    def _detect_ahead(self, batch: articles.Batch) -> articles.Batch:
        """Match what looks new before the write transaction, which then stays short."""
        with reading(self.sessions) as session:
            ahead = articles.look_up(session, batch.feed, batch.identities)
        for index, verdict in enumerate(identify(batch.identities, ahead.known)):
            if verdict.article is None or verdict.revised:
                batch.matches(index)
        return replace(batch, ahead=ahead)

    def _well(self, feed: FeedToPoll, answer: Answer, now: datetime) -> dict[str, Any]:
        return {
            "due_at": self._next_due(feed, now, failures=0, retry_after=answer.retry_after),
            "state": FeedState.OK,
            "failures": 0,
            "last_ok_at": now,
            "last_error": None,
        }

    def _next_due(
        self, feed: FeedToPoll, now: datetime, *, failures: int, retry_after: timedelta | None
    ) -> datetime:
        return manners.next_due(
            now=now,
            interval=feed.interval or self.interval,
            failures=failures,
            retry_after=retry_after,
            jitter=self.chance.random(),
        )


class _Matches:
    """The matches of a document's entries, each found once, when first asked for."""

    def __init__(self, detector: Detector, feed: FeedToPoll, entries: Sequence[Entry]) -> None:
        self._detector, self._feed, self._entries = detector, feed, entries
        self._found: dict[int, Sequence[Match] | None] = {}

    def __call__(self, index: int) -> Sequence[Match] | None:
        if index not in self._found:
            self._found[index] = self._find(self._entries[index])
        return self._found[index]

    def _find(self, entry: Entry) -> Sequence[Match] | None:
        try:
            found: Sequence[Match] = self._detector.find(
                entry.title,
                entry.summary,
                company=self._feed.company,
                published=entry.published_at,
            )
        except Exception:
            # The article is stored all the same, marked as not matched, and the log says which.
            log.exception("detection failed", feed=self._feed.key, guid=entry.guid, url=entry.link)
            return None
        return found


def _dated(entry: Entry, now: datetime) -> Entry:
    if entry.published_at is None or entry.published_at <= now + FUTURE:
        return entry
    return replace(entry, published_at=None)


def _reason(error: Exception) -> str:
    """Return the first line of *error*: what follows in the database's own is the statement."""
    first = next(iter(str(error).splitlines()), "")
    return one_line(f"{type(error).__name__}: {first}")[:MAX_REASON_LENGTH]


def _body_hash(answer: Answer) -> str:
    return sha256(answer.body).hexdigest()


def _validators(answer: Answer, document: Document) -> dict[str, Any]:
    """Return what to ask with next time: nothing, unless the answer was read cleanly.

    A body that was cut short looks like a feed with flaws. With its ETag kept, a 304 would hide
    the lost rest for good.
    """
    clean = not document.flaws and not document.rejected
    return {
        "etag": answer.etag if clean else None,
        "last_modified": answer.last_modified if clean else None,
        "body_hash": _body_hash(answer),
    }
