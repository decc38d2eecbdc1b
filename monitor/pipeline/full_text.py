"""Full text: read the pages of articles whose feed allows it, and match what they add.

* Its own step, with a client and a child of its own: no poll waits for a page.
* Claim, work, record. An article stands as its feed gave it until its page is read whole; a page
  that fails is tried again some times, then given up with its reason on record.
* The text of a page is a new revision of the article, so that all else holds as for any revision:
  evidence quotes it, rules are tried on it, what was there before is kept.
"""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from sqlalchemy.exc import OperationalError

from monitor import logs
from monitor.detect.changes import changes
from monitor.errors import AddressRefused, FetchError, ParseError, StoreError
from monitor.feeds.fulltext import next_try, refusal, whole_text
from monitor.model import FeedToPoll, FullTextStatus, WebPage
from monitor.store import counts, full_texts, hits, near_misses, stories
from monitor.store.engine import reading

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from threading import Event

    from sqlalchemy import Engine

    from monitor.errors import MonitorError
    from monitor.model import Answer, Document, Match, PageToRead
    from monitor.pipeline.matches import LateDetector
    from monitor.ports import Clock, Fetcher, Parser

PAUSE: Final = timedelta(seconds=2)  # between two pages of one host
PULSE: Final = timedelta(seconds=0.25)
AT_ONCE: Final = 4  # pages, each of another host

log = logs.get_logger()


@dataclass
class FullTextTotals:
    """What a round came to."""

    pages: int = 0
    stored: int = 0
    failed: int = 0
    hits: int = 0


@dataclass
class FullTextStep:
    """The step, with the real parts it works with. *lexicon* is the fingerprint of the rules."""

    engine: Engine
    clock: Clock
    fetcher: Fetcher
    parser: Parser
    lexicon: str
    detector: LateDetector
    lease: timedelta  # must outlast asking for a page and reading it
    worker: str = "here"
    pause: timedelta = PAUSE

    def read_due(self, stop: Event | None = None) -> FullTextTotals:
        """Read the pages that are due and whose host may be asked now; return what came of it.

        When *stop* is set, nothing more is claimed and what is under way is handed back.
        """
        totals = FullTextTotals()
        held: dict[int, PageToRead] = {}
        try:
            with closing(self.fetcher.fetch_all(self._claims(held, stop), pulse=PULSE)) as answers:
                bodies = self._with_body(answers, held, totals)
                for found in self.parser.parse_all(bodies, pulse=PULSE):
                    if found is not None:
                        asked, answer, document = found
                        self._settle(held.pop(asked.id), answer, document, totals)
        finally:
            if held:
                with self.engine.begin() as connection:
                    full_texts.hand_back(
                        connection, sorted(held), worker=self.worker, now=self.clock.now()
                    )
        return totals

    def any_due(self) -> bool:
        """Return whether a page is due, though its host may have to be given a pause first."""
        with reading(self.engine) as connection:
            return full_texts.any_due(connection, now=self.clock.now())

    def _claims(
        self, held: dict[int, PageToRead], stop: Event | None
    ) -> Iterator[FeedToPoll | None]:
        while not (stop is not None and stop.is_set()) and self.any_due():
            with self.engine.begin() as connection:
                claimed = full_texts.claim_due(
                    connection,
                    now=self.clock.now(),
                    lease=self.lease,
                    pause=self.pause,
                    limit=AT_ONCE,
                    worker=self.worker,
                )
            held.update({page.id: page for page in claimed})
            for page in claimed:
                yield FeedToPoll.once(page.id, page.feed, page.url, page=WebPage.ARTICLE)
            if not claimed:
                yield None

    def _with_body(
        self,
        answers: Iterator[tuple[FeedToPoll, Answer | FetchError] | None],
        held: dict[int, PageToRead],
        totals: FullTextTotals,
    ) -> Iterator[tuple[FeedToPoll, Answer] | None]:
        for found in answers:
            if found is None:
                yield None
                continue
            asked, answer = found
            error = answer if isinstance(answer, FetchError) else _refusal(held[asked.id], answer)
            if error is not None:
                self._fail(held.pop(asked.id), error, totals)
                yield None
            elif not isinstance(answer, FetchError):
                yield asked, answer

    def _settle(
        self,
        page: PageToRead,
        answer: Answer,
        document: Document | ParseError,
        totals: FullTextTotals,
    ) -> None:
        if isinstance(document, ParseError):
            self._fail(page, document, totals)
            return
        text = whole_text(page.title, page.lead, document.entries[0].summary)
        if text is None:
            totals.pages += 1
            with self.engine.begin() as connection:
                full_texts.settle(connection, page, FullTextStatus.NOTHING, due_at=None, error=None)
            return
        matches = self._find(page, text)
        try:
            new = self._record(page, text, matches)
        except OperationalError:
            raise  # the database is away: no failure of this page, whose claim runs out
        except Exception as error:
            log.exception("full text not stored", feed=page.feed, article=page.article)
            self._fail(page, StoreError(f"cannot be stored: {type(error).__name__}"), totals)
            return
        totals.pages += 1
        if new is not None:
            totals.stored += 1
            totals.hits += new
            log.info(
                "full text stored",
                feed=page.feed,
                article=page.article,
                characters=len(text),
                bytes=len(answer.body),
                hits=new,
            )

    def _find(self, page: PageToRead, text: str) -> Sequence[Match] | None:
        try:
            found: Sequence[Match] = self.detector.built.find(
                page.title, text, company=page.bound, published=page.published_at
            )
        except Exception:
            # The text is stored all the same, marked as not matched, and the log says which.
            log.exception("detection failed", feed=page.feed, article=page.article, url=page.url)
            return None
        return found

    def _record(self, page: PageToRead, text: str, matches: Sequence[Match] | None) -> int | None:
        """Store the text with its hits; return how many are new, None if it is not ours to do."""
        now = self.clock.now()
        lexicon = None if matches is None else self.lexicon
        with self.engine.begin() as connection:
            revision = full_texts.replace_text(connection, page, text, lexicon=lexicon, now=now)
            if revision is None:
                return None
            if matches is None:
                return 0
            had = hits.of_articles(connection, [page.article]).get(page.article, [])
            came = changes({revision: matches}, revision, had)
            at = hits.Finding(page.article, revision, self.lexicon, now)
            with counts.tally(connection) as tally:
                touched = hits.correct(connection, came, tally, lexicon=self.lexicon, now=now)
                found = [hits.row(match, at) for match in came.found]
                new = hits.insert(connection, found, tally)
            near = [near_misses.row(match, at) for match in came.near]
            near_misses.replace(connection, [page.article], near)
            stories.refresh(connection, touched)
            return len(new)

    def _fail(self, page: PageToRead, error: MonitorError, totals: FullTextTotals) -> None:
        now = self.clock.now()
        totals.pages += 1
        totals.failed += 1
        fetching = error if isinstance(error, FetchError) else FetchError(str(error))
        again = next_try(
            now=now,
            attempt=page.attempt,
            status=fetching.status,
            retry_after=fetching.retry_after,
            final=isinstance(error, AddressRefused),
        )
        status = FullTextStatus.GIVEN_UP if again is None else FullTextStatus.WAITING
        with self.engine.begin() as connection:
            full_texts.settle(connection, page, status, due_at=again, error=str(error))
        log.warning(
            "full text failed",
            feed=page.feed,
            article=page.article,
            url=page.url,
            error=str(error),
            attempt=page.attempt,
            again_at=again and again.isoformat(timespec="seconds"),
        )


def _refusal(page: PageToRead, answer: Answer) -> FetchError | None:
    reason = refusal(page.url, answer.url, answer.content_type)
    return None if reason is None else FetchError(reason)
