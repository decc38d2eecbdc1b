"""Known articles: which stored ones the entries of several polls may mean.

* Looking is done before the write transaction, which then stays short; a look holds as long as
  the store has not changed since.
* One query looks for all polls where it can: a query costs more than the rows it finds.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeVar

from sqlalchemy import func, select, text

from monitor.identity import KnownArticle, article_key, identify
from monitor.store import schema as t
from monitor.store.among import among

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from sqlalchemy import Connection

    from monitor.identity import Identity, Verdict
    from monitor.model import FeedToPoll

_T = TypeVar("_T")
AT_ONCE: Final = 500  # values in one IN list: well under every database's limit


@dataclass(frozen=True, slots=True)
class Known:
    """The known articles *of* each poll and what they make of its entries.

    *state* is that of the store in which they were found.
    """

    of: list[list[KnownArticle]]
    verdicts: list[list[Verdict]]
    state: tuple[int | None, ...]


def look_up(
    connection: Connection, polls: Sequence[tuple[FeedToPoll, Sequence[Identity]]]
) -> Known:
    """Return the stored articles that the identities of each poll may mean.

    They are those with its links, those seen in its feed under its guids and, for entries with
    neither, those with its keys.
    """
    state = _state(connection)
    found = find(connection, polls)
    verdicts = [
        identify(entries, articles) for (_, entries), articles in zip(polls, found, strict=True)
    ]
    return Known(found, verdicts, state)


def holds(connection: Connection, known: Known) -> bool:
    """Return whether nothing was stored since *known* was looked up."""
    return _state(connection) == known.state


def find(
    connection: Connection, polls: Sequence[tuple[FeedToPoll, Sequence[Identity]]]
) -> list[list[KnownArticle]]:
    """Return what `look_up` finds, at the present state of the store."""
    by_link: dict[str, list[tuple[int, str]]] = {}
    links = list({mine.link for _, entries in polls for mine in entries if mine.link})
    for article, link, title in connection.execute(_BY_LINK, {"some": links}):
        by_link.setdefault(link, []).append((article, title))
    feeds = [feed.id for feed, _ in polls]
    before = set(connection.scalars(_SHOWN, {"some": feeds}))
    seen = _seen(connection, [poll for poll in polls if poll[0].id in before])
    found: list[dict[int, tuple[str, str]]] = []  # of each poll: id -> link and title
    for feed, entries in polls:
        articles = {
            article: (mine.link, title)
            for mine in entries
            for article, title in by_link.get(mine.link, ())
        }
        found.append(articles | seen.get(feed.id, {}))
    sightings = _sightings(connection, before, {it for articles in found for it in articles})
    return [
        [
            KnownArticle(article, link, title, sightings.get((feed.id, article), {}))
            for article, (link, title) in sorted(articles.items())
        ]
        for (feed, _), articles in zip(polls, found, strict=True)
    ]


def _seen(
    connection: Connection, polls: Sequence[tuple[FeedToPoll, Sequence[Identity]]]
) -> dict[int, dict[int, tuple[str, str]]]:
    """Return by feed what it showed under these guids or keys: id -> link and title."""
    guids = {(feed.id, mine.guid) for feed, entries in polls for mine in entries if mine.guid}
    seen: dict[int, dict[int, tuple[str, str]]] = {}
    if guids:
        query = _BY_GUID[connection.dialect.name]
        for feed_id, article, link, title in connection.execute(
            query, {"some": json.dumps(list(guids))}
        ):
            seen.setdefault(feed_id, {})[article] = link or "", title
    for feed, entries in polls:
        keys = [article_key(feed.key, mine) for mine in entries if not (mine.link or mine.guid)]
        if keys:
            for article, link, title in connection.execute(_BY_KEY, {"some": keys}):
                seen.setdefault(feed.id, {})[article] = link or "", title
    return seen


def _sightings(
    connection: Connection, feeds: Collection[int], articles: Collection[int]
) -> dict[tuple[int, int], dict[str, str]]:
    """Return what *feeds* showed of *articles*: feed and article -> guid -> content hash."""
    shown: dict[tuple[int, int], dict[str, str]] = {}
    if feeds and articles:
        rows = connection.execute(_SIGHTINGS, {"some": list(articles)})
        for feed, article, guid, content_hash in rows:
            if feed in feeds:  # to ask for them would have SQLite look through all a feed showed
                shown.setdefault((feed, article), {})[guid] = content_hash
    return shown


def chunks(values: Collection[_T]) -> Iterator[list[_T]]:
    """Yield *values* in lists short enough for one query."""
    listed = list(values)
    for start in range(0, len(listed), AT_ONCE):
        yield listed[start : start + AT_ONCE]


def _state(connection: Connection) -> tuple[int | None, ...]:
    return tuple(connection.execute(_STATE).one())


_KNOWN: Final = select(t.articles.c.id, t.articles.c.link, t.articles.c.title)
_BY_LINK: Final = _KNOWN.where(among(t.articles.c.link, "some"))
_BY_KEY: Final = _KNOWN.where(among(t.articles.c.key, "some"))
# SQLite takes the index by feed and guid if the pairs come first, and only then.
_BY_GUID: Final = {
    "sqlite": text(
        """
        SELECT s.feed_id, a.id, a.link, a.title
        FROM json_each(:some) AS pair CROSS JOIN sightings AS s JOIN articles AS a
        WHERE s.feed_id = json_extract(pair.value, '$[0]')
        AND s.guid = json_extract(pair.value, '$[1]') AND a.id = s.article_id
        """
    ),
    "postgresql": text(
        """
        SELECT s.feed_id, a.id, a.link, a.title
        FROM json_array_elements(CAST(:some AS json)) AS pair
        JOIN sightings AS s ON s.feed_id = CAST(pair ->> 0 AS bigint) AND s.guid = pair ->> 1
        JOIN articles AS a ON a.id = s.article_id
        """
    ),
}
_SIGHTINGS: Final = select(
    t.sightings.c.feed_id,
    t.sightings.c.article_id,
    t.sightings.c.guid,
    t.sightings.c.content_hash,
).where(among(t.sightings.c.article_id, "some"))
_SHOWN: Final = select(t.feeds.c.id).where(
    among(t.feeds.c.id, "some"),
    select(t.sightings.c.id).where(t.sightings.c.feed_id == t.feeds.c.id).exists(),
)
_STATE: Final = select(
    *(
        select(func.max(table.c.id)).scalar_subquery()
        for table in (t.articles, t.sightings, t.revisions)
    )
)
