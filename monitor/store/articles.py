"""Articles in the store: which are known, and one poll's entries with their hits, at once.

* Nothing is left out: every entry of a poll ends as new, known or revised.
* A revision keeps the text it replaces, so that evidence can always be shown.
* All of it happens in the caller's transaction, with the feed's validators: together or not.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from sqlalchemy import select

from monitor.detect.changes import changes
from monitor.identity import (
    KnownArticle,
    article_key,
    clean_url,
    generic_links,
    identify,
)
from monitor.store import hits, near_misses
from monitor.store.schema import ArticleRow, RevisionRow, SightingRow
from monitor.store.upsert import inserting

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from datetime import datetime

    from sqlalchemy.orm import Session

    from monitor.detect.changes import KnownHit
    from monitor.identity import Identity, Verdict
    from monitor.model import Entry, FeedToPoll, Match

_T = TypeVar("_T")
AT_ONCE = 500  # values in one IN list: well under every database's limit


@dataclass(frozen=True, slots=True)
class Stored:
    """What became of a poll's entries; *new* + *known* + *revised* is all of them."""

    new: int
    known: int
    revised: int
    hits: int
    unmatched: int  # stored, but detection failed


@dataclass(frozen=True, slots=True)
class Batch:
    """One document's entries on their way into the store.

    *matches* gives the matches of the entry with that index, None if detection failed on it; it
    is asked only for entries that are new or revised.
    """

    feed: FeedToPoll
    entries: Sequence[Entry]
    identities: Sequence[Identity]
    matches: Callable[[int], Sequence[Match] | None]
    lexicon: str
    now: datetime


def find_known(
    session: Session, feed: FeedToPoll, identities: Sequence[Identity]
) -> list[KnownArticle]:
    """Return the stored articles that *identities* may mean, by link, guid in this feed or key."""
    links = {mine.link for mine in identities if mine.link}
    guids = {mine.guid for mine in identities if mine.guid}
    keys = {article_key(feed.key, mine) for mine in identities if not (mine.link or mine.guid)}
    found: dict[int, tuple[str, str]] = {}
    for column, values in ((ArticleRow.link, links), (ArticleRow.key, keys)):
        for some in _chunks(values):
            query = select(ArticleRow.id, ArticleRow.link, ArticleRow.title)
            for row in session.execute(query.where(column.in_(some))):
                found[row.id] = (row.link or "", row.title)
    for some in _chunks(guids):
        query = (
            select(ArticleRow.id, ArticleRow.link, ArticleRow.title)
            .join(SightingRow, SightingRow.article_id == ArticleRow.id)
            .where(SightingRow.feed_id == feed.id, SightingRow.guid.in_(some))
        )
        for row in session.execute(query):
            found[row.id] = (row.link or "", row.title)
    sightings: dict[int, dict[str, str]] = {article: {} for article in found}
    for some_ids in _chunks(set(found)):
        seen = select(SightingRow.article_id, SightingRow.guid, SightingRow.content_hash)
        seen = seen.where(SightingRow.feed_id == feed.id, SightingRow.article_id.in_(some_ids))
        for row in session.execute(seen):
            sightings[row.article_id][row.guid] = row.content_hash
    return [
        KnownArticle(article, link, title, sightings[article])
        for article, (link, title) in sorted(found.items())
    ]


def _chunks(values: set[_T]) -> Iterator[list[_T]]:
    listed = list(values)
    for start in range(0, len(listed), AT_ONCE):
        yield listed[start : start + AT_ONCE]


def store(session: Session, batch: Batch) -> Stored:
    """Store every entry of *batch*, with its hits. The caller commits."""
    known = find_known(session, batch.feed, batch.identities)
    verdicts = identify(batch.identities, known)
    fresh = _insert_articles(session, batch, known, verdicts)
    revised = _revise(session, batch, verdicts)
    _see(session, batch, verdicts, fresh)
    found = _settle_hits(session, batch, fresh, revised)
    matched = [batch.matches(index) for index in (*fresh, *revised)]
    return Stored(
        new=len(fresh),
        known=len(batch.entries) - len(fresh) - len(revised),
        revised=len(revised),
        hits=found,
        unmatched=sum(found is None for found in matched),
    )


def _insert_articles(
    session: Session, batch: Batch, known: Sequence[KnownArticle], verdicts: Sequence[Verdict]
) -> dict[int, tuple[int, int]]:
    """Insert the new articles; return entry index -> (article id, revision 1)."""
    generic = generic_links(batch.identities, known)
    rows: dict[str, dict[str, Any]] = {}
    index_of: dict[str, int] = {}
    for index, verdict in enumerate(verdicts):
        if verdict.article is None:
            mine = batch.identities[index]
            key = article_key(batch.feed.key, mine, generic=mine.link in generic)
            if key not in rows:
                rows[key] = _article(batch, index, key)
                index_of[key] = index
    if not rows:
        return {}
    insert = inserting(session, ArticleRow).on_conflict_do_nothing()
    # In the order of keys, so that two workers who find the same articles cannot deadlock.
    ordered = [rows[key] for key in sorted(rows)]
    returned = session.execute(insert.returning(ArticleRow.id, ArticleRow.key), ordered)
    return {index_of[row.key]: (row.id, 1) for row in returned}


def _article(batch: Batch, index: int, key: str) -> dict[str, Any]:
    entry, mine = batch.entries[index], batch.identities[index]
    return {
        "key": key,
        "link": mine.link or None,
        "url": clean_url(entry.link) if entry.link else None,
        "feed_id": batch.feed.id,
        "title": entry.title,
        "summary": entry.summary,
        "language": entry.language or batch.feed.language,
        "publisher": entry.publisher,
        "published_at": entry.published_at,
        "first_seen": batch.now,
        "revision": 1,
        "matched_with": None if batch.matches(index) is None else batch.lexicon,
    }


def _revise(
    session: Session, batch: Batch, verdicts: Sequence[Verdict]
) -> dict[int, tuple[int, int]]:
    """Replace the text of revised articles; return entry index -> (article id, new revision)."""
    chosen: dict[int, int] = {}  # article id -> entry index; the first of a document speaks for it
    for index, verdict in enumerate(verdicts):
        if verdict.article is not None:
            chosen.setdefault(verdict.article.id, index)
    revised = {}
    for article_id, index in sorted(chosen.items()):  # in one order: no deadlock with another
        if not verdicts[index].revised:
            continue
        # Locked, so that two workers who revise one article at once number their revisions apart.
        old = session.get_one(ArticleRow, article_id, with_for_update=True)
        entry = batch.entries[index]
        if (old.title, old.summary) != (entry.title, entry.summary):
            past = {"article_id": old.id, "number": old.revision, "replaced_at": batch.now}
            session.add(RevisionRow(**past, title=old.title, summary=old.summary))
            old.title, old.summary, old.revision = entry.title, entry.summary, old.revision + 1
            old.matched_with = None if batch.matches(index) is None else batch.lexicon
        revised[index] = (old.id, old.revision)
    session.flush()
    return revised


def _see(
    session: Session,
    batch: Batch,
    verdicts: Sequence[Verdict],
    fresh: dict[int, tuple[int, int]],
) -> None:
    """Remember under which guid, and with which words, this feed showed each article."""
    rows: list[dict[str, Any]] = []
    handled: set[tuple[str, int]] = set()  # the first of a document speaks for it
    for index, verdict in enumerate(verdicts):
        mine = batch.identities[index]
        article = verdict.article.id if verdict.article else fresh.get(index, (None,))[0]
        if article is None or (mine.guid, article) in handled:
            continue
        handled.add((mine.guid, article))
        before = verdict.article.sightings.get(mine.guid) if verdict.article else None
        if before != mine.content_hash:
            rows.append(
                {
                    "feed_id": batch.feed.id,
                    "guid": mine.guid,
                    "article_id": article,
                    "content_hash": mine.content_hash,
                }
            )
    if rows:
        insert = inserting(session, SightingRow)
        session.execute(
            insert.on_conflict_do_update(
                index_elements=[SightingRow.feed_id, SightingRow.guid, SightingRow.article_id],
                set_={"content_hash": insert.excluded.content_hash},
            ),
            rows,
        )


def _settle_hits(
    session: Session,
    batch: Batch,
    fresh: dict[int, tuple[int, int]],
    revised: dict[int, tuple[int, int]],
) -> int:
    """Store the hits and near-misses of new and revised texts; return how many hits are new."""
    new: list[dict[str, Any]] = []
    near: list[dict[str, Any]] = []
    matched_again: list[int] = []
    for index, (article, revision) in sorted({**fresh, **revised}.items()):
        matches = batch.matches(index)
        if matches is None:
            continue
        had: list[KnownHit] = []
        if index in revised:
            matched_again.append(article)
            had = hits.between(session, article, article).get(article, [])
        at = hits.Finding(article, revision, batch.lexicon, batch.now)
        found = changes({revision: matches}, revision, had)
        hits.correct(session, found, lexicon=batch.lexicon, now=batch.now)
        new += [hits.row(match, at) for match in found.found]
        near += [near_misses.row(match, at) for match in found.near]
    near_misses.replace(session, matched_again, near)
    return hits.insert(session, new)
