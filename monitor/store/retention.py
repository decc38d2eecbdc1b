"""Retention: what is kept for a time only, deleted a batch at a time.

* Of an article the text is deleted, with its earlier texts and near-misses. What is left (title,
  address, dates, where it was seen) is its tombstone: by that it is known when a feed shows it
  again, and never comes back as new.
* An article that has a hit, or had one that was withdrawn, keeps everything: hits quote it. So does
  one on which detection failed.
* Of a digest the words and files are deleted, of its deliveries the bytes that were sent, once all
  of them have ended well. What is left says that it was made and who got it when; the audit chain
  records what the words were.
* Articles are looked through once, in the order in which they were first seen; `prunings` says how
  far. A text that comes later, as a revision, stays.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import delete, exists, insert, or_, select, update

from monitor.store import attachments, audit, counts, index
from monitor.store import schema as t
from monitor.store.deliveries import ENDED_WELL
from monitor.store.rows import change_rows
from monitor.store.upsert import inserting
from monitor.text.index import CUT, index_words

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection, RowMapping

ARTICLES: Final = "articles"
FULL_TEXTS: Final = "full_texts"  # the same, of articles whose page was read
_START: Final = (datetime(1970, 1, 1, tzinfo=UTC), 0)


@dataclass(frozen=True, slots=True)
class Looked:
    """How many articles a batch looked at, and of how many the text was deleted."""

    at: int
    pruned: int


def prune_texts(connection: Connection, which: str, *, before: datetime, limit: int) -> Looked:
    """Delete the texts of articles first seen before then, of the next *limit* at most.

    *which* is `ARTICLES` or `FULL_TEXTS`. On SQLite the caller writes alone; on PostgreSQL articles
    that another process holds are left as they are. The caller commits.
    """
    its = t.articles.c
    seen_at, number = _reached(connection, which)
    page = (
        select(its.id, its.first_seen, its.title, its.summary, its.indexed, its.matched_with)
        .where(its.first_seen < before)
        .where(its.first_seen >= seen_at, or_(its.first_seen > seen_at, its.id > number))
        .order_by(its.first_seen, its.id)
        .limit(limit)
    )
    found = connection.execute(page).all()
    if not found:
        return Looked(0, 0)
    _reach(connection, which, found[-1].first_seen, found[-1].id)
    candidates = [row.id for row in found if row.summary and row.matched_with is not None]
    if which == FULL_TEXTS:
        read = select(t.full_texts.c.article_id).where(t.full_texts.c.due_at.is_(None))
        read = read.where(t.full_texts.c.article_id.in_(candidates))
        candidates = list(connection.scalars(read))
    held = select(t.articles).where(its.id.in_(candidates)).order_by(its.id)
    rows = connection.execute(held.with_for_update(skip_locked=True)).mappings().all()
    # Looked for only now that nobody else can give them one.
    hit = select(t.hits.c.article_id).where(t.hits.c.article_id.in_([row["id"] for row in rows]))
    with_hits = set(connection.scalars(hit))
    rows = [row for row in rows if row["id"] not in with_hits]
    if rows:
        _hollow(connection, rows)
    return Looked(len(found), len(rows))


def _hollow(connection: Connection, rows: Sequence[RowMapping]) -> None:
    """Leave of articles what they are known by, and their titles in the search index."""
    ids = [row["id"] for row in rows]
    for table in (t.revisions, t.near_misses):
        connection.execute(delete(table).where(table.c.article_id.in_(ids)))
    its = t.full_texts.c
    pages = delete(t.full_texts).where(its.article_id.in_(ids)).returning(its.feed_id, its.status)
    with counts.tally(connection) as tally:
        for feed, status in connection.execute(pages):
            tally.page(feed, status, None)
    indexed = [row for row in rows if row["indexed"] == CUT]
    had = [(row["id"], index_words(row["title"], row["summary"])) for row in indexed]
    index.drop(connection, had)
    cut = {row["id"]: CUT for row in indexed}  # those that do not fit get another chance
    short = [{**row, "summary": "", "indexed": cut.get(row["id"])} for row in rows]
    if connection.dialect.name == "sqlite":
        # A row that shrinks leaves its page half empty for good, one that is deleted does not.
        connection.exec_driver_sql("PRAGMA defer_foreign_keys=ON")  # until this transaction ends
        connection.execute(delete(t.articles).where(t.articles.c.id.in_(ids)))
        connection.execute(insert(t.articles), short)
    else:
        changed = [{name: it[name] for name in ("id", "summary", "indexed")} for it in short]
        change_rows(connection, t.articles, changed)
    index.add(connection, [(row["id"], index_words(row["title"], "")) for row in indexed])


def _reached(connection: Connection, which: str) -> tuple[datetime, int]:
    its = t.prunings.c
    row = connection.execute(
        select(its.first_seen, its.article_id).where(its.name == which)
    ).one_or_none()
    return _START if row is None else (row.first_seen, row.article_id)


def _reach(connection: Connection, which: str, first_seen: datetime, article: int) -> None:
    adding = inserting(connection, t.prunings)
    values = {"first_seen": first_seen, "article_id": article}
    statement = adding.on_conflict_do_update(index_elements=[t.prunings.c.name], set_=values)
    connection.execute(statement, [{"name": which, **values}])


def prune_polls(connection: Connection, *, before: datetime, limit: int) -> int:
    """Delete up to *limit* polls from before then; return how many. The caller commits."""
    old = select(t.polls.c.id).where(t.polls.c.at < before).order_by(t.polls.c.at).limit(limit)
    deleted = delete(t.polls).where(t.polls.c.id.in_(old))
    return len(connection.scalars(deleted.returning(t.polls.c.id)).all())


def prune_digests(connection: Connection, *, before: datetime, limit: int, now: datetime) -> int:
    """Delete the words of up to *limit* digests made before then; return how many. Commit after.

    One that a recipient has not got, whatever the reason, is left whole: it may still be sent.
    """
    its = t.digests.c
    unsent = exists().where(
        t.deliveries.c.digest_id == its.id, t.deliveries.c.status.not_in(ENDED_WELL)
    )
    old = select(t.digests).where(its.composed_at < before, its.pruned_at.is_(None), ~unsent)
    page = old.order_by(its.composed_at, its.id).limit(limit).with_for_update(skip_locked=True)
    digests = connection.execute(page).all()
    for digest in digests:
        files = attachments.of_digest(connection, digest.id)
        was = audit.of_digest(digest.subject, digest.text, digest.html, files)
        audit.append(connection, audit.RETENTION, str(digest.id), was, who=audit.SERVICE, now=now)
    ids = [digest.id for digest in digests]
    gone: dict[str, Any] = {
        "content": {},
        "text": "",
        "html": "",
        "body": None,
        "brief": None,
        "pruned_at": now,
    }
    connection.execute(delete(t.attachments).where(t.attachments.c.digest_id.in_(ids)))
    sent = update(t.deliveries).where(t.deliveries.c.digest_id.in_(ids))
    connection.execute(sent.values(head=None))
    connection.execute(update(t.digests).where(its.id.in_(ids)).values(**gone))
    return len(ids)
