"""Many: statements that take rows by the hundred, compiled once for each kind of database.

As `connection.execute` does, but what that does for each row in Python is done here for each
column: a row takes hardly longer than the database takes for it. No default is filled in.

Python's driver of SQLite lets other threads run at each row, and then waits for its turn: up to
5 ms, and the others who want to write with it, wherever one of the threads works. So rows are
inserted there dozens at a time, by one statement.
"""

from __future__ import annotations

from itertools import chain
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import Insert

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from sqlalchemy import Connection, Update

    Process = Callable[[Any], Any]


_SIZES: Final = (64, 16, 4, 1)  # rows of one statement: of more, preparing takes memory


class Many:
    """A statement for many rows, each of which gives a value for every one of *names*.

    *names* are columns of an INSERT, parameters of an UPDATE. *make* makes the statement for the
    connection's database.
    """

    def __init__(self, names: Sequence[str], make: Callable[[Connection], Insert | Update]) -> None:
        self.names: Final = tuple(names)
        self._make = make
        self._compiled: dict[str, _Compiled] = {}

    def execute(self, connection: Connection, rows: Iterable[Sequence[Any]]) -> None:
        """Execute the statement with each of *rows*, whose values are in the order of *names*."""
        columns: list[Sequence[Any]] = list(zip(*rows, strict=True))
        if not columns:
            return
        kind = connection.dialect.name
        if kind not in self._compiled:
            self._compiled[kind] = _Compiled(connection, self._make(connection), self.names)
        self._compiled[kind].execute(connection, columns)

    def execute_dicts(self, connection: Connection, rows: Iterable[Mapping[str, Any]]) -> None:
        """Execute the statement with each of *rows*, which are by name."""
        self.execute(connection, map(itemgetter(*self.names), rows))


class _Compiled:
    """A statement as text, with what turns the values of its columns into the driver's own."""

    def __init__(
        self, connection: Connection, statement: Insert | Update, names: tuple[str, ...]
    ) -> None:
        dialect = connection.dialect
        keys = list(names) if isinstance(statement, Insert) else None
        compiled = statement.compile(dialect=dialect, column_keys=keys)
        self._text = str(compiled)
        self._inserts = isinstance(statement, Insert)
        self._by_name = names if compiled.positiontup is None else None
        self._order = [names.index(name) for name in compiled.positiontup or names]
        self._process: dict[int, Process] = {}
        for at, name in enumerate(names):
            its_type = compiled.binds[name].type.dialect_impl(dialect)
            if process := its_type.bind_processor(dialect):
                self._process[at] = process

    def execute(self, connection: Connection, columns: list[Sequence[Any]]) -> None:
        for at, process in self._process.items():
            # One instant is that of many rows: by identity it costs nothing to know it again.
            values = {id(value): value for value in columns[at]}
            done = {number: process(value) for number, value in values.items()}
            columns[at] = [done[id(value)] for value in columns[at]]
        rows: list[Any] = list(zip(*(columns[at] for at in self._order), strict=True))
        if self._inserts and connection.dialect.name == "sqlite":
            insert_together(connection, self._text, rows)
            return
        if self._by_name:
            rows = [dict(zip(self._by_name, row, strict=True)) for row in rows]
        connection.exec_driver_sql(self._text, rows)


def insert_together(connection: Connection, text: str, rows: Sequence[Sequence[Any]]) -> None:
    """Insert *rows* into SQLite by *text*, an INSERT of one row; as many at once as it takes well.

    Few sizes are used, so that few statements are prepared.
    """
    if not rows:
        return
    one = f"({', '.join('?' * len(rows[0]))})"
    before, values, after = text.partition(f"VALUES {one}")
    if not values:
        raise ValueError(f"no INSERT of one row: {text}")
    at = 0
    for size in _SIZES:
        values = ", ".join([one] * size if len(rows) - at >= size else ())
        while len(rows) - at >= size:
            some = tuple(chain.from_iterable(rows[at : at + size]))
            connection.exec_driver_sql(f"{before}VALUES {values}{after}", some)
            at += size
