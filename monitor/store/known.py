"""Known articles: which stored ones the entries of several polls may mean.

* Looking is done before the write transaction, which then stays short; a look holds as long as
  the store has not changed since.
* One query looks for all polls where it can: a query costs more than the rows it finds.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeVar

from sqlalchemy import bindparam, func, select

from monitor.identity import KnownArticle, article_key
from monitor.store import schema as t

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from sqlalchemy import BindParameter, Connection

    from monitor.identity import Identity
    from monitor.model import FeedToPoll

_T = TypeVar("_T")
AT_ONCE: Final = 500  # values in one IN list: well under every database's limit


@dataclass(frozen=True, slots=True)
class Known:
    """The known articles of each poll, and the *state* of the store in which they were found."""

    of: list[list[KnownArticle]]
    state: tuple[int | None, ...]


def look_up(
    connection: Connection, polls: Sequence[tuple[FeedToPoll, Sequence[Identity]]]
) -> Known:
    """Return the stored articles that the identities of each poll may mean.

    They are those with its links, those seen in its feed under its guids and, for entries with
    neither, those with its keys.
    """
    return Known(find(connection, polls), _state(connection))


def holds(connection: Connection, known: Known) -> bool:
    """Return whether nothing was stored since *known* was looked up."""
    return _state(connection) == known.state


def find(
    connection: Connection, polls: Sequence[tuple[FeedToPoll, Sequence[Identity]]]
) -> list[list[KnownArticle]]:
    """Return what `look_up` finds, at the present state of the store."""
    by_link: dict[str, list[tuple[int, str]]] = {}
    for some in chunks({mine.link for _, entries in polls for mine in entries if mine.link}):
        for article, link, title in connection.execute(_BY_LINK, {"some": some}):
            by_link.setdefault(link, []).append((article, title))
    feeds = {feed.id for feed, _ in polls}
    before = {
        row[0] for some in chunks(feeds) for row in connection.execute(_SHOWN, {"some": some})
    }
    found = []
    for feed, entries in polls:
        articles = {
            article: (mine.link, title)
            for mine in entries
            for article, title in by_link.get(mine.link, ())
        }
        if feed.id in before:
            articles |= _seen_in(connection, feed, entries)
        found.append(_with_sightings(connection, feed, articles, seen=feed.id in before))
    return found


def _seen_in(
    connection: Connection, feed: FeedToPoll, entries: Sequence[Identity]
) -> dict[int, tuple[str, str]]:
    """Return id -> link and title of the articles seen in *feed* under these guids or keys."""
    guids = {mine.guid for mine in entries if mine.guid}
    keys = {article_key(feed.key, mine) for mine in entries if not (mine.link or mine.guid)}
    return {
        article: (link or "", title)
        for query, values in ((_BY_KEY, keys), (_BY_GUID, guids))
        for some in chunks(values)
        for article, link, title in connection.execute(query, {"feed": feed.id, "some": some})
    }


def _with_sightings(
    connection: Connection, feed: FeedToPoll, articles: dict[int, tuple[str, str]], *, seen: bool
) -> list[KnownArticle]:
    sightings: dict[int, dict[str, str]] = {article: {} for article in articles}
    for some in chunks(articles.keys()) if seen else ():
        for article, guid, words in connection.execute(_SIGHTINGS, {"feed": feed.id, "some": some}):
            sightings[article][guid] = words
    return [
        KnownArticle(article, link, title, sightings[article])
        for article, (link, title) in sorted(articles.items())
    ]


def chunks(values: Collection[_T]) -> Iterator[list[_T]]:
    """Yield *values* in lists short enough for one query."""
    listed = list(values)
    for start in range(0, len(listed), AT_ONCE):
        yield listed[start : start + AT_ONCE]


def _state(connection: Connection) -> tuple[int | None, ...]:
    return tuple(connection.execute(_STATE).one())


# Made once: a list of values is a single parameter, which costs nothing to put together.
_SOME: Final[BindParameter[Any]] = bindparam("some", expanding=True)
_KNOWN: Final = select(t.articles.c.id, t.articles.c.link, t.articles.c.title)
_BY_LINK: Final = _KNOWN.where(t.articles.c.link.in_(_SOME))
_BY_KEY: Final = _KNOWN.where(t.articles.c.key.in_(_SOME))
_BY_GUID: Final = _KNOWN.join(t.sightings, t.sightings.c.article_id == t.articles.c.id).where(
    t.sightings.c.feed_id == bindparam("feed"), t.sightings.c.guid.in_(_SOME)
)
_SIGHTINGS: Final = select(
    t.sightings.c.article_id, t.sightings.c.guid, t.sightings.c.content_hash
).where(t.sightings.c.feed_id == bindparam("feed"), t.sightings.c.article_id.in_(_SOME))
_SHOWN: Final = select(t.feeds.c.id).where(
    t.feeds.c.id.in_(_SOME),
    select(t.sightings.c.id).where(t.sightings.c.feed_id == t.feeds.c.id).exists(),
)
_STATE: Final = select(
    *(
        select(func.max(table.c.id)).scalar_subquery()
        for table in (t.articles, t.sightings, t.revisions)
    )
)
