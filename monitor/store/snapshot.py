"""The schema of a new SQLite database, as one script: quicker than all migrations in turn.

* `migrations/snapshot.sql` has what they leave behind. It is made from them, by
  `migrations/snapshot.py`, and never edited.
* PostgreSQL, whose databases are seldom new, goes through the migrations.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sqlalchemy import text

from monitor.resources import shipped
from monitor.store.schema import SCHEMA

if TYPE_CHECKING:
    from sqlalchemy import Connection

_APART: Final = ";\n\n"  # no statement has a blank line behind a semicolon
# What SQLite makes of itself, for its own use or that of a virtual table, is left out.
_MADE: Final = text(
    r"""
    SELECT sql FROM sqlite_master
    WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite\_%' ESCAPE '\'
    AND tbl_name NOT IN (SELECT name FROM pragma_table_list WHERE type = 'shadow')
    ORDER BY type <> 'table', type, name
    """
)

# How the search index is kept, which is no part of its CREATE.
_SET: Final = text(
    """
    SELECT 'INSERT INTO article_words (article_words, rank)'
        || ' VALUES (' || quote(k) || ', ' || v || ')'
    FROM article_words_config WHERE k <> 'version' ORDER BY k
    """
)


def taken(connection: Connection) -> str:
    """Return the script that makes tables, indexes and views like those *connection* leads to."""
    statements = [*connection.scalars(_MADE), *connection.scalars(_SET)]
    return "".join(f"{statement}{_APART}" for statement in statements)


def make(connection: Connection) -> None:
    """Make all of it in an empty SQLite database, in the transaction of *connection*."""
    script = shipped("migrations/snapshot.sql").read_text(encoding="utf-8")
    for statement in script.split(_APART)[:-1]:
        connection.exec_driver_sql(statement)
    connection.exec_driver_sql("INSERT INTO alembic_version VALUES (?)", (SCHEMA,))
