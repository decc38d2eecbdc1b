"""Stored articles as detection wants them: the present text, and the older ones hits quote.

* Read a page at a time by number, each in a transaction of its own, so that nobody waits.
* An article is bound to a company if one of the feeds that carry it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import ColumnElement, func, or_, select, update

from monitor.store import hits
from monitor.store import schema as t

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from datetime import datetime

    from sqlalchemy import Connection, Select

    from monitor.detect.changes import KnownHit

_COLUMNS = (
    t.articles.c.id,
    t.feeds.c.key,
    t.feeds.c.name,
    t.articles.c.url,
    t.articles.c.title,
    t.articles.c.summary,
    t.articles.c.published_at,
    t.articles.c.first_seen,
    t.articles.c.revision,
    t.articles.c.matched_with,
)


@dataclass(frozen=True, slots=True)
class StoredText:
    """A text of an article; *revision* numbers it."""

    revision: int
    title: str
    summary: str


@dataclass(frozen=True, slots=True)
class StoredArticle:
    """An article to be matched. *texts* are the older ones that hits quote, then the present one.

    *feed* is the key of the feed it was first seen in; *bound* that of the company it is about.
    """

    id: int
    feed: str
    feed_name: str
    bound: str | None
    url: str | None
    published_at: datetime | None
    first_seen: datetime
    matched_with: str | None
    texts: tuple[StoredText, ...]
    hits: tuple[KnownHit, ...]

    @property
    def present(self) -> StoredText:
        """Return the text the article has now."""
        return self.texts[-1]


@dataclass(frozen=True, slots=True)
class Chosen:
    """Which articles are meant: all, or those first seen since an instant, or by how matched.

    *not_with* leaves out those matched with the lexicon of that fingerprint; *unmatched* takes
    only those on which detection failed; *feed* those that the feed of that key showed. *above*
    and *upto* bound their numbers.
    """

    since: datetime | None = None
    not_with: str | None = None
    unmatched: bool = False
    above: int | None = None
    upto: int | None = None
    feed: str | None = None

    def limits(self) -> list[ColumnElement[bool]]:
        """Return the conditions on articles."""
        wanted: list[ColumnElement[bool]] = []
        if self.since is not None:
            wanted.append(t.articles.c.first_seen >= self.since)
        if self.above is not None:
            wanted.append(t.articles.c.id > self.above)
        if self.upto is not None:
            wanted.append(t.articles.c.id <= self.upto)
        if self.feed is not None:
            wanted.append(t.articles.c.id.in_(_shown_by(t.feeds.c.key == self.feed)))
        if self.unmatched:
            wanted.append(t.articles.c.matched_with.is_(None))
        elif self.not_with is not None:
            other = t.articles.c.matched_with != self.not_with
            wanted.append(or_(t.articles.c.matched_with.is_(None), other))
        return wanted


def count(connection: Connection, chosen: Chosen) -> int:
    """Return how many articles are chosen."""
    return connection.scalar(select(func.count(t.articles.c.id)).where(*chosen.limits())) or 0


def last(connection: Connection, chosen: Chosen) -> int:
    """Return the number of the last chosen article; 0 if there is none."""
    return connection.scalar(select(func.max(t.articles.c.id)).where(*chosen.limits())) or 0


def start(connection: Connection, chosen: Chosen) -> int:
    """Return a number below that of every chosen article, close to the first."""
    if chosen.since is None:
        return chosen.above or 0
    first = select(func.min(t.articles.c.id)).where(t.articles.c.first_seen >= chosen.since)
    return (connection.scalar(first) or 1) - 1


def page(connection: Connection, chosen: Chosen, *, after: int, limit: int) -> list[StoredArticle]:
    """Return the next chosen articles numbered above *after*, in order; *limit* is 500 at most."""
    wanted = [t.articles.c.id > after, *chosen.limits()]
    return _articles(connection, wanted, limit)


def get(connection: Connection, number: int) -> StoredArticle | None:
    """Return the article of that number."""
    found = _articles(connection, [t.articles.c.id == number], 1)
    return found[0] if found else None


def with_link(connection: Connection, link: str, *, limit: int) -> list[StoredArticle]:
    """Return up to *limit* articles with that comparable link (`identity.comparable_link`)."""
    return _articles(connection, [t.articles.c.link == link], limit)


def _articles(
    connection: Connection, wanted: Sequence[ColumnElement[bool]], limit: int
) -> list[StoredArticle]:
    query = select(*_COLUMNS).join(t.feeds, t.feeds.c.id == t.articles.c.feed_id)
    rows = connection.execute(query.where(*wanted).order_by(t.articles.c.id).limit(limit)).all()
    if not rows:
        return []
    numbers = [row.id for row in rows]
    found = hits.of_articles(connection, numbers)
    older = _older(connection, list(found))
    bound = _bound(connection, numbers)
    return [_article(row, found.get(row.id, []), older, bound) for row in rows]


def _article(
    row: Any,  # noqa: ANN401 - a row of _COLUMNS
    found: list[KnownHit],
    older: dict[tuple[int, int], StoredText],
    bound: dict[int, str],
) -> StoredArticle:
    quoted = {(row.id, hit.revision) for hit in found if hit.revision != row.revision}
    texts = [older[key] for key in sorted(quoted) if key in older]
    return StoredArticle(
        id=row.id,
        feed=row.key,
        feed_name=row.name,
        bound=bound.get(row.id),
        url=row.url,
        published_at=row.published_at,
        first_seen=row.first_seen,
        matched_with=row.matched_with,
        texts=(*texts, StoredText(row.revision, row.title, row.summary)),
        hits=tuple(found),
    )


def _older(connection: Connection, articles: Sequence[int]) -> dict[tuple[int, int], StoredText]:
    query = select(
        t.revisions.c.article_id, t.revisions.c.number, t.revisions.c.title, t.revisions.c.summary
    ).where(t.revisions.c.article_id.in_(articles))
    return {
        (article, number): StoredText(number, title, summary)
        for article, number, title, summary in connection.execute(query)
    }


def _bound(connection: Connection, articles: Sequence[int]) -> dict[int, str]:
    feeds = select(t.feeds.c.id, t.feeds.c.company).where(t.feeds.c.company.is_not(None))
    companies = {number: company for number, company in connection.execute(feeds) if company}
    if not companies:
        return {}
    query = (
        select(t.sightings.c.article_id, t.sightings.c.feed_id)
        .where(t.sightings.c.article_id.in_(articles), t.sightings.c.feed_id.in_(companies))
        .order_by(t.sightings.c.id.desc())  # the earliest is written last, and stays
    )
    return {article: companies[feed] for article, feed in connection.execute(query)}


def only_there(
    connection: Connection, articles: Sequence[StoredArticle], feed: str
) -> frozenset[int]:
    """Return the numbers of those of *articles* that no feed but that of this key showed."""
    numbers = [it.id for it in articles]
    elsewhere = _shown_by(t.feeds.c.key != feed).where(t.sightings.c.article_id.in_(numbers))
    return frozenset(numbers) - frozenset(connection.scalars(elsewhere))


def _shown_by(which: ColumnElement[bool]) -> Select[int]:
    query = select(t.sightings.c.article_id)
    return query.join(t.feeds, t.feeds.c.id == t.sightings.c.feed_id).where(which)


def hold(connection: Connection, articles: Sequence[StoredArticle]) -> set[int]:
    """Lock the *articles* and return the numbers of those that are as they were read.

    Others were revised, or matched by another process, since. The caller commits.
    """
    was = {it.id: (it.present.revision, it.matched_with) for it in articles}
    query = (
        select(t.articles.c.id, t.articles.c.revision, t.articles.c.matched_with)
        .where(t.articles.c.id.in_(was))
        .order_by(t.articles.c.id)  # in one order: no deadlock with another
        .with_for_update()
    )
    return {
        number
        for number, revision, matched_with in connection.execute(query)
        if was[number] == (revision, matched_with)
    }


def mark(connection: Connection, articles: Collection[int], *, lexicon: str) -> None:
    """Note that *articles* are matched with the lexicon of that fingerprint. The caller commits."""
    if articles:
        marked = update(t.articles).where(t.articles.c.id.in_(articles))
        connection.execute(marked.values(matched_with=lexicon))
