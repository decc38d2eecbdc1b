"""Loading: many rows into empty tables, in one transaction.

* Indexes, unique constraints and references are taken away before and made again after, in the
  database's own words for them; that is when it checks them.
* SQLite keeps its unique constraints, which it cannot take away; its references rest in a
  transaction of `migrate.migrating`, and are checked before that commits.
* PostgreSQL takes rows by COPY, as frozen: nobody else sees the tables until the commit.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import JSON, text
from sqlalchemy.exc import IntegrityError

from monitor.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sqlalchemy import Connection, Dialect, Table
    from sqlalchemy.types import TypeEngine

_CONSTRAINTS: Final = text("""
    SELECT CAST(CAST(c.conrelid AS regclass) AS text) AS its_table, quote_ident(c.conname) AS name,
           pg_get_constraintdef(c.oid) AS definition
    FROM pg_constraint c
    WHERE c.contype IN ('f', 'u') AND CAST(CAST(c.conrelid AS regclass) AS text) = ANY(:tables)
    ORDER BY c.contype, c.conname
""")
_INDEXES: Final = text("""
    SELECT CAST(CAST(i.indexrelid AS regclass) AS text) AS name,
           pg_get_indexdef(i.indexrelid) AS definition
    FROM pg_index i
    WHERE NOT i.indisprimary AND CAST(CAST(i.indrelid AS regclass) AS text) = ANY(:tables)
    ORDER BY name
""")
_INDEXES_SQLITE: Final = text(
    "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL ORDER BY name"
)
_NUL: Final = "\x00"


def strip(connection: Connection, tables: Sequence[str]) -> list[str]:
    """Take away indexes and constraints of *tables*; return the statements that make them again.

    On PostgreSQL the tables are emptied too, without which rows cannot be frozen. Nobody else can
    use them until the transaction ends.
    """
    if connection.dialect.name == "sqlite":
        found = connection.execute(_INDEXES_SQLITE).all()
        for name, _ in found:
            connection.exec_driver_sql(f'DROP INDEX "{name}"')
        return [statement for _, statement in found]
    connection.execute(text(f"TRUNCATE {', '.join(tables)}"))
    constraints = connection.execute(_CONSTRAINTS, {"tables": list(tables)}).all()
    for table, name, _ in constraints:  # references first: they need what is unique
        connection.exec_driver_sql(f"ALTER TABLE {table} DROP CONSTRAINT {name}")
    indexes = connection.execute(_INDEXES, {"tables": list(tables)}).all()
    for name, _ in indexes:
        connection.exec_driver_sql(f"DROP INDEX {name}")
    return [definition for _, definition in indexes] + [
        f"ALTER TABLE {table} ADD CONSTRAINT {name} {definition}"
        for table, name, definition in reversed(constraints)
    ]


def make(connection: Connection, statements: Sequence[str]) -> None:
    """Make again what `strip` took away. Raises StoreError if the rows do not allow it."""
    try:
        for statement in statements:
            connection.exec_driver_sql(statement)
    except IntegrityError as error:
        reason = " ".join(str(error.orig).split())
        raise StoreError(f"what was copied does not hold together: {reason}") from error


def load(connection: Connection, table: Table, names: Sequence[str], rows: list[list[Any]]) -> None:
    """Put *rows*, of values for the columns *names*, into a table of `strip`.

    JSON is given as its text. Raises StoreError for a row that the database cannot take.
    """
    quote = connection.dialect.identifier_preparer.quote
    columns = ", ".join(map(quote, names))
    if connection.dialect.name == "sqlite":
        for at, name in enumerate(names):
            if process := _bound(table.c[name].type, connection.dialect):
                for row in rows:
                    row[at] = process(row[at])
        marks = ", ".join("?" * len(names))
        statement = f"INSERT INTO {quote(table.name)} ({columns}) VALUES ({marks})"  # noqa: S608 - our own names
        connection.exec_driver_sql(statement, [tuple(row) for row in rows])
        return
    import psycopg

    driver: Any = connection.connection.driver_connection
    into = f"COPY {quote(table.name)} ({columns}) FROM STDIN WITH (FREEZE)"
    try:
        with driver.cursor() as cursor, cursor.copy(into) as copy:
            for row in rows:
                copy.write_row(row)
    except psycopg.DataError as error:
        raise StoreError(_refused(table, rows, error)) from error


def _bound(kind: TypeEngine[Any], dialect: Dialect) -> Callable[[Any], Any] | None:
    return None if isinstance(kind, JSON) else kind.dialect_impl(dialect).bind_processor(dialect)


def _refused(table: Table, rows: list[list[Any]], error: Exception) -> str:
    reason = str(error).strip().splitlines()[0]
    for row in rows:
        if any(isinstance(value, str) and _NUL in value for value in row):
            return f"table {table.name}, row {row[0]}: PostgreSQL cannot keep a NUL in a text"
    return f"table {table.name}, one of the rows {rows[0][0]} to {rows[-1][0]}: {reason}"
