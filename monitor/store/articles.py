"""Articles in the store: the entries of polls with their hits, several polls at a time.

* Nothing is left out: every entry of a poll ends as new, known or revised.
* A revision keeps the text it replaces, so that evidence can always be shown.
* All of it happens in the caller's transaction, with the feeds' validators: together or not.
* New articles get their ids beforehand, so that rows go in by the hundred and none is asked back.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import insert, select

from monitor.detect.changes import changes
from monitor.errors import StoreError
from monitor.identity import article_key, clean_url, generic_links, identify
from monitor.store import counts, hits, known, near_misses, numbering, stories
from monitor.store import index as search_index
from monitor.store import schema as t
from monitor.store.known import chunks
from monitor.store.many import Many
from monitor.store.rows import change_rows
from monitor.store.upsert import inserting
from monitor.text.index import CUT, index_words
from monitor.text.words import claimed_language

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
    from datetime import datetime

    from sqlalchemy import Connection, Insert, Row

    from monitor.detect.changes import KnownHit
    from monitor.identity import Identity, KnownArticle, Verdict
    from monitor.model import Entry, FeedToPoll, Match
    from monitor.store.counts import Tally


@dataclass(frozen=True, slots=True)
class Stored:
    """What became of a poll's entries; *new* + *known* + *revised* is all of them.

    *articles* are the ids of the articles they stand for, one for each entry, in their order.
    *changed* are those that are new or revised.
    """

    new: int
    known: int
    revised: int
    hits: int
    unmatched: int  # stored, but detection failed
    articles: tuple[int, ...] = ()
    changed: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Batch:
    """One document's entries on their way into the store.

    *matches* gives the matches of the entry with that index, None if detection failed on it; it
    is asked only for entries that are new or revised. *words* gives what `index_words` does.
    *language* is what the document says of itself.
    """

    feed: FeedToPoll
    entries: Sequence[Entry]
    identities: Sequence[Identity]
    matches: Callable[[int], Sequence[Match] | None]
    lexicon: str
    now: datetime
    words: Callable[[int], str] | None = None
    language: str | None = None

    def words_of(self, index: int) -> str:
        """Return the words of the entry with that index, for the search index."""
        entry = self.entries[index]
        return self.words(index) if self.words else index_words(entry.title, entry.summary)


@dataclass(slots=True)
class _Work:
    """A batch while it is stored: entry index -> article id (*placed*), and its revision."""

    batch: Batch
    verdicts: Sequence[Verdict]
    placed: dict[int, int] = field(default_factory=dict)
    keys: dict[int, str] = field(default_factory=dict)  # of entries whose article is new
    fresh: dict[int, tuple[int, int]] = field(default_factory=dict)
    revised: dict[int, tuple[int, int]] = field(default_factory=dict)
    hits: int = 0

    def outcome(self) -> Stored:
        matched = [self.batch.matches(index) for index in (*self.fresh, *self.revised)]
        return Stored(
            new=len(self.fresh),
            known=len(self.placed.keys() - self.fresh.keys() - self.revised.keys()),
            revised=len(self.revised),
            hits=self.hits,
            unmatched=sum(found is None for found in matched),
            articles=tuple(self.placed[index] for index in sorted(self.placed)),
            changed=tuple(article for article, _ in {**self.fresh, **self.revised}.values()),
        )


def store(connection: Connection, batch: Batch) -> Stored:
    """Store every entry of *batch*, with its hits. The caller commits.

    Raises StoreError if there is an entry that ended nowhere: then nothing may be committed.
    """
    return store_all(connection, [batch])[0]


def store_all(
    connection: Connection, batches: Sequence[Batch], ahead: known.Known | None = None
) -> list[Stored]:
    """Store every entry of *batches*, which are of different feeds, as `store` does.

    *ahead* is what was looked up before the transaction; it is used if it still holds.
    """
    polls = [(batch.feed, batch.identities) for batch in batches]
    if ahead is None or not known.holds(connection, ahead):
        ahead = known.look_up(connection, polls)
    with counts.tally(connection) as tally:
        works = _store(connection, batches, ahead, tally)
    return [work.outcome() for work in works]


def _store(
    connection: Connection, batches: Sequence[Batch], ahead: known.Known, tally: Tally
) -> list[_Work]:
    new = _New(connection, tally)
    works = []
    for at, batch in enumerate(batches):
        articles, verdicts = ahead.of[at], ahead.verdicts[at]
        if new.may_be_among(batch.identities):  # an earlier batch has added to what is known
            new.insert()
            [articles] = known.find(connection, [(batch.feed, batch.identities)])
            verdicts = identify(batch.identities, articles)
        work = _Work(batch, verdicts)
        new.take(work, articles)
        works.append(work)
    new.insert()
    for work in works:
        work.revised = _revise(connection, work.batch, work.verdicts)
    _see(connection, works)
    _settle_hits(connection, works, tally)
    return works


class _New:
    """The new articles of several batches, until they are inserted."""

    def __init__(self, connection: Connection, tally: Tally) -> None:
        self._connection, self._tally = connection, tally
        self._rows: dict[str, tuple[Any, ...]] = {}  # by key: what `_article` gives
        self._firsts: dict[str, tuple[_Work, int]] = {}  # key -> the entry the article is made of
        self._works: list[_Work] = []
        self._links: set[str] = set()

    def may_be_among(self, identities: Iterable[Identity]) -> bool:
        """Return whether one of *identities* may mean an article taken before."""
        return not self._links.isdisjoint(mine.link for mine in identities)

    def take(self, work: _Work, articles: Sequence[KnownArticle]) -> None:
        """Note the entries of *work* that are new, beside the known *articles*."""
        batch = work.batch
        is_new = any(verdict.article is None for verdict in work.verdicts)
        generic = generic_links(batch.identities, articles) if is_new else set()
        for index, verdict in enumerate(work.verdicts):
            if verdict.article is not None:
                work.placed[index] = verdict.article.id
                continue
            mine = batch.identities[index]
            key = article_key(batch.feed.key, mine, generic=mine.link in generic)
            work.keys[index] = key
            if key not in self._rows:
                self._rows[key] = _article(batch, index)
                self._firsts[key] = work, index
            if mine.link:
                self._links.add(mine.link)
        self._works.append(work)

    def insert(self) -> None:
        """Insert what was taken; an article that another worker stored meanwhile is known."""
        if self._rows:
            # In the order of keys, so that two workers who find the same articles cannot deadlock.
            keys = sorted(self._rows)
            numbers = numbering.reserve(self._connection, t.articles, len(keys))
            rows = [
                (number, key, *self._rows[key]) for number, key in zip(numbers, keys, strict=True)
            ]
            _ADD.execute(self._connection, rows)
            landed = numbering.landed(self._connection, t.articles, numbers)
            ids = {key: it for key, it in zip(keys, numbers, strict=True) if it in landed}
            words: list[search_index.Words] = []
            for key, number in ids.items():
                work, index = self._firsts[key]
                work.fresh[index] = number, 1
                batch = work.batch
                self._tally.article(number, batch.feed.id, batch.entries[index].published_at)
                words.append((number, batch.words_of(index)))
            search_index.add(self._connection, words)
            ids |= _stored_meanwhile(self._connection, self._rows.keys() - ids.keys())
            for work in self._works:
                work.placed |= {index: ids[key] for index, key in work.keys.items()}
        self._rows, self._firsts, self._works = {}, {}, []


_ADD: Final = Many(
    (
        *("id", "key", "link", "url", "feed_id", "title", "summary", "language", "publisher"),
        *("published_at", "first_seen", "revision", "matched_with", "indexed"),
    ),
    lambda connection: inserting(connection, t.articles).on_conflict_do_nothing(),
)


def _stored_meanwhile(connection: Connection, keys: set[str]) -> dict[str, int]:
    """Return key -> id of articles that another worker stored since they were looked up."""
    found: dict[str, int] = {}
    for some in chunks(keys):
        query = select(t.articles.c.key, t.articles.c.id).where(t.articles.c.key.in_(some))
        found |= {row.key: row.id for row in connection.execute(query)}
    if missing := keys - found.keys():
        raise StoreError(f"{len(missing)} entries were neither stored nor known")
    return found


def titles(connection: Connection, ids: Sequence[int]) -> list[str]:
    """Return the present titles of the articles *ids*, in no set order."""
    found: list[str] = []
    for some in chunks(set(ids)):
        found += connection.scalars(select(t.articles.c.title).where(t.articles.c.id.in_(some)))
    return found


def _article(batch: Batch, index: int) -> tuple[Any, ...]:
    """Return the row of a new article, as `_ADD` takes it, but its id and key."""
    entry, mine = batch.entries[index], batch.identities[index]
    return (
        mine.link or None,
        clean_url(entry.link) if entry.link else None,
        batch.feed.id,
        entry.title,
        entry.summary,
        entry.language or batch.feed.language or claimed_language(batch.language, entry.title),
        entry.publisher,
        entry.published_at,
        batch.now,
        1,
        None if batch.matches(index) is None else batch.lexicon,
        CUT,
    )


def _revise(
    connection: Connection, batch: Batch, verdicts: Sequence[Verdict]
) -> dict[int, tuple[int, int]]:
    """Replace the text of revised articles; return entry index -> (article id, new revision)."""
    chosen: dict[int, int] = {}  # article id -> entry index; the first of a document speaks for it
    for index, verdict in enumerate(verdicts):
        if verdict.article is not None:
            chosen.setdefault(verdict.article.id, index)
    to_revise = {article: at for article, at in chosen.items() if verdicts[at].revised}
    revised = {}
    was: list[search_index.Words] = []  # what the search index holds, and what it shall
    now: list[search_index.Words] = []
    past: list[dict[str, Any]] = []
    present: list[dict[str, Any]] = []
    for old in _locked(connection, to_revise):
        index, number = to_revise[old.id], old.revision
        entry = batch.entries[index]
        if (old.title, old.summary) != (entry.title, entry.summary):
            text = {"title": old.title, "summary": old.summary}
            past.append({"article_id": old.id, "number": number, "replaced_at": batch.now, **text})
            if old.indexed:
                was.append((old.id, index_words(old.title, old.summary)))
            now.append((old.id, batch.words_of(index)))
            number += 1
            present.append(
                {
                    "id": old.id,
                    "title": entry.title,
                    "summary": entry.summary,
                    "revision": number,
                    "matched_with": None if batch.matches(index) is None else batch.lexicon,
                    "indexed": CUT,
                }
            )
        revised[index] = (old.id, number)
    if past:
        connection.execute(insert(t.revisions), past)
    change_rows(connection, t.articles, present)
    search_index.drop(connection, was)
    search_index.add(connection, now)
    return revised


def _locked(connection: Connection, articles: Collection[int]) -> Iterator[Row[Any]]:
    """Yield *articles*, so that two workers who revise one at once number its revisions apart.

    All in the order of their numbers: no deadlock with another.
    """
    for some in chunks(sorted(articles)):
        query = select(t.articles).where(t.articles.c.id.in_(some)).order_by(t.articles.c.id)
        yield from connection.execute(query.with_for_update()).all()


def _see(connection: Connection, works: Sequence[_Work]) -> None:
    """Remember under which guid, and with which words, each feed showed each article."""
    _ADD_SIGHTINGS.execute(connection, [row for work in works for row in _sightings(work)])


def _adding_sightings(connection: Connection) -> Insert:
    adding = inserting(connection, t.sightings)
    return adding.on_conflict_do_update(
        index_elements=[t.sightings.c.feed_id, t.sightings.c.guid, t.sightings.c.article_id],
        set_={"content_hash": adding.excluded.content_hash},
    )


_ADD_SIGHTINGS: Final = Many(("feed_id", "guid", "article_id", "content_hash"), _adding_sightings)


def _sightings(work: _Work) -> list[tuple[int, str, int, str]]:
    rows: list[tuple[int, str, int, str]] = []
    feed = work.batch.feed.id
    handled: set[tuple[str, int]] = set()  # the first of a document speaks for it
    for index, (mine, verdict) in enumerate(zip(work.batch.identities, work.verdicts, strict=True)):
        article = work.placed[index]
        if (mine.guid, article) in handled:
            continue
        handled.add((mine.guid, article))
        before = verdict.article.sightings.get(mine.guid) if verdict.article else None
        if before != mine.content_hash:
            rows.append((feed, mine.guid, article, mine.content_hash))
    return rows


def _settle_hits(connection: Connection, works: Sequence[_Work], tally: Tally) -> None:
    """Store the hits and near-misses of new and revised texts; count the hits that are new."""
    found = _Found(connection, tally)
    touched: set[int] = set()
    for work in works:
        batch = work.batch
        for index, (article, revision) in sorted({**work.fresh, **work.revised}.items()):
            matches = batch.matches(index)
            if matches is None or (not matches and index in work.fresh):
                continue
            if article in found.owner:  # what an earlier feed said of it must be there to compare
                found.insert()
            found.owner[article] = work
            had: list[KnownHit] = []
            if index in work.revised:
                found.matched_again.append(article)
                had = hits.of_articles(connection, [article]).get(article, [])
            at = hits.Finding(article, revision, batch.lexicon, batch.now)
            changed = changes({revision: matches}, revision, had)
            touched |= hits.correct(
                connection, changed, tally, lexicon=batch.lexicon, now=batch.now
            )
            found.new += [hits.row(match, at) for match in changed.found]
            found.near += [near_misses.row(match, at) for match in changed.near]
    found.insert()
    if touched:
        stories.refresh(connection, touched)


@dataclass(slots=True)
class _Found:
    """Rows of hits and near-misses until they are inserted; *owner* is whose articles they are."""

    connection: Connection
    tally: Tally
    new: list[dict[str, Any]] = field(default_factory=list)
    near: list[dict[str, Any]] = field(default_factory=list)
    matched_again: list[int] = field(default_factory=list)
    owner: dict[int, _Work] = field(default_factory=dict)

    def insert(self) -> None:
        near_misses.replace(self.connection, self.matched_again, self.near)
        for article in hits.insert(self.connection, self.new, self.tally):
            self.owner[article].hits += 1
        self.new, self.near, self.matched_again, self.owner = [], [], [], {}
