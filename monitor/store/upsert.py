"""INSERT ... ON CONFLICT on both databases: once by constraint, whoever comes first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy.dialects import sqlite

if TYPE_CHECKING:
    from sqlalchemy import Table
    from sqlalchemy.dialects import postgresql
    from sqlalchemy.orm import Session

    from monitor.store.schema import Base


def inserting(session: Session, table: type[Base] | Table) -> postgresql.Insert | sqlite.Insert:
    """Return the INSERT of *session*'s database, which knows `on_conflict_do_nothing`."""
    if session.get_bind().dialect.name == "postgresql":
        from sqlalchemy.dialects import postgresql

        return postgresql.insert(table)
    return sqlite.insert(table)


def insert_new(session: Session, table: type[Base], rows: list[dict[str, Any]]) -> None:
    """Insert those of *rows* that break no unique constraint; leave out the others."""
    if rows:
        session.execute(inserting(session, table).on_conflict_do_nothing(), rows)
