"""Companies as pages show them: how many stories of which topics, week by week. Reads only.

* Stories are counted by their latest news, along an index that holds all it takes: a million hits
  cost what a year of them costs. Those without hits are taken off again, along another.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from sqlalchemy import Integer, Text, column, func, literal_column, select, true, values

from monitor.store import listed
from monitor.store import schema as t
from monitor.store.types import Instant

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import CTE, Column, Connection

    from monitor.store.listed import Listed

_NEVER: Final = datetime(9999, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class CompanyShown:
    """A company: stories by topic and by week, the oldest week first, and the newest of all."""

    key: str
    topics: dict[str, int]
    weeks: tuple[int, ...]
    newest: Listed | None

    @property
    def stories(self) -> int:
        """How many stories there are in these weeks."""
        return sum(self.weeks)


def companies(connection: Connection) -> list[str]:
    """Return the companies that have stories, in order."""
    return _different(connection, t.stories.c.company)


def topics(connection: Connection) -> list[str]:
    """Return the topics that have stories, in order."""
    return _different(connection, t.stories.c.topic)


def _different(connection: Connection, key: Column[str]) -> list[str]:
    """Return the values of a column, found by jumping along the index that begins with it."""
    first = select(func.min(key).label("key")).cte("found", recursive=True)
    behind = select(func.min(key)).where(key > first.c.key).scalar_subquery()
    every = first.union_all(select(behind).where(first.c.key.is_not(None)))
    return [it for it in connection.scalars(select(every.c.key)) if it is not None]


def shown(
    connection: Connection,
    companies: Sequence[str],
    topics: Sequence[str],
    starts: Sequence[datetime],
) -> list[CompanyShown]:
    """Return *companies* in order, with the weeks that begin at *starts*; the last has no end."""
    if not companies:
        return []
    by_week = _by_week(connection, companies, starts)
    by_topic = _by_topic(connection, companies, topics, starts[0])
    for company, topic, at in _gone(connection, starts[0]):
        by_week[company, bisect_right(starts, at) - 1] -= 1
        by_topic[company, topic] -= 1
    newest = _newest(connection, companies)
    stories = listed.listed(connection, newest.values())
    return [
        CompanyShown(
            key=key,
            topics={topic: by_topic[key, topic] for topic in topics if by_topic[key, topic]},
            weeks=tuple(by_week[key, week] for week in range(len(starts))),
            newest=stories.get(newest.get(key, 0)),
        )
        for key in companies
    ]


def _by_week(
    connection: Connection, companies: Sequence[str], starts: Sequence[datetime]
) -> Counter[tuple[str, int]]:
    spans = zip(range(len(starts)), starts, [*starts[1:], _NEVER], strict=True)
    week = values(column("number", Integer), column("since", Instant), column("until", Instant))
    of, during = _names("company", companies), week.data(list(spans)).cte("week")
    its = t.stories.c
    count = select(func.count()).where(
        its.company == of.c.company, its.last_at >= during.c.since, its.last_at < during.c.until
    )
    every = select(of.c.company, during.c.number, count.scalar_subquery())
    rows = connection.execute(every.select_from(of.join(during, true())))
    return Counter({(company, number): found for company, number, found in rows})


def _by_topic(
    connection: Connection, companies: Sequence[str], topics: Sequence[str], since: datetime
) -> Counter[tuple[str, str]]:
    if not topics:
        return Counter()
    of, about = _names("company", companies), _names("topic", topics)
    its = t.stories.c
    count = select(func.count()).where(
        its.company == of.c.company, its.topic == about.c.topic, its.last_at >= since
    )
    every = select(of.c.company, about.c.topic, count.scalar_subquery())
    rows = connection.execute(every.select_from(of.join(about, true())))
    return Counter({(company, topic): found for company, topic, found in rows})


def _gone(connection: Connection, since: datetime) -> list[tuple[str, str, datetime]]:
    """Return company, topic and time of the stories since then that have no hits left."""
    its = t.stories.c
    query = select(its.company, its.topic, its.last_at)
    query = query.where(its.hits == literal_column("0"), its.last_at >= since)
    return [(row.company, row.topic, row.last_at) for row in connection.execute(query)]


def _newest(connection: Connection, companies: Sequence[str]) -> dict[str, int]:
    of = _names("company", companies)
    its = t.stories.c
    last = (
        select(its.id)
        .where(its.company == of.c.company, listed.live())
        .order_by(its.last_at.desc(), its.id.desc())
        .limit(1)
        .correlate(of)
        .scalar_subquery()
    )
    rows = connection.execute(select(of.c.company, last))
    return {company: number for company, number in rows if number is not None}


def _names(name: str, keys: Sequence[str]) -> CTE:
    return values(column(name, Text)).data([(key,) for key in keys]).cte(f"of_{name}")
