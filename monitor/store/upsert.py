"""INSERT ... ON CONFLICT on both databases: once by constraint, whoever comes first."""

from __future__ import annotations

from operator import itemgetter
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection, Insert, Table
    from sqlalchemy.dialects import postgresql, sqlite


def inserting(connection: Connection, table: Table) -> postgresql.Insert | sqlite.Insert:
    """Return the INSERT of *connection*'s database, which knows `on_conflict_do_nothing`."""
    if connection.dialect.name == "postgresql":
        from sqlalchemy.dialects import postgresql

        return postgresql.insert(table)
    from sqlalchemy.dialects import sqlite

    return sqlite.insert(table)


def insert_new(connection: Connection, table: Table, rows: list[dict[str, Any]]) -> None:
    """Insert those of *rows* that break no unique constraint; leave out the others."""
    if rows:
        connection.execute(inserting(connection, table).on_conflict_do_nothing(), rows)


def execute_many(connection: Connection, statement: Insert, rows: Sequence[dict[str, Any]]) -> None:
    """Execute *statement* with each of *rows*, which all have the same columns.

    As `connection.execute` does, which takes as long over a row as the database does: values are
    put in order and turned into the driver's own here, in *rows* themselves, and no default is
    filled in.
    """
    dialect, names = connection.dialect, list(rows[0])
    compiled = statement.compile(dialect=dialect, column_keys=names)
    types = {name: statement.table.c[name].type.dialect_impl(dialect) for name in names}
    for name, its_type in types.items():
        if process := its_type.bind_processor(dialect):
            for row in rows:
                row[name] = process(row[name])
    if compiled.positiontup is None:
        connection.exec_driver_sql(str(compiled), list(rows))
    else:
        values = itemgetter(*compiled.positiontup)
        connection.exec_driver_sql(str(compiled), [values(row) for row in rows])
