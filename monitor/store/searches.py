"""Saved searches in the store: queries that a desk asks again, under names of its own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import delete, insert, select, update

from monitor.store import schema as t
from monitor.store.engine import lock

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from sqlalchemy import Connection

_COLUMNS: Final = (
    t.searches.c.id,
    t.searches.c.name,
    t.searches.c.query,
    t.searches.c.kind,
    t.searches.c.who,
    t.searches.c.made_at,
    t.searches.c.changed_at,
)


@dataclass(frozen=True, slots=True)
class Search:
    """A saved search: what to ask, of which list (*kind*), and who said so last."""

    search_id: int
    name: str
    query: str
    kind: str
    who: str
    made_at: datetime
    changed_at: datetime


def listed(connection: Connection, *, after: int, limit: int) -> list[Search]:
    """Return up to *limit* saved searches with greater numbers than *after*, by number."""
    query = select(*_COLUMNS).where(t.searches.c.id > after).order_by(t.searches.c.id).limit(limit)
    return [Search(*row) for row in connection.execute(query)]


def find(connection: Connection, number: int) -> Search | None:
    """Return the saved search of that number."""
    row = connection.execute(select(*_COLUMNS).where(t.searches.c.id == number)).first()
    return None if row is None else Search(*row)


def find_named(connection: Connection, name: str) -> Search | None:
    """Return the saved search of that name."""
    row = connection.execute(select(*_COLUMNS).where(t.searches.c.name == name)).first()
    return None if row is None else Search(*row)


def names(connection: Connection) -> list[str]:
    """Return the names of all saved searches."""
    return list(connection.scalars(select(t.searches.c.name).order_by(t.searches.c.name)))


def every(connection: Connection) -> Iterator[Search]:
    """Yield all saved searches, by name."""
    rows = connection.execute(select(*_COLUMNS).order_by(t.searches.c.name))
    return (Search(*row) for row in rows)


def add(
    connection: Connection, *, name: str, query: str, kind: str, who: str, now: datetime
) -> int | None:
    """Save a search; return its number, None if the name is taken. The caller commits."""
    if _is_taken(connection, name, by_other_than=None):
        return None
    row = {"name": name, "query": query, "kind": kind, "who": who}
    made: Any = insert(t.searches).values(**row, made_at=now, changed_at=now)
    number: int = connection.execute(made.returning(t.searches.c.id)).scalar_one()
    return number


def change(
    connection: Connection,
    number: int,
    *,
    name: str,
    query: str,
    kind: str,
    who: str,
    now: datetime,
) -> bool:
    """Put another search in place of one; False if its name is taken. The caller commits."""
    if _is_taken(connection, name, by_other_than=number):
        return False
    row = {"name": name, "query": query, "kind": kind, "who": who, "changed_at": now}
    connection.execute(update(t.searches).where(t.searches.c.id == number).values(row))
    return True


def remove(connection: Connection, number: int) -> None:
    """Forget a saved search. The caller commits."""
    connection.execute(delete(t.searches).where(t.searches.c.id == number))


def _is_taken(connection: Connection, name: str, *, by_other_than: int | None) -> bool:
    lock(connection, "searches")
    query = select(t.searches.c.id).where(t.searches.c.name == name)
    found = connection.execute(query).scalar()
    return found is not None and found != by_other_than
