"""SQL that somebody typed: it can read, and nothing else, for a time, so many rows at a time.

* Several guards, each by itself enough: SQLite opens the file read-only, and its authoriser lets
  nothing but reading through, of this file alone; PostgreSQL runs one statement as a cursor, which
  only a query can be, in a transaction that is READ ONLY.
* A query that takes too long is ended; nobody is kept waiting by it meanwhile.
"""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing, contextmanager
from time import monotonic
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from monitor.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import timedelta

    from sqlalchemy import Engine

_AT_ONCE: Final = 1000  # rows
_STEPS: Final = 100_000  # of SQLite's machine between two looks at the clock
_LEAD: Final = re.compile(r"(?:\s+|--[^\n]*(?:\n|$)|/\*.*?\*/)*(\w*)", re.DOTALL)
_READS: Final = frozenset({"select", "with", "values"})
_ALLOWED: Final = frozenset(
    (
        sqlite3.SQLITE_SELECT,
        sqlite3.SQLITE_READ,
        sqlite3.SQLITE_RECURSIVE,
        sqlite3.SQLITE_FUNCTION,
    )
)
_REFUSED: Final = "monitor sql only reads: it takes one SELECT, or WITH or VALUES that ends in one"


@contextmanager
def asking(
    engine: Engine, query: str, *, within: timedelta
) -> Iterator[tuple[list[str], Iterator[Sequence[Any]]]]:
    """Give the columns of *query* and its rows as they are read, for at most *within*.

    Raises UsageError for what does not only read, has a mistake or takes too long, here or as rows
    are read.
    """
    first = _LEAD.match(query)
    if first is None or first[1].lower() not in _READS:
        raise UsageError(_REFUSED)
    reading = _postgresql if engine.dialect.name == "postgresql" else _sqlite
    with reading(engine, query.strip().rstrip(";"), within) as (columns, rows):
        yield _apart(columns), rows


def _apart(names: Sequence[str]) -> list[str]:
    """Return *names*, with a number behind those that were there before."""
    taken: list[str] = []
    for name in names:
        given, number = name, 1
        while given in taken:
            number += 1
            given = f"{name}_{number}"
        taken.append(given)
    return taken


@contextmanager
def _sqlite(
    engine: Engine, query: str, within: timedelta
) -> Iterator[tuple[list[str], Iterator[Sequence[Any]]]]:
    path = quote(str(engine.url.database or ""))
    until = monotonic() + within.total_seconds()
    try:
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
            connection.execute("PRAGMA query_only=ON").close()
            connection.set_authorizer(_authorise)
            connection.set_progress_handler(lambda: monotonic() > until, _STEPS)
            cursor = connection.execute(query)
            columns = [column[0] for column in cursor.description or ()]
            yield columns, iter(cursor)
    except (sqlite3.DatabaseError, sqlite3.Warning) as error:
        raise _as_usage(str(error), within) from error


def _authorise(action: int, first: str | None, second: str | None, *_: str | None) -> int:
    if action not in _ALLOWED or "load_extension" in (first, second):
        return sqlite3.SQLITE_DENY
    return sqlite3.SQLITE_OK


@contextmanager
def _postgresql(
    engine: Engine, query: str, within: timedelta
) -> Iterator[tuple[list[str], Iterator[Sequence[Any]]]]:
    import psycopg

    pooled = engine.raw_connection()
    try:
        connection: psycopg.Connection[Any] = pooled.driver_connection  # type: ignore[assignment]
        with connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION READ ONLY")
            cursor.execute(f"SET LOCAL statement_timeout = {int(within.total_seconds() * 1000)}")
            # Prepared, since one statement only can be.
            cursor.execute(f"DECLARE asked NO SCROLL CURSOR FOR {query}".encode(), prepare=True)
            cursor.execute(f"FETCH {_AT_ONCE} FROM asked")
            columns = [column.name for column in cursor.description or ()]
            yield columns, _fetched(cursor)
    except psycopg.errors.Error as error:
        raise _as_usage(str(error).partition("\n")[0], within) from error
    finally:
        pooled.rollback()
        pooled.close()


def _fetched(cursor: Any) -> Iterator[Sequence[Any]]:  # noqa: ANN401 - psycopg's own cursor
    while rows := cursor.fetchall():
        yield from rows
        cursor.execute(f"FETCH {_AT_ONCE} FROM asked")


def _as_usage(said: str, within: timedelta) -> UsageError:
    low = said.lower()
    if "interrupted" in low or "statement timeout" in low:
        return UsageError(f"the query took longer than {within.total_seconds():g} s and was ended")
    if any(word in low for word in ("not authorized", "prohibited", "readonly", "read-only")):
        return UsageError(f"{_REFUSED} ({said})")
    return UsageError(f"the query cannot be run: {said}")
