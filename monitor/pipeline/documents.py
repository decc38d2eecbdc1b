"""Documents: what answers with something to read come to, several in one transaction.

* A body is stored before it is believed: ETag and Last-Modified are kept only together with every
  entry they stand for, so a 304 never hides what was not stored.
* The ledger balances: every entry seen ends as new, known, revised or rejected, or nothing is kept.
* What looks new is matched before the write transaction, which then stays short.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any

from monitor import traces
from monitor.feeds import health, manners, rhythm, window
from monitor.feeds.bundle import is_mailbox
from monitor.feeds.prints import Printed
from monitor.identity import identity
from monitor.pipeline import record
from monitor.pipeline.matches import Matches
from monitor.pipeline.settle import Judged
from monitor.store import articles, claims, full_texts, known, ledger
from monitor.store.engine import reading

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from sqlalchemy import Connection, Engine

    from monitor.model import Answer, Document, Entry, FeedToPoll
    from monitor.pipeline.settle import Settler

FUTURE = timedelta(days=1)  # a date further ahead than this is a mistake, not a date


class Read:
    """A feed's answer as it was read, with its matches, which are found once."""

    def __init__(self, settler: Settler, feed: FeedToPoll, answer: Answer, found: Document) -> None:
        self.feed, self.answer, self.document = feed, answer, found
        self.now = settler.clock.now()
        self.entries = [_dated(entry, self.now) for entry in found.entries]
        dated = zip(self.entries, found.entries, found.matches, strict=False)
        told = [it if mine is read else None for mine, read, it in dated]
        matches = Matches(settler.detector, feed, self.entries, told, found.words)
        self.batch = articles.Batch(
            feed=feed,
            entries=self.entries,
            identities=[identity(entry) for entry in self.entries],
            matches=matches,
            lexicon=settler.lexicon,
            now=self.now,
            words=matches.words,
            language=found.language,
        )

    @property
    def size(self) -> int:
        """How many entries the feed shows, those included that were not read again."""
        return len(self.entries if self.document.shown is None else self.document.shown)

    @property
    def seen(self) -> int:
        """How many entries the answer had, rejected ones included."""
        return self.size + len(self.document.rejected)

    @cached_property
    def dates(self) -> list[datetime]:
        """When the entries were published, of those that say."""
        if self.document.shown is None:
            return [entry.published_at for entry in self.entries if entry.published_at]
        dates = Printed(self.document.prints).dates()
        return [at for at in dates if at is not None and at <= self.now + FUTURE]

    def with_known(self, stored: articles.Stored) -> articles.Stored:
        """Return what became of all entries, given what became of those that were read."""
        shown = self.document.shown
        if shown is None:
            return stored
        read = iter(stored.articles)
        all_articles = tuple(next(read) if at is None else self.feed.shown[at] for at in shown)
        known_before = len(shown) - shown.count(None)
        return replace(stored, known=stored.known + known_before, articles=all_articles)


def settle(settler: Settler, claimed: Sequence[Read]) -> list[articles.Stored | None]:
    """Store every entry of documents of different feeds, with all that their polls found out.

    Returns what became of each; None where the claim was given back. Raises what the database
    raises, and StoreError if the ledger does not balance: then nothing is stored, and the feeds
    still have to be settled.
    """
    with traces.span("match", feeds=[it.feed.key for it in claimed]):
        ahead: known.Known | None = _detect_ahead(settler.engine, claimed)
    judged = []
    with settler.engine.begin() as connection:
        held = settler.held(connection, [it.feed for it in claimed])
        read = [it for it in claimed if it.feed.id in held]
        if len(read) < len(claimed):
            ahead = None  # which was of all
        stored_new = articles.store_all(connection, [it.batch for it in read], ahead)
        all_stored = [it.with_known(new) for it, new in zip(read, stored_new, strict=True)]
        for it, new in zip(read, stored_new, strict=True):
            if it.feed.full_text:
                full_texts.want(connection, it.feed.id, new.changed, now=it.now)
        shown = ledger.shown(connection, [it.feed for it in read])
        for it, stored in zip(read, all_stored, strict=True):
            seen = _compare(connection, it, stored, shown[it.feed.id])
            judged.append(_judge(settler, it, stored, seen))
        if judged:
            ledger.settle(connection, [it.settlement for it in judged])
    for one in judged:
        one.tell()
    became = dict(zip((it.feed.id for it in read), all_stored, strict=True))
    return [became.get(it.feed.id) for it in claimed]


def _detect_ahead(engine: Engine, read: Sequence[Read]) -> known.Known:
    with reading(engine) as connection:
        ahead = known.look_up(connection, [(it.feed, it.batch.identities) for it in read])
    for it, verdicts in zip(read, ahead.verdicts, strict=True):
        changed = [at for at, it in enumerate(verdicts) if it.article is None or it.revised]
        for index in changed:
            it.batch.matches(index)
            it.batch.words_of(index)  # before the transaction
    return ahead


def _judge(settler: Settler, read: Read, stored: articles.Stored, seen: _Seen) -> Judged:
    feed = read.feed
    poll = record.ledger(read, stored, seen.compared, gap=seen.gap)
    judgement, after = _after(settler, read, seen)

    def tell() -> None:
        record.tell_stored(feed, poll, stored)
        record.tell_state(feed, judgement)
        record.tell_move(feed, after)

    return Judged(ledger.Settlement(feed, poll, after), tell)


def _after(settler: Settler, read: Read, seen: _Seen) -> tuple[health.Judgement, dict[str, Any]]:
    """Return the feed's state and its columns after a document."""
    answer, document, now = read.answer, read.document, read.now
    wishes = document.wishes
    hub, topic = answer.hub or wishes.hub, answer.topic or wishes.topic
    feed = replace(read.feed, wishes=replace(wishes, hub=hub, topic=topic))
    if seen.notice is None and read.size:
        new = read.size - (seen.compared.overlap or 0)
        observed = rhythm.observe(feed.rhythm, now=now, new=new, dates=read.dates)
        feed = replace(feed, rhythm=observed)
    judgement = health.after_answer(now=now, rhythm=feed.rhythm, notice=seen.notice)
    haste = manners.next_haste(
        feed.haste,
        gap=seen.gap,
        comfortable=window.is_comfortable(seen.compared, read.size),
        wait=feed.interval or settler.pace.usual,
    )
    after = settler.well(feed, answer, now, haste)
    after |= claims.rhythm_columns(feed.rhythm) | claims.wishes_columns(feed.wishes)
    after |= record.state(feed, judgement, now)
    after |= record.validators(answer, document, keep=seen.notice is None)
    if seen.remembered:
        # Of two entries for one article only the first counts: the other is no known text.
        distinct = len(set(seen.remembered)) == len(seen.remembered)
        prints = document.prints if distinct else b""
        after |= {"articles": list(seen.remembered), "prints": prints or None}
    if seen.gap:
        after |= {"gaps": 1, "gap_at": now}  # one more
    return judgement, after


@dataclass(frozen=True, slots=True)
class _Seen:
    """What a document shows beside what the feed showed before."""

    compared: window.Comparison
    gap: bool
    notice: str | None
    remembered: tuple[int, ...]


def _compare(
    connection: Connection, read: Read, stored: articles.Stored, before: Sequence[int]
) -> _Seen:
    entries = read.entries
    if is_mailbox(read.feed.url):  # shows what is new, and never again: there is no window
        return _Seen(window.Comparison(None, remember=False), gap=False, notice=None, remembered=())
    compared = window.compare(before, stored.articles, whole=record.is_clean(read.document))
    all_read = read.size == len(entries)
    notice = health.placeholder(
        entries if all_read else (), before=len(before), overlap=compared.overlap
    )
    gap = compared.gap and notice is None
    if gap:
        gap = not window.same_titles(
            articles.titles(connection, before), [entry.title for entry in entries]
        )
    remembers = compared.remember and notice is None
    return _Seen(compared, gap, notice, stored.articles if remembers else ())


def _dated(entry: Entry, now: datetime) -> Entry:
    if entry.published_at is None or entry.published_at <= now + FUTURE:
        return entry
    return entry._replace(published_at=None)
