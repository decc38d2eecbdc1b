"""Full texts in the store: whose pages are to be read, by whom, and what came of it.

* A page is wanted in the transaction that stores its article: a crash leaves it due.
* Of one host only one page at a time is asked, with a pause between two, by however many workers.
* A text that the feed itself changed meanwhile is not overwritten: its page is read again.
* The article is locked before the row of its page, here as in a poll: no deadlock.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from sqlalchemy import and_, func, or_, select, update

from monitor.model import FullTextStatus, PageToRead
from monitor.store import index as search_index
from monitor.store import texts
from monitor.store.known import chunks
from monitor.store.schema import ArticleRow, FeedRow, FullTextRow, RevisionRow
from monitor.store.upsert import inserting
from monitor.text.index import CUT, index_words

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime, timedelta

    from sqlalchemy import ColumnElement
    from sqlalchemy.orm import Session

LOOKED_AT = 20  # due pages looked at for each that is claimed: most may be of one host


def want(session: Session, feed: int, changed: Sequence[int], *, now: datetime) -> None:
    """Have the pages of these articles read, whose text *feed* gave or changed.

    An article without an address has none. One that another feed brought is left out: its address
    is that feed's, and what allows reading pages is said of this one. The caller commits.
    """
    rows: list[dict[str, Any]] = []
    for some in chunks(set(changed)):
        query = select(ArticleRow.id, ArticleRow.url)
        query = query.where(ArticleRow.id.in_(some), ArticleRow.feed_id == feed)
        rows += [
            {
                "article_id": article,
                "feed_id": feed,
                "host": urlsplit(url).hostname or "",
                "status": FullTextStatus.WAITING,
                "due_at": now,
                "attempts": 0,
            }
            for article, url in session.execute(query)
            if url
        ]
    if not rows:
        return
    insert = inserting(session, FullTextRow)
    names = [name for name in rows[0] if name != "article_id"]
    again: dict[str, Any] = {name: insert.excluded[name] for name in names}
    again |= {"claimed_by": None, "error": None}
    rows.sort(key=lambda row: row["article_id"])  # in one order: no deadlock
    session.execute(
        insert.on_conflict_do_update(index_elements=[FullTextRow.article_id], set_=again), rows
    )


def _due(now: datetime) -> ColumnElement[bool]:
    # Where the setting was taken back, what was wanted is not asked for any more.
    allowed = select(FeedRow.id).where(FeedRow.full_text, FeedRow.enabled)
    return and_(FullTextRow.due_at <= now, FullTextRow.feed_id.in_(allowed))


def any_due(session: Session, *, now: datetime) -> bool:
    """Return whether a page is due; costs no write transaction."""
    return session.scalar(select(FullTextRow.id).where(_due(now)).limit(1)) is not None


def claim_due(
    session: Session,
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
    busy = select(FullTextRow.host).where(
        or_(
            FullTextRow.asked_at > now - pause,
            and_(FullTextRow.claimed_by.is_not(None), FullTextRow.due_at > now),
        )
    )
    oldest = (
        select(FullTextRow.id, FullTextRow.host, FullTextRow.due_at)
        .where(_due(now), FullTextRow.host.not_in(busy))
        .order_by(FullTextRow.due_at, FullTextRow.id)
        .limit(LOOKED_AT * limit)
        .subquery()
    )
    place = func.row_number().over(
        partition_by=oldest.c.host, order_by=(oldest.c.due_at, oldest.c.id)
    )
    turn = select(oldest.c.id, place.label("place")).subquery()
    due = (
        select(FullTextRow.id)
        .where(_due(now), FullTextRow.id.in_(select(turn.c.id).where(turn.c.place == 1)))
        .order_by(FullTextRow.due_at, FullTextRow.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
        .cte("due")
    )
    claim = (
        update(FullTextRow)
        .where(FullTextRow.id == due.c.id)
        .values(
            due_at=now + lease,
            claimed_by=worker,
            asked_at=now,
            attempts=FullTextRow.attempts + 1,
        )
        .returning(FullTextRow.id, FullTextRow.attempts, FullTextRow.article_id)
    )
    claimed = session.execute(claim).all()
    pages = [_page(session, number, attempt, article) for number, attempt, article in claimed]
    return [page for page in pages if page is not None]


def _page(session: Session, number: int, attempt: int, article: int) -> PageToRead | None:
    stored = texts.get(session, article)
    if stored is None or stored.url is None:
        return None
    feed = select(FeedRow.key).join(FullTextRow, FullTextRow.feed_id == FeedRow.id)
    return PageToRead(
        id=number,
        attempt=attempt,
        article=article,
        revision=stored.present.revision,
        feed=session.scalars(feed.where(FullTextRow.id == number)).one(),
        url=stored.url,
        title=stored.present.title,
        lead=stored.present.summary,
        bound=stored.bound,
        published_at=stored.published_at,
    )


def hand_back(session: Session, ids: Sequence[int], *, worker: str, now: datetime) -> None:
    """Give back unread, due at once and as if never asked, those that *worker* still holds.

    The caller commits.
    """
    mine = update(FullTextRow).where(FullTextRow.id.in_(ids), FullTextRow.claimed_by == worker)
    session.execute(mine.values(due_at=now, claimed_by=None, attempts=FullTextRow.attempts - 1))


def replace_text(
    session: Session, page: PageToRead, text: str, *, lexicon: str | None, now: datetime
) -> int | None:
    """Give the article the *text* of its page; return the number of this revision.

    The text it had is kept as the revision before. *lexicon* names what the new one was matched
    with, None if that failed. Returns None, and changes nothing, where the page is not the
    worker's any more, or the article was revised since it was claimed: then it is due at once.
    The caller commits, and settles the hits in the same transaction.
    """
    article = session.get_one(ArticleRow, page.article, with_for_update=True)
    if not _is_held(session, page):
        return None
    if article.revision != page.revision:
        settle(session, page, FullTextStatus.WAITING, due_at=now, error=None)
        return None
    words = index_words(article.title, article.summary)
    was = [(article.id, words)] if article.indexed else []
    past = {"article_id": article.id, "number": article.revision, "replaced_at": now}
    session.add(RevisionRow(**past, title=article.title, summary=article.summary))
    article.summary, article.revision = text, article.revision + 1
    article.matched_with, article.indexed = lexicon, CUT
    session.flush()
    search_index.drop(session, was)
    search_index.add(session, [(article.id, index_words(article.title, text))])
    settle(session, page, FullTextStatus.STORED, due_at=None, error=None)
    return article.revision


def _is_held(session: Session, page: PageToRead) -> bool:
    mine = select(FullTextRow.id).where(*_held(page)).with_for_update()
    return session.scalar(mine) is not None


def _held(page: PageToRead) -> tuple[ColumnElement[bool], ...]:
    return (
        FullTextRow.id == page.id,
        FullTextRow.attempts == page.attempt,
        FullTextRow.claimed_by.is_not(None),
    )


def settle(
    session: Session,
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
    session.execute(update(FullTextRow).where(*_held(page)).values(**values, claimed_by=None))
