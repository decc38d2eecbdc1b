"""Counts of feeds: the articles, hits and full texts each has, kept by whoever changes them.

* What a transaction adds or takes away is a row of its own in `feed_counts`; the sum of its rows is
  what a feed has. So nobody waits for a row that another holds, and at every commit the sums agree
  with the tables they are of.
* Whoever adds a row whose number is a multiple of FOLD_EVERY folds: the rows of a feed become one.
  The table stays that small, whichever commands are used. Nobody waits for that either.
* What somebody writes who knows nothing of this (a program of a former version, beside this one) is
  not counted, until it is set right (`recounts`).
"""

from __future__ import annotations

from collections import defaultdict
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import delete, func, insert, select

from monitor.model import FullTextStatus
from monitor.store import numbering
from monitor.store import schema as t
from monitor.store.engine import try_lock
from monitor.store.known import chunks
from monitor.store.many import Many

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from sqlalchemy import Connection

FOLD_EVERY: Final = 2000

SUMMED: Final = ("articles", "hits", "full_texts", "pages_waiting", "pages_given_up")
PAGES: Final = {
    FullTextStatus.STORED: "full_texts",
    FullTextStatus.WAITING: "pages_waiting",
    FullTextStatus.GIVEN_UP: "pages_given_up",
}
LOCK: Final = "counts of feeds"
_ADD: Final = Many(("id", "feed_id", "newest_article_at", *SUMMED), lambda _: insert(t.feed_counts))


@dataclass(slots=True)
class _Count:
    newest_article_at: datetime | None = None
    articles: int = 0
    hits: int = 0
    full_texts: int = 0
    pages_waiting: int = 0
    pages_given_up: int = 0

    def see(self, published_at: datetime | None) -> None:
        newest = self.newest_article_at
        if published_at is not None and (newest is None or published_at > newest):
            self.newest_article_at = published_at

    def add(self, row: Any) -> None:  # noqa: ANN401 - a row of `feed_counts`
        self.see(row.newest_article_at)
        for name in SUMMED:
            setattr(self, name, getattr(self, name) + getattr(row, name))

    def values(self) -> tuple[Any, ...]:
        return (self.newest_article_at, *(getattr(self, name) for name in SUMMED))


@dataclass(slots=True)
class Tally:
    """What a transaction changes in the counts of feeds, until `tally` writes it."""

    _feeds: dict[int, _Count] = field(default_factory=dict)
    _hits: dict[int, int] = field(default_factory=dict)  # by article
    _feed_of: dict[int, int] = field(default_factory=dict)  # of new articles

    def article(self, number: int, feed: int, published_at: datetime | None) -> None:
        """Count a new article."""
        count = self._of(feed)
        count.articles += 1
        count.see(published_at)
        self._feed_of[number] = feed

    def hit(self, article: int, change: int) -> None:
        """Count one hit more (1) or fewer (-1) of an article, new or not."""
        self._hits[article] = self._hits.get(article, 0) + change

    def page(self, feed: int, before: str | None, after: str | None) -> None:
        """Count that the page of an article has another status; None is without a row."""
        count = self._of(feed)
        for status, change in ((before, -1), (after, 1)):
            name = PAGES.get(FullTextStatus(status)) if status is not None else None
            if name is not None:
                setattr(count, name, getattr(count, name) + change)

    def _of(self, feed: int) -> _Count:
        if feed not in self._feeds:
            self._feeds[feed] = _Count()
        return self._feeds[feed]

    def write(self, connection: Connection) -> None:
        """Add a row for each feed of which something changed."""
        changes = {article: change for article, change in self._hits.items() if change}
        its, unknown = t.articles.c, changes.keys() - self._feed_of.keys()
        for some in chunks(unknown):
            found = connection.execute(select(its.id, its.feed_id).where(its.id.in_(some)))
            self._feed_of |= {row.id: row.feed_id for row in found}
        for article, change in changes.items():
            self._of(self._feed_of[article]).hits += change
        nothing = _Count().values()
        changed = [(feed, *it.values()) for feed, it in sorted(self._feeds.items())]
        _add(connection, [row for row in changed if row[1:] != nothing])


@contextmanager
def tally(connection: Connection) -> Iterator[Tally]:
    """Give a tally of what changes in this transaction; it is written at the end of the block."""
    changed = Tally()
    yield changed
    changed.write(connection)


def of_feeds(connection: Connection, feed: int | None = None) -> dict[int, tuple[int, int]]:
    """Return by its number how many articles and hits each feed has, or that one."""
    its = t.feed_counts.c
    query = select(its.feed_id, func.sum(its.articles), func.sum(its.hits)).group_by(its.feed_id)
    rows = connection.execute(query if feed is None else query.where(its.feed_id == feed))
    found = {number: (int(articles), int(hits)) for number, articles, hits in rows}
    return defaultdict(lambda: (0, 0), found)


def _add(connection: Connection, rows: Sequence[tuple[Any, ...]], *, folds: bool = True) -> None:
    """Add *rows*, which are without a number."""
    if not rows:
        return
    numbers = numbering.reserve(connection, t.feed_counts, len(rows))
    _ADD.execute(connection, [(number, *row) for number, row in zip(numbers, rows, strict=True)])
    if folds and any(number % FOLD_EVERY == 0 for number in numbers):
        fold(connection)


def fold(connection: Connection) -> None:
    """Make one row of the rows of each feed, unless another is at it. The caller commits.

    Just the rows that are deleted are summed, so that one which is committed meanwhile stays.
    """
    if not try_lock(connection, LOCK):
        return
    its = t.feed_counts.c
    several = select(its.feed_id).group_by(its.feed_id).having(func.count() > 1)
    gone = delete(t.feed_counts).where(its.feed_id.in_(several)).returning(t.feed_counts)
    sums: dict[int, _Count] = {}
    for row in connection.execute(gone):
        sums.setdefault(row.feed_id, _Count()).add(row)
    rows = [(feed, *it.values()) for feed, it in sorted(sums.items())]
    _add(connection, rows, folds=False)
