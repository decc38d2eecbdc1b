"""Transfer: all that a database holds into an empty one of either kind, compared row by row.

* One transaction of the target, schema and all: it gets everything, or stays as empty as it was.
* Nobody writes to the source meanwhile: what is copied is of one moment, and is all there is.
* Rows come in the order of their keys, in batches, so memory does not grow with the archive.
* Who worked on the source knows nothing of the target, where nobody counts as running.
* What the search index holds is of each kind of database its own, and is made anew.
"""

from __future__ import annotations

from contextlib import closing, contextmanager
from itertools import zip_longest
from json import loads
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import JSON, Double, Numeric, Text, cast, func, select, text, type_coerce

from monitor.errors import StoreError
from monitor.store import index, later, loading, migrate, workers
from monitor.store import schema as t
from monitor.store.engine import usable
from monitor.text.index import CUT, index_words

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Sequence
    from datetime import datetime

    from sqlalchemy import Column, ColumnElement, Connection, Engine, Row, Select, Table

    Progress = Callable[[str, int, int], None]

_BATCH: Final = 1000  # rows
_TABLES: Final = tuple(t.metadata.sorted_tables)  # those that others refer to come first
_WORDS: Final = "article_words"


def transfer(
    source: Engine, target: Engine, *, now: datetime, progress: Progress
) -> dict[str, int]:
    """Copy all of *source* into *target*; return the tables that hold something, and how many rows.

    *progress* is called with what is being done, how many rows more were, and how many there are to
    be in all. Raises StoreError, and leaves *target* as it was, if that is not empty, a service
    runs on *source*, or a row cannot be kept or is not the same in both.
    """
    migrate.require(source)
    _require_usable(target)
    with _at_rest(source, now) as read, migrate.migrating(target) as write:
        migrate.upgrade_within(write)
        later.make_missing(write)
        _require_empty(write)
        counts = {table: _count(read, table) for table in _TABLES}
        total = 2 * sum(counts.values())
        anew = loading.strip(write, [*(table.name for table in _TABLES), _WORDS])
        for table in _TABLES:
            for done in _copy(read, write, table):
                progress(f"copying {table.name}", done, total)
        progress("making indexes", 0, total)
        loading.make(write, anew)
        if write.dialect.name == "postgresql":
            _count_on(write)
        write.exec_driver_sql("ANALYZE")
        for table in _TABLES:
            for done in _compare(read, write, table):
                progress(f"comparing {table.name}", done, total)
        workers.leave_behind(write, now=now)
    return {table.name: count for table, count in counts.items() if count}


@contextmanager
def _at_rest(source: Engine, now: datetime) -> Iterator[Connection]:
    """Give a connection to *source*, whose rows nobody changes until the end."""
    if source.dialect.name == "sqlite":
        begin = source.begin()  # writes alone from the start
    else:
        begin = source.execution_options(isolation_level="REPEATABLE READ").begin()
    with usable(source.url.render_as_string(hide_password=False)), begin as connection:
        if source.dialect.name == "postgresql":
            names = ", ".join(table.name for table in _TABLES)
            connection.execute(text(f"LOCK TABLE {names} IN SHARE MODE"))
        workers.require_rest(connection, now=now)
        yield connection


def _require_usable(target: Engine) -> None:
    """Raise StoreError if *target* holds tables of something else, or of another version."""
    found = migrate.revision(target)
    if found is not None:
        migrate.require(target)


def _require_empty(target: Connection) -> None:
    if target.dialect.name == "postgresql":
        names = ", ".join(table.name for table in _TABLES)
        target.execute(text(f"LOCK TABLE {names} IN ACCESS EXCLUSIVE MODE"))
    for table in _TABLES:
        if target.scalar(select(select(table).exists())):
            shown = target.engine.url.render_as_string(hide_password=True)
            raise StoreError(f"database {shown} is not empty: there are rows in {table.name}")


def _count(connection: Connection, table: Table) -> int:
    return connection.scalar(select(func.count()).select_from(table)) or 0


def _copied(table: Table) -> list[Column[Any]]:
    """Return the columns that are the same in both: all but what each database says of itself."""
    return [column for column in table.columns if column is not t.articles.c.indexed]


def _rows(connection: Connection, table: Table) -> Generator[list[Row[Any]]]:
    """Yield the rows of *table* in batches, by key: the same values from either kind of database.

    Instants are aware, sums are rounded to what a column keeps, JSON is its text.
    """
    columns = [_neutral(column) for column in _copied(table)]
    [key] = table.primary_key.columns
    order: ColumnElement[Any] = key
    if isinstance(key.type, Text) and connection.dialect.name == "postgresql":
        order = key.collate("C")  # by code points, as SQLite does
    query: Select[Any] = select(*columns).order_by(order)
    with (
        usable(connection.engine.url.render_as_string(hide_password=False)),
        connection.execute(query.execution_options(yield_per=_BATCH)) as found,
    ):
        yield from map(list, found.partitions())


def _neutral(column: Column[Any]) -> ColumnElement[Any]:
    if isinstance(column.type, JSON):
        return cast(column, Text).label(column.name)
    if isinstance(column.type, Numeric) and not isinstance(column.type, Double):
        return type_coerce(func.round(column, column.type.scale), column.type).label(column.name)
    return column


def _copy(source: Connection, target: Connection, table: Table) -> Iterator[int]:
    """Copy *table*, and the words of articles into the search index; yield how many at a time."""
    names = [column.name for column in _copied(table)]
    with closing(_rows(source, table)) as batches:
        for found in batches:
            if table is t.articles:
                indexed = [[*row, CUT] for row in found]
                loading.load(target, table, [*names, "indexed"], indexed)
                index.add(target, [(it.id, index_words(it.title, it.summary)) for it in found])
            else:
                loading.load(target, table, names, list(map(list, found)))
            yield len(found)


def _count_on(target: Connection) -> None:
    """Let the next row of each table have the number after its last one."""
    for table in _TABLES:
        [key] = table.primary_key.columns
        if not isinstance(key.type, Text):
            query = "SELECT setval(pg_get_serial_sequence(:table, 'id'), max(id)) FROM {}"
            query += " HAVING max(id) IS NOT NULL"
            target.execute(text(query.format(table.name)), {"table": table.name})


def _compare(source: Connection, target: Connection, table: Table) -> Iterator[int]:
    """Compare each row of *table* in both, by key; yield how many at a time."""
    with closing(_rows(source, table)) as ours, closing(_rows(target, table)) as theirs:
        for one, other in zip_longest(ours, theirs, fillvalue=()):
            if one != other:
                _require_same(table, one, other)
            yield len(one)


def _require_same(table: Table, ours: Sequence[Row[Any]], theirs: Sequence[Row[Any]]) -> None:
    columns = _copied(table)
    for one, other in zip_longest(ours, theirs):
        if one is None or other is None or one[0] != other[0]:
            number = min(row[0] for row in (one, other) if row is not None)
            raise StoreError(f"table {table.name}, row {number}: is in one database alone")
        for at, column in enumerate(columns):
            as_json = isinstance(column.type, JSON)
            if one[at] != other[at] and not (as_json and _same(one[at], other[at])):
                place = f"table {table.name}, row {one[0]}"
                raise StoreError(f"{place}: {column.name} is not the same in both")


def _same(one: str | None, other: str | None) -> bool:
    return one is not None and other is not None and loads(one) == loads(other)
