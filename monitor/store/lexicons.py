"""Lexicons in the store: each that made hits, in full, under its fingerprint, once."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import select, update
from sqlalchemy.exc import DatabaseError

from monitor.store import audit
from monitor.store import schema as t
from monitor.store.upsert import inserting

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy import Connection, Engine


def keep(
    connection: Connection,
    *,
    fingerprint: str,
    content: str,
    now: datetime,
    inputs: str | None = None,
) -> None:
    """Keep *content* of a lexicon under its fingerprint, once. The caller commits.

    *inputs* is the hash of what it was made from, by which it is `remembered`.
    """
    row = {"fingerprint": fingerprint, "content": content, "valid_from": now}
    statement = inserting(connection, t.lexicons).on_conflict_do_nothing()
    new = connection.scalar(statement.returning(t.lexicons.c.fingerprint), row)
    if new is not None:
        about = audit.of_lexicon(content)
        audit.append(connection, audit.LEXICON, fingerprint, about, who=audit.SERVICE, now=now)
    if inputs is not None:
        made = update(t.lexicons).where(t.lexicons.c.fingerprint == fingerprint)
        connection.execute(made.values(inputs=inputs))


def remembered(engine: Engine, inputs: str) -> tuple[str, str] | None:
    """Return text and fingerprint of the lexicon last made from *inputs*; None if there is none.

    A database that cannot be read, or is at another schema, remembers nothing: whoever uses it
    says what is wrong with it.
    """
    if engine.dialect.name == "sqlite" and not Path(engine.url.database or "").is_file():
        return None  # looking would make it
    query = select(t.lexicons.c.fingerprint, t.lexicons.c.content).where(
        t.lexicons.c.inputs == inputs
    )
    try:
        with engine.execution_options(reads=True).connect() as connection:
            found = connection.execute(query).first()
    except DatabaseError:
        return None
    return (found.content, found.fingerprint) if found else None


def content(connection: Connection, fingerprint: str) -> str | None:
    """Return the text of the lexicon of that fingerprint, None if it was never kept."""
    query = select(t.lexicons.c.content).where(t.lexicons.c.fingerprint == fingerprint)
    return connection.scalar(query)
