"""Search: the articles, hits or stories that answer a query, the newest first.

* The index says which articles have the words; the text of each decides (`monitor.query`), by the
  same function on both databases. What the index does not hold is looked through as well.
* Found a page at a time, as far as they are asked for: a page grows while it finds little.
* A query is about an article and one of its hits: an article answers if one of its hits does, or
  it has none and answers without; a story answers if one of its hits does.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from heapq import merge, nlargest
from itertools import islice
from typing import TYPE_CHECKING, Any, Final, Literal

from sqlalchemy import and_, func, literal_column, or_, select

from monitor.query import (
    HitFacts,
    Piece,
    alternatives,
    matches,
    narrow,
    phrases,
    relevance,
)
from monitor.query.tree import about_hits, needs_hit
from monitor.store import schema as t
from monitor.store.among import among
from monitor.store.conditions import (
    has_prefix,
    kind_of,
    known,
    newest_with,
    seen_in,
    time_of,
)
from monitor.store.few import few

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Sequence

    from sqlalchemy import ColumnElement, Connection, Select

    from monitor.query import Need, Node, Seen

Kind = Literal["article", "hit", "story"]

RANKED: Final = 1000  # the newest answers, of which the best come first if that is asked for
DISORDER: Final = timedelta(hours=1)
_FIRST: Final = 200  # candidates of the first page
_LARGEST: Final = 5000
_DEAR: Final = 3000  # candidates of the first page where to ask again takes as long again
_AT_ONCE: Final = 500  # texts in memory
_MOST: Final = 4 * _AT_ONCE  # candidates among which SQL leaves fewer than that
_UNINDEXED: Final = or_(t.articles.c.indexed.is_(None), t.articles.c.indexed == literal_column("0"))


@dataclass(frozen=True, slots=True)
class Found:
    """An answer; *hit* and *story* are None for an article that answers without a hit."""

    article: int
    hit: int | None
    story: int | None
    piece: Piece

    @property
    def newness(self) -> tuple[int, int]:
        """Return what to sort by: the newest article first, then the newest hit."""
        return -self.article, -(self.hit or 0)

    def number(self, kind: Kind) -> int | None:
        """Return the id of the article, hit or story."""
        return {"article": self.article, "hit": self.hit, "story": self.story}[kind]


@dataclass(frozen=True, slots=True)
class Best:
    """The best of the newest *among* answers; *whole* if there are no others."""

    found: tuple[Found, ...]
    among: int
    whole: bool


@dataclass(slots=True)
class Bound:
    """How many candidates are looked at, by each alternative of a query; None for all.

    *first* of them are read at once, then more and more. *down_to* is the article down to which
    all candidates were looked at where these were not all; 0 where they were.
    """

    most: int | None = None
    first: int = _FIRST
    down_to: int = 0

    @property
    def start(self) -> int:
        """Return how many to read at once, to begin with."""
        return self.first if self.most is None else min(self.first, self.most)

    def next(self, size: int, looked_at: int, largest: int) -> int:
        """Return how many to read after *size*, with *looked_at* behind: more, but not too many."""
        left = largest if self.most is None else self.most - looked_at
        return max(1, min(size * 4, largest, left))

    def ends(self, looked_at: int, article: int) -> bool:
        """Return whether *looked_at* are enough, the last of them *article*; remember it if so."""
        enough = self.most is not None and looked_at >= self.most
        if enough:
            self.down_to = max(self.down_to, article)
        return enough


def find(
    connection: Connection,
    query: Node,
    kind: Kind,
    *,
    where: Sequence[ColumnElement[bool]] = (),
    below: int | None = None,
    bound: Bound | None = None,
) -> Iterator[Found]:
    """Yield the answers of that *kind* to *query*, each once, the newest article first.

    *where* are conditions on t.articles, t.feeds or, unless *kind* is "article", t.hits. *below* is
    a number that all articles are under. With a *bound* there may be answers missing among
    articles under its `down_to`.
    """
    bound = bound or Bound()
    stories: set[int] = set()
    streams = []
    for part in alternatives(query):
        need, its_kind = narrow(part), kind_of(part)
        if not all(its_kind.values()):
            continue  # it says of one thing that it is two
        asked = _Asked(connection, part, kind, tuple(where), below, bound, stories)
        hits = few(connection, its_kind)
        if hits is not None:
            streams += [asked.all(among(t.hits.c.id, hits), sort=True)] if hits else []
        elif need is None:
            streams.append(asked.all())
        else:
            streams.append(asked.indexed(need))
            if _any_unindexed(connection):
                streams.append(asked.all(_UNINDEXED))
    last = None
    for found in merge(*streams, key=lambda it: it.newness):
        number = found.number(kind)
        if number is None or number == last or number in stories:
            continue
        last = number  # an article's or hit's answers follow one another
        if kind == "story":
            stories.add(number)
        yield found


def best(
    connection: Connection,
    query: Node,
    kind: Kind,
    *,
    limit: int,
    where: Sequence[ColumnElement[bool]] = (),
    among: int = RANKED,
    within: int | None = None,
) -> Best:
    """Return the *limit* best of the newest *among* answers, by what they have of the query.

    With *within* they are looked for among so many of the newest articles that the index names: it
    bounds the work where answers are rare among these.
    """
    bound = Bound(within, first=among)
    newest = list(islice(find(connection, query, kind, where=where, bound=bound), among))
    terms = set(phrases(query))
    scored = [(relevance(terms, it.piece), it.article, it.hit or 0, it) for it in newest]
    some = nlargest(limit, scored, key=lambda row: row[:3])
    whole = not bound.down_to and len(newest) < among
    return Best(tuple(it for *_, it in some), len(newest), whole=whole)


def judged(
    connection: Connection, query: Node, kind: Kind, *where: ColumnElement[bool]
) -> Iterator[Found]:
    """Yield the answers among what *where* leaves, each looked at, without asking the index."""
    return _Asked(connection, query, kind, where, None, Bound(), set()).all()


def _any_unindexed(connection: Connection) -> bool:
    some = select(t.articles.c.id).where(_UNINDEXED).limit(1)
    return connection.scalar(some) is not None


@dataclass(frozen=True, slots=True)
class _Asked:
    """A query, or one of its alternatives, on its way through the pages of candidates."""

    connection: Connection
    query: Node
    kind: Kind
    where: tuple[ColumnElement[bool], ...]
    below: int | None
    bound: Bound
    stories: set[int]  # those that were found, if stories are looked for

    def indexed(self, need: Need) -> Iterator[Found]:
        """Yield the answers among the articles that the index names."""
        seen = seen_in(self.query)
        lowest, highest = 0, None
        if seen is not None and seen.until is not None:
            lowest, highest = self._between(seen)
        below = self.below
        if highest is not None and (below is None or highest < below):
            below = highest + 1
        size, looked_at, span = self.bound.start, 0, 0
        some = size  # are judged at once
        if has_prefix(need):
            size = self.bound.next(_DEAR, 0, _DEAR)
        while True:
            ids = newest_with(self.connection, need, below, size, least=lowest, span=span)
            at = 0
            while chunk := ids[at : at + some]:
                read = yield from self._judged(self._query().where(among(t.articles.c.id, chunk)))
                at += some
                # Where SQL knows more than the words, it lets few of them through.
                some = min(4 * some, _MOST) if 4 * read < some else _AT_ONCE
            looked_at += len(ids)
            if len(ids) < size or self.bound.ends(looked_at, ids[-1]):
                return
            below, size = ids[-1], self.bound.next(size, looked_at, _LARGEST)
            span = (ids[0] - ids[-1]) * size // len(ids)
            if seen is not None and not lowest:
                lowest, _ = self._between(seen)

    def _between(self, seen: Seen) -> tuple[int, int]:
        """Return the first and the last article that can be of that time, by number.

        Articles are numbered as they are stored: not quite in the order of the instants they were
        stored as of, but within DISORDER.
        """
        at = t.articles.c.first_seen
        # One by one, since SQLite finds an end by itself along the index, but walks for both.
        of_time = (select(it).where(time_of(seen)) for it in (func.min(at), func.max(at)))
        ends = self.connection.execute(select(*(it.scalar_subquery() for it in of_time))).one()
        if ends[0] is None:
            return 1, 0
        number = t.articles.c.id + 0  # else a planner may walk along all numbers to the first
        early = select(func.min(number)).where(at >= ends[0], at <= ends[0] + DISORDER)
        late = select(func.max(number)).where(at >= ends[1] - DISORDER, at <= ends[1])
        lowest, highest = self.connection.scalar(early), self.connection.scalar(late)
        return lowest or 1, highest or 0

    def all(self, *limits: ColumnElement[bool], sort: bool = False) -> Iterator[Found]:
        """Yield the answers among all articles that *limits* and the fields leave.

        With *sort* there are few of them, to be sorted rather than met on a walk along all.
        """
        query = self._query().where(*limits)
        if sort:
            query = query.order_by(None).order_by((self._article + 0).desc(), t.hits.c.id.desc())
        below = self.below
        size, looked_at = min(_FIRST, self.bound.start), 0
        while True:
            page = query if below is None else query.where(self._article < below)
            rows = self.connection.execute(page.limit(size)).all()
            whole = len(rows) < size
            if not whole and rows[0].id == rows[-1].id:
                size *= 4  # one article with more hits than a page has rows
                continue
            # The last article of a full page may have more hits: it is left to the next page.
            last = None if whole else rows[-1].id
            yield from self._answers(row for row in rows if row.id != last)
            looked_at += len(rows)
            if last is None or self.bound.ends(looked_at, last + 1):
                return
            below, size = last + 1, min(size * 2, _AT_ONCE)

    @property
    def _article(self) -> Any:  # noqa: ANN401 - a column
        return t.hits.c.article_id if self._by_hits else t.articles.c.id

    @property
    def _by_hits(self) -> bool:
        """Whether the candidates are hits with their articles, not articles with their hits."""
        return self.kind != "article" or needs_hit(self.query)

    def _query(self) -> Select[Any]:
        """Return the query of candidates: articles with their live hits, the newest first."""
        facts = (t.hits.c.company, t.hits.c.topic, t.hits.c.stage, t.hits.c.regulator)
        numbers = (t.hits.c.amount, t.hits.c.currency, t.hits.c.score)
        query: Any = select(
            t.articles.c.id,
            t.articles.c.title,
            t.articles.c.summary,
            t.feeds.c.key,
            t.articles.c.language,
            t.articles.c.first_seen,
        )
        live = t.hits.c.withdrawn_at.is_(None)
        if self._by_hits:
            query = query.add_columns(t.hits.c.id.label("hit"), t.hits.c.story_id, *facts, *numbers)
            query = query.select_from(t.hits).join(
                t.articles, t.articles.c.id == t.hits.c.article_id
            )
            query = query.where(live).order_by(t.hits.c.article_id.desc(), t.hits.c.id.desc())
        elif about_hits(self.query):
            query = query.add_columns(t.hits.c.id.label("hit"), t.hits.c.story_id, *facts, *numbers)
            query = query.outerjoin(t.hits, and_(t.hits.c.article_id == t.articles.c.id, live))
            query = query.order_by(t.articles.c.id.desc(), t.hits.c.id.desc())
        else:
            query = query.order_by(t.articles.c.id.desc())
        query = query.join(t.feeds, t.feeds.c.id == t.articles.c.feed_id)
        limit = known(self.query)
        limited: Select[Any] = query.where(*self.where, *([] if limit is None else [limit]))
        return limited

    def _judged(self, query: Select[Any]) -> Generator[Found, None, int]:
        return (yield from self._answers(self.connection.execute(query)))

    def _answers(self, rows: Any) -> Generator[Found, None, int]:  # noqa: ANN401 - rows of `_query`
        """Yield what answers among *rows*; return how many these are."""
        read = 0
        for row in rows:
            read += 1
            if self.stories and row.story_id in self.stories:
                continue
            piece = _piece(row)
            if matches(self.query, piece):
                hit = row.hit if piece.hit else None
                yield Found(row.id, hit, row.story_id if piece.hit else None, piece)
        return read


def _piece(row: Any) -> Piece:  # noqa: ANN401 - a row of `_query`
    hit = None
    if getattr(row, "hit", None) is not None:
        hit = HitFacts(
            row.company, row.topic, row.stage, row.regulator, row.amount, row.currency, row.score
        )
    return Piece(row.title, row.summary, row.key, row.language, row.first_seen, hit)
