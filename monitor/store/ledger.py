"""The ledger: what polls came to, and what their feeds are like after them.

* Polls are settled by the dozen, in one transaction: one costs hardly more than the other.
* Whatever a feed is said to be, it is said only of the address that was asked.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import bindparam, insert, null, select, update

from monitor.store import schema as t
from monitor.store.many import Many

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy import Connection, Update

    from monitor.model import FeedToPoll

_LINE: Final = {  # of the ledger, where a poll says nothing else
    column.name: 0 if column.default is not None else None
    for column in t.polls.columns
    if column.name not in {"id", "gap"}
} | {"gap": False}
_ADD: Final = Many(tuple(_LINE), lambda _: insert(t.polls))


@dataclass(frozen=True, slots=True)
class Settlement:
    """What a poll of *feed* came to: columns of `polls`, and those of `feeds` that change.

    `gaps` is how many more there are; every other column is what it becomes.
    """

    feed: FeedToPoll
    poll: Mapping[str, Any]
    after: Mapping[str, Any]


def held(connection: Connection, feeds: Sequence[FeedToPoll], worker: str) -> set[int]:
    """Return which of *feeds* are still claimed by *worker*, and keep them so.

    The caller commits.
    """
    ids = sorted(feed.id for feed in feeds)
    mine = select(t.feeds.c.id).where(t.feeds.c.id.in_(ids), t.feeds.c.claimed_by == worker)
    return set(connection.scalars(mine.order_by(t.feeds.c.id).with_for_update()))


def settle(connection: Connection, settlements: Sequence[Settlement]) -> None:
    """Write each poll's line in the ledger and its feed's state after it.

    A feed that was given another address meanwhile is left as it is, since the validators are not
    its own. The caller commits.
    """
    lines = [{**_LINE, "feed_id": it.feed.id, **it.poll} for it in settlements]
    _ADD.execute_dicts(connection, lines)
    alike: dict[tuple[str, ...], list[dict[str, Any]]] = {}  # by the columns they change
    for it in sorted(settlements, key=lambda it: it.feed.id):  # in one order: no deadlock
        values = {f"new_{column}": value for column, value in it.after.items()}
        same = {"same_id": it.feed.id, "same_url": it.feed.url}
        alike.setdefault(tuple(sorted(it.after)), []).append(same | values)
    for columns, changes in alike.items():
        _change_of(columns).execute_dicts(connection, changes)


@cache
def _change_of(columns: tuple[str, ...]) -> Many:
    names = "same_id", "same_url", *(f"new_{column}" for column in columns)
    return Many(names, lambda _: _update_of(columns))


def _update_of(columns: tuple[str, ...]) -> Update:
    values: dict[str, Any] = {
        column: bindparam(f"new_{column}", type_=t.feeds.c[column].type) for column in columns
    }
    if "gaps" in values:
        values["gaps"] = t.feeds.c.gaps + values["gaps"]
    same = t.feeds.c.id == bindparam("same_id"), t.feeds.c.url == bindparam("same_url")
    return update(t.feeds).where(*same).values(claimed_by=null(), **values)


def shown(connection: Connection, feeds: Sequence[FeedToPoll]) -> dict[int, list[int]]:
    """Return by feed the articles that it showed at the last poll that says so, by id."""
    ids = sorted(feed.id for feed in feeds)
    query = select(t.feeds.c.id, t.feeds.c.url, t.feeds.c.articles).where(t.feeds.c.id.in_(ids))
    locked = connection.execute(query.order_by(t.feeds.c.id).with_for_update())
    stored = {(row.id, row.url): row.articles for row in locked}
    return {feed.id: stored.get((feed.id, feed.url)) or [] for feed in feeds}
