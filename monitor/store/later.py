"""Indexes of tables that grow: on PostgreSQL made after a migration, while others read and write.

* A migration creates and drops them by `create_index` and `drop_index` of this module. SQLite makes
  them at once; on PostgreSQL, where that would keep every writer waiting, nothing is made there.
* `complete` makes whatever index of the tables is not there, or was left half made by a process
  that ended, one after another. Without it all is right, and some of it slow.
* What is unique belongs into the migration itself: it is a promise.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import text
from sqlalchemy.exc import OperationalError
from sqlalchemy.schema import CreateIndex

from monitor import logs
from monitor.store import schema as t

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection, Engine, Index, TextClause

WAIT_S: Final = 60
LOCK_NOT_AVAILABLE: Final = "55P03"  # PostgreSQL's own code

log = logs.get_logger()

_MADE: Final = text("""
    SELECT c.relname, i.indisvalid FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
    WHERE c.relnamespace = CAST(current_schema() AS regnamespace)
""")
_ALONE: Final = text("SELECT pg_try_advisory_lock(hashtext('indexes'))")
_NO_MORE: Final = text("SELECT pg_advisory_unlock(hashtext('indexes'))")


def create_index(
    name: str, table: str, columns: Sequence[str], where: TextClause | None = None
) -> None:
    """Create an index in a migration, unless `complete` will."""
    from alembic import op

    if op.get_bind().dialect.name == "sqlite":
        options: dict[str, Any] = {} if where is None else {"sqlite_where": where}
        op.create_index(name, table, list(columns), **options)


def drop_index(name: str, table: str) -> None:
    """Drop such an index in a migration."""
    from alembic import op

    op.drop_index(name, table, if_exists=True)


def complete(engine: Engine) -> list[str]:
    """Make the indexes that are missing on PostgreSQL; return their names.

    Leaves it to another process if one is at it, and to the next start if transactions that began
    before, such as a backup, go on for longer than WAIT_S: readers and writers go on, this waits.
    """
    if engine.dialect.name != "postgresql":
        return []
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        if not _missing(connection) or not connection.scalar(_ALONE):
            return []
        made = []
        try:
            connection.execute(text(f"SET lock_timeout = '{WAIT_S}s'"))
            for index, valid in _missing(connection):
                made.append(_make(connection, index, valid))
                log.info("index made", index=made[-1])
        except OperationalError as error:
            if getattr(error.orig, "sqlstate", None) != LOCK_NOT_AVAILABLE:
                raise
            log.warning("indexes left for the next start", error=str(error.orig).splitlines()[0])
        finally:
            connection.execute(text("RESET lock_timeout"))
            connection.execute(_NO_MORE)
        return made


def make_missing(connection: Connection) -> None:
    """Make the indexes that are missing on PostgreSQL, in a transaction on tables without rows."""
    if connection.dialect.name == "postgresql":
        for index, _ in _missing(connection):
            connection.execute(CreateIndex(index))


def _missing(connection: Connection) -> list[tuple[Index, bool | None]]:
    """Return each index that is not whole; with it False if it is half made, None if it is not."""
    t.columns.tell_conditions()
    made = {row.relname: row.indisvalid for row in connection.execute(_MADE)}
    wanted = [index for table in t.metadata.sorted_tables for index in table.indexes]
    wanted.sort(key=lambda index: str(index.name))
    return [(it, made.get(str(it.name))) for it in wanted if not made.get(str(it.name))]


def _make(connection: Connection, index: Index, valid: bool | None) -> str:  # noqa: FBT001 - as found
    if valid is False:
        connection.exec_driver_sql(f"DROP INDEX CONCURRENTLY {index.name}")
    statement = str(CreateIndex(index).compile(dialect=connection.dialect))
    connection.exec_driver_sql(statement.replace(" INDEX ", " INDEX CONCURRENTLY ", 1))
    return str(index.name)
