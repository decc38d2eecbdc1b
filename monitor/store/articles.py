"""Articles in the store: which are known, and one poll's entries with their hits, at once.

* Nothing is left out: every entry of a poll ends as new, known or revised.
* A revision keeps the text it replaces, so that evidence can always be shown.
* All of it happens in the caller's transaction, with the feed's validators: together or not.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast

from sqlalchemy import bindparam, func, select

from monitor.detect.changes import changes
from monitor.errors import StoreError
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

    from sqlalchemy import BindParameter, Table
    from sqlalchemy.orm import Session

    from monitor.detect.changes import KnownHit
    from monitor.identity import Identity, Verdict
    from monitor.model import Entry, FeedToPoll, Match

_T = TypeVar("_T")
# Tables, not mapped classes: the ORM takes as long over a row as the database does.
_ARTICLES: Final = cast("Table", ArticleRow.__table__)
_SEEN: Final = cast("Table", SightingRow.__table__)
_REVISIONS: Final = cast("Table", RevisionRow.__table__)
AT_ONCE = 500  # values in one IN list: well under every database's limit


@dataclass(frozen=True, slots=True)
class Stored:
    """What became of a poll's entries; *new* + *known* + *revised* is all of them.

    *articles* are the ids of the articles they stand for, one for each entry, in their order.
    """

    new: int
    known: int
    revised: int
    hits: int
    unmatched: int  # stored, but detection failed
    articles: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class LookUp:
    """Known articles, and the *state* of the store in which they were found."""

    known: list[KnownArticle]
    state: tuple[int | None, ...]


@dataclass(frozen=True, slots=True)
class Batch:
    """One document's entries on their way into the store.

    *matches* gives the matches of the entry with that index, None if detection failed on it; it
    is asked only for entries that are new or revised. *ahead* is a look-up from before the
    transaction, which is used if it still holds.
    """

    feed: FeedToPoll
    entries: Sequence[Entry]
    identities: Sequence[Identity]
    matches: Callable[[int], Sequence[Match] | None]
    lexicon: str
    now: datetime
    ahead: LookUp | None = None


def find_known(
    session: Session, feed: FeedToPoll, identities: Sequence[Identity]
) -> list[KnownArticle]:
    """Return the stored articles that *identities* may mean, by link, guid in this feed or key."""
    links = {mine.link for mine in identities if mine.link}
    guids = {mine.guid for mine in identities if mine.guid}
    keys = {article_key(feed.key, mine) for mine in identities if not (mine.link or mine.guid)}
    connection = session.connection()
    found: dict[int, tuple[str, str]] = {}
    for query, values in ((_BY_LINK, links), (_BY_KEY, keys), (_BY_GUID, guids)):
        for some in _chunks(values):
            for article, link, title in connection.execute(query, {"feed": feed.id, "some": some}):
                found[article] = (link or "", title)
    sightings: dict[int, dict[str, str]] = {article: {} for article in found}
    for some_ids in _chunks(set(found)):
        seen = connection.execute(_SIGHTINGS, {"feed": feed.id, "some": some_ids})
        for article, guid, content_hash in seen:
            sightings[article][guid] = content_hash
    return [
        KnownArticle(article, link, title, sightings[article])
        for article, (link, title) in sorted(found.items())
    ]


# Made once: a list of values is a single parameter, which costs nothing to put together.
_SOME: Final[BindParameter[Any]] = bindparam("some", expanding=True)
_KNOWN: Final = select(_ARTICLES.c.id, _ARTICLES.c.link, _ARTICLES.c.title)
_BY_LINK: Final = _KNOWN.where(_ARTICLES.c.link.in_(_SOME))
_BY_KEY: Final = _KNOWN.where(_ARTICLES.c.key.in_(_SOME))
_BY_GUID: Final = _KNOWN.join(_SEEN, _SEEN.c.article_id == _ARTICLES.c.id).where(
    _SEEN.c.feed_id == bindparam("feed"), _SEEN.c.guid.in_(_SOME)
)
_SIGHTINGS: Final = select(_SEEN.c.article_id, _SEEN.c.guid, _SEEN.c.content_hash).where(
    _SEEN.c.feed_id == bindparam("feed"), _SEEN.c.article_id.in_(_SOME)
)
_STATE: Final = select(
    *(select(func.max(table.c.id)).scalar_subquery() for table in (_ARTICLES, _SEEN, _REVISIONS))
)


def look_up(session: Session, feed: FeedToPoll, identities: Sequence[Identity]) -> LookUp:
    """Return what `find_known` finds, and the state of the store in which it did."""
    state = tuple(session.connection().execute(_STATE).one())
    return LookUp(find_known(session, feed, identities), state)


def _chunks(values: set[_T]) -> Iterator[list[_T]]:
    listed = list(values)
    for start in range(0, len(listed), AT_ONCE):
        yield listed[start : start + AT_ONCE]


def store(session: Session, batch: Batch) -> Stored:
    """Store every entry of *batch*, with its hits. The caller commits.

    Raises StoreError if there is an entry that ended nowhere: then nothing may be committed.
    """
    known = _known(session, batch)
    verdicts = identify(batch.identities, known)
    fresh, placed = _insert_articles(session, batch, known, verdicts)
    revised = _revise(session, batch, verdicts)
    _see(session, batch, verdicts, placed)
    found = _settle_hits(session, batch, fresh, revised)
    matched = [batch.matches(index) for index in (*fresh, *revised)]
    return Stored(
        new=len(fresh),
        known=len(placed.keys() - fresh.keys() - revised.keys()),
        revised=len(revised),
        hits=found,
        unmatched=sum(found is None for found in matched),
        articles=tuple(placed[index] for index in sorted(placed)),
    )


def _known(session: Session, batch: Batch) -> list[KnownArticle]:
    """Return what was found ahead, if nothing has been stored since; else look again."""
    ahead = batch.ahead
    if ahead is not None and tuple(session.connection().execute(_STATE).one()) == ahead.state:
        return ahead.known
    return find_known(session, batch.feed, batch.identities)


def _insert_articles(
    session: Session, batch: Batch, known: Sequence[KnownArticle], verdicts: Sequence[Verdict]
) -> tuple[dict[int, tuple[int, int]], dict[int, int]]:
    """Insert the new articles; return entry index -> (article id, revision 1) of those.

    Also return entry index -> article id of all entries.
    """
    generic = generic_links(batch.identities, known)
    rows: dict[str, dict[str, Any]] = {}
    index_of: dict[str, int] = {}
    keys: dict[int, str] = {}
    placed: dict[int, int] = {}
    for index, verdict in enumerate(verdicts):
        if verdict.article is not None:
            placed[index] = verdict.article.id
            continue
        mine = batch.identities[index]
        key = keys[index] = article_key(batch.feed.key, mine, generic=mine.link in generic)
        if key not in rows:
            rows[key] = _article(batch, index, key)
            index_of[key] = index
    if not rows:
        return {}, placed
    insert = inserting(session, _ARTICLES).on_conflict_do_nothing()
    # In the order of keys, so that two workers who find the same articles cannot deadlock.
    ordered = [rows[key] for key in sorted(rows)]
    returning = insert.returning(_ARTICLES.c.id, _ARTICLES.c.key)
    returned = session.connection().execute(returning, ordered)
    ids = {row.key: row.id for row in returned}
    fresh = {index_of[key]: (article, 1) for key, article in ids.items()}
    ids |= _stored_meanwhile(session, rows.keys() - ids.keys())
    return fresh, placed | {index: ids[key] for index, key in keys.items()}


def _stored_meanwhile(session: Session, keys: set[str]) -> dict[str, int]:
    """Return key -> id of articles that another worker stored since they were looked up."""
    found: dict[str, int] = {}
    for some in _chunks(keys):
        query = select(_ARTICLES.c.key, _ARTICLES.c.id).where(_ARTICLES.c.key.in_(some))
        found |= {row.key: row.id for row in session.connection().execute(query)}
    if missing := keys - found.keys():
        raise StoreError(f"{len(missing)} entries were neither stored nor known")
    return found


def titles(session: Session, ids: Sequence[int]) -> list[str]:
    """Return the present titles of the articles *ids*, in no set order."""
    found: list[str] = []
    for some in _chunks(set(ids)):
        found += session.scalars(select(ArticleRow.title).where(ArticleRow.id.in_(some)))
    return found


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
    placed: dict[int, int],
) -> None:
    """Remember under which guid, and with which words, this feed showed each article."""
    rows: list[dict[str, Any]] = []
    handled: set[tuple[str, int]] = set()  # the first of a document speaks for it
    for index, verdict in enumerate(verdicts):
        mine = batch.identities[index]
        article = placed[index]
        if (mine.guid, article) in handled:
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
        insert = inserting(session, _SEEN)
        session.connection().execute(
            insert.on_conflict_do_update(
                index_elements=[_SEEN.c.feed_id, _SEEN.c.guid, _SEEN.c.article_id],
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
            had = hits.of_articles(session, [article]).get(article, [])
        at = hits.Finding(article, revision, batch.lexicon, batch.now)
        found = changes({revision: matches}, revision, had)
        hits.correct(session, found, lexicon=batch.lexicon, now=batch.now)
        new += [hits.row(match, at) for match in found.found]
        near += [near_misses.row(match, at) for match in found.near]
    near_misses.replace(session, matched_again, near)
    return hits.insert(session, new)
