"""Full texts in the store: whose pages are to be read, by whom, and what came of it.

* A page is wanted in the transaction that stores its article: a crash leaves it due.
* Of one host only one page at a time is asked, with a pause between two, by however many workers.
* A text that the feed itself changed meanwhile is not overwritten: its page is read again.
* The article is locked before the row of its page, here as in a poll: no deadlock.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from sqlalchemy import and_, func, insert, or_, select, update

from monitor.model import FullTextStatus, PageToRead
from monitor.store import counts, texts
from monitor.store import index as search_index
from monitor.store import schema as t
from monitor.store.known import chunks
from monitor.store.rows import change_rows, row_of
from monitor.store.upsert import inserting
from monitor.text.index import CUT, index_words

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime, timedelta

    from sqlalchemy import ColumnElement, Connection

LOOKED_AT = 20  # due pages looked at for each that is claimed: most may be of one host


def want(connection: Connection, feed: int, changed: Sequence[int], *, now: datetime) -> None:
    """Have the pages of these articles read, whose text *feed* gave or changed.

    An article without an address has none. One that another feed brought is left out: its address
    is that feed's, and what allows reading pages is said of this one. The caller commits.
    """
    wanted: list[dict[str, Any]] = []
    for some in chunks(set(changed)):
        query = select(t.articles.c.id, t.articles.c.url)
        query = query.where(t.articles.c.id.in_(some), t.articles.c.feed_id == feed)
        wanted += [
            {
                "article_id": article,
                "feed_id": feed,
                "host": urlsplit(url).hostname or "",
                "status": FullTextStatus.WAITING,
                "due_at": now,
                "attempts": 0,
            }
            for article, url in connection.execute(query)
            if url
        ]
    if not wanted:
        return
    adding = inserting(connection, t.full_texts)
    names = [name for name in wanted[0] if name != "article_id"]
    again: dict[str, Any] = {name: adding.excluded[name] for name in names}
    again |= {"claimed_by": None, "error": None}
    wanted.sort(key=lambda row: row["article_id"])  # in one order: no deadlock
    had = _statuses(connection, [row["article_id"] for row in wanted])
    connection.execute(
        adding.on_conflict_do_update(index_elements=[t.full_texts.c.article_id], set_=again), wanted
    )
    with counts.tally(connection) as tally:
        for row in wanted:
            tally.page(feed, had.get(row["article_id"]), FullTextStatus.WAITING)


def _statuses(connection: Connection, articles: Sequence[int]) -> dict[int, str]:
    """Return by article where the reading of its page stands, and keep it so."""
    found: dict[int, str] = {}
    its = t.full_texts.c
    for some in chunks(articles):
        query = select(its.article_id, its.status).where(its.article_id.in_(some))
        held = connection.execute(query.order_by(its.article_id).with_for_update())
        found |= {row.article_id: row.status for row in held}
    return found


def _due(now: datetime) -> ColumnElement[bool]:
    # Where the setting was taken back, what was wanted is not asked for any more.
    allowed = select(t.feeds.c.id).where(t.feeds.c.full_text, t.feeds.c.enabled)
    return and_(t.full_texts.c.due_at <= now, t.full_texts.c.feed_id.in_(allowed))


def any_due(connection: Connection, *, now: datetime) -> bool:
    """Return whether a page is due; costs no write transaction."""
    return connection.scalar(select(t.full_texts.c.id).where(_due(now)).limit(1)) is not None


def claim_due(
    connection: Connection,
    *,
    now: datetime,
    lease: timedelta,
    pause: timedelta,
    limit: int,
    worker: str,
) -> list[PageToRead]:
    """Take up to *limit* of the longest due pages for *worker*, one of a host.

    None is taken of a host that is being asked, or was asked less than *pause* ago. *lease* must
    outlast the reading. The caller commits.
    """
    busy = select(t.full_texts.c.host).where(
        or_(
            t.full_texts.c.asked_at > now - pause,
            and_(t.full_texts.c.claimed_by.is_not(None), t.full_texts.c.due_at > now),
        )
    )
    oldest = (
        select(t.full_texts.c.id, t.full_texts.c.host, t.full_texts.c.due_at)
        .where(_due(now), t.full_texts.c.host.not_in(busy))
        .order_by(t.full_texts.c.due_at, t.full_texts.c.id)
        .limit(LOOKED_AT * limit)
        .subquery()
    )
    place = func.row_number().over(
        partition_by=oldest.c.host, order_by=(oldest.c.due_at, oldest.c.id)
    )
    turn = select(oldest.c.id, place.label("place")).subquery()
    due = (
        select(t.full_texts.c.id)
        .where(_due(now), t.full_texts.c.id.in_(select(turn.c.id).where(turn.c.place == 1)))
        .order_by(t.full_texts.c.due_at, t.full_texts.c.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
        .cte("due")
    )
    claim = (
        update(t.full_texts)
        .where(t.full_texts.c.id == due.c.id)
        .values(
            due_at=now + lease,
            claimed_by=worker,
            asked_at=now,
            attempts=t.full_texts.c.attempts + 1,
        )
        .returning(t.full_texts.c.id, t.full_texts.c.attempts, t.full_texts.c.article_id)
    )
    claimed = connection.execute(claim).all()
    pages = [_page(connection, number, attempt, article) for number, attempt, article in claimed]
    return [page for page in pages if page is not None]


def _page(connection: Connection, number: int, attempt: int, article: int) -> PageToRead | None:
    stored = texts.get(connection, article)
    if stored is None or stored.url is None:
        return None
    feed = select(t.feeds.c.key).join(t.full_texts, t.full_texts.c.feed_id == t.feeds.c.id)
    return PageToRead(
        id=number,
        attempt=attempt,
        article=article,
        revision=stored.present.revision,
        feed=connection.scalars(feed.where(t.full_texts.c.id == number)).one(),
        url=stored.url,
        title=stored.present.title,
        lead=stored.present.summary,
        bound=stored.bound,
        published_at=stored.published_at,
    )


def hand_back(connection: Connection, ids: Sequence[int], *, worker: str, now: datetime) -> None:
    """Give back unread, due at once and as if never asked, those that *worker* still holds.

    The caller commits.
    """
    mine = update(t.full_texts).where(
        t.full_texts.c.id.in_(ids), t.full_texts.c.claimed_by == worker
    )
    connection.execute(
        mine.values(due_at=now, claimed_by=None, attempts=t.full_texts.c.attempts - 1)
    )


def replace_text(
    connection: Connection, page: PageToRead, text: str, *, lexicon: str | None, now: datetime
) -> int | None:
    """Give the article the *text* of its page; return the number of this revision.

    The text it had is kept as the revision before. *lexicon* names what the new one was matched
    with, None if that failed. Returns None, and changes nothing, where the page is not the
    worker's any more, or the article was revised since it was claimed: then it is due at once.
    The caller commits, and settles the hits in the same transaction.
    """
    article = row_of(connection, t.articles, page.article, lock=True)
    if article is None or not _is_held(connection, page):
        return None
    if article.revision != page.revision:
        settle(connection, page, FullTextStatus.WAITING, due_at=now, error=None)
        return None
    words = index_words(article.title, article.summary)
    was = [(article.id, words)] if article.indexed else []
    revision: int = article.revision + 1
    past = {"article_id": article.id, "number": article.revision, "replaced_at": now}
    past |= {"title": article.title, "summary": article.summary}
    connection.execute(insert(t.revisions), past)
    present = {"summary": text, "revision": revision, "matched_with": lexicon, "indexed": CUT}
    change_rows(connection, t.articles, [{"id": article.id, **present}])
    search_index.drop(connection, was)
    search_index.add(connection, [(article.id, index_words(article.title, text))])
    settle(connection, page, FullTextStatus.STORED, due_at=None, error=None)
    return revision


def _is_held(connection: Connection, page: PageToRead) -> bool:
    mine = select(t.full_texts.c.id).where(*_held(page)).with_for_update()
    return connection.scalar(mine) is not None


def _held(page: PageToRead) -> tuple[ColumnElement[bool], ...]:
    return (
        t.full_texts.c.id == page.id,
        t.full_texts.c.attempts == page.attempt,
        t.full_texts.c.claimed_by.is_not(None),
    )


def settle(
    connection: Connection,
    page: PageToRead,
    status: FullTextStatus,
    *,
    due_at: datetime | None,
    error: str | None,
) -> None:
    """Record how an attempt ended; with *due_at* None nothing more is tried.

    Does nothing if the page is not this worker's any more. The caller commits.
    """
    values: dict[str, Any] = {"status": status, "due_at": due_at, "error": error}
    its = t.full_texts.c
    # What is claimed is waiting: only such a row is changed, so that what is counted is sure.
    held = update(t.full_texts).where(*_held(page), its.status == FullTextStatus.WAITING)
    settled = held.values(**values, claimed_by=None).returning(its.feed_id)
    with counts.tally(connection) as tally:
        for feed in connection.scalars(settled):
            tally.page(feed, FullTextStatus.WAITING, status)
