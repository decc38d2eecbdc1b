"""Indexes of tables that grow: on PostgreSQL made after a migration, while others read and write.

* A migration creates and drops them by `create_index` and `drop_index` of this module. SQLite makes
  them at once; on PostgreSQL, where that would keep every writer waiting, nothing is made there.
* `complete` makes whatever index of the tables is not there, or was left half made by a process
  that ended, one after another. Without it all is right, and some of it slow.
* The search index is no table of ours: its index of words in blocks is made likewise, and the one
  that it takes the place of is dropped then.
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

    from sqlalchemy import Connection, Engine, TextClause

WAIT_S: Final = 60
LOCK_NOT_AVAILABLE: Final = "55P03"  # PostgreSQL's own code

# Words of an article and of its blocks: `monitor.store.conditions` asks for just that expression.
WORDS_IN_BLOCKS: Final = (
    "words || array_to_tsvector(ARRAY["
    "'#' || (article_id >> 12)::text, '##' || (article_id >> 16)::text])"
)
_BLOCKS: Final = "ix_article_words_blocks"
_OF_BLOCKS: Final = f"CREATE INDEX {_BLOCKS} ON article_words USING gin (({WORDS_IN_BLOCKS}))"
_FORMER: Final = "ix_article_words_words"

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
        if not (_missing(connection) or _has_former(connection)) or not connection.scalar(_ALONE):
            return []
        made = []
        try:
            connection.execute(text(f"SET lock_timeout = '{WAIT_S}s'"))
            for name, statement, valid in _missing(connection):
                _make(connection, name, statement, valid)
                made.append(name)
                log.info("index made", index=name)
            connection.exec_driver_sql(f"DROP INDEX CONCURRENTLY IF EXISTS {_FORMER}")
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
        for _, statement, _ in _missing(connection):
            connection.exec_driver_sql(statement)
        connection.exec_driver_sql(f"DROP INDEX IF EXISTS {_FORMER}")


def _has_former(connection: Connection) -> bool:
    return any(row.relname == _FORMER for row in connection.execute(_MADE))


def _missing(connection: Connection) -> list[tuple[str, str, bool | None]]:
    """Return the name of each index that is not whole, and how it is made.

    With it comes False if it is half made, None if it is not.
    """
    t.columns.tell_conditions()
    made = {row.relname: row.indisvalid for row in connection.execute(_MADE)}
    wanted = {
        str(index.name): str(CreateIndex(index).compile(dialect=connection.dialect))
        for table in t.metadata.sorted_tables
        for index in table.indexes
    }
    wanted[_BLOCKS] = _OF_BLOCKS
    return [
        (name, statement, made.get(name))
        for name, statement in sorted(wanted.items())
        if not made.get(name)
    ]


def _make(connection: Connection, name: str, statement: str, valid: bool | None) -> None:  # noqa: FBT001 - as found
    if valid is False:
        connection.exec_driver_sql(f"DROP INDEX CONCURRENTLY {name}")
    connection.exec_driver_sql(statement.replace(" INDEX ", " INDEX CONCURRENTLY ", 1))
