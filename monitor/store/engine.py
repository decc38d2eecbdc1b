"""Opening the database: SQLite in WAL mode with sane waiting, or PostgreSQL.

* A write transaction (`engine.begin()`) on SQLite begins with BEGIN IMMEDIATE: it waits for its
  turn at the start, up to BUSY, instead of failing in the middle when a read turns into a write.
* A read transaction (`reading`) begins with BEGIN and never waits for a writer, thanks to WAL.
* `synchronous=FULL`: what is committed survives a power cut, not just a crash.
"""

from __future__ import annotations

from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import create_engine, event, make_url, text
from sqlalchemy.exc import DatabaseError, OperationalError

from monitor.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Connection, Engine

BUSY = timedelta(seconds=30)


def open_engine(url: str) -> Engine:
    """Return an engine for *url* (`sqlite:///...` or `postgresql+psycopg://...`).

    Connects to nothing yet.
    """
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite":
        engine = create_engine(parsed, connect_args={"timeout": BUSY.total_seconds()})
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
        return engine
    engine = create_engine(
        parsed,
        pool_pre_ping=True,
        connect_args={"connect_timeout": 10, "application_name": "monitor"},
    )
    event.listen(engine, "connect", _prepare_postgresql)
    return engine


def _prepare_sqlite(connection: Any, _record: Any) -> None:  # noqa: ANN401 - the driver's own types
    connection.isolation_level = None  # the driver begins nothing by itself: _begin_sqlite does
    # The size of a page is for a new file: of another one it stays what it is.
    for pragma in ("page_size=8192", "journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}").close()


def _prepare_postgresql(connection: Any, _record: Any) -> None:  # noqa: ANN401 - the driver's own types
    # Queries are small, or read through a cursor, which is never parallel: helpers would start and
    # code be compiled for longer than that saves.
    connection.execute("SET jit = off")
    connection.execute("SET max_parallel_workers_per_gather = 0")
    connection.execute("SET timezone = 'UTC'")  # no instant has to be turned
    connection.commit()


def _begin_sqlite(connection: Connection) -> None:
    reads = connection.get_execution_options().get("reads", False)
    connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """Give a connection that only reads, and keeps no writer waiting on SQLite."""
    with engine.execution_options(reads=True).connect() as connection:
        yield connection


@contextmanager
def usable(url: str) -> Iterator[None]:
    """Turn a database that cannot be reached into a StoreError that says which and why."""
    try:
        yield
    except DatabaseError as error:
        # A file that is damaged, or no database, has no kind of its own; the other kinds are ours.
        if type(error) not in {OperationalError, DatabaseError}:
            raise
        shown = make_url(url).render_as_string(hide_password=True)
        reason = str(error.orig).strip().splitlines()[0]
        raise StoreError(f"database {shown} cannot be used: {reason}") from error


def lock(connection: Connection, name: str) -> None:
    """Let one transaction at a time pass here, until it ends.

    On SQLite a write transaction is alone already; PostgreSQL takes an advisory lock.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(hashtext(:name))"), {"name": name})


def try_lock(connection: Connection, name: str) -> bool:
    """Take that lock until the transaction ends, unless another has it; return whether we do."""
    if connection.dialect.name != "postgresql":
        return True
    asked = text("SELECT pg_try_advisory_xact_lock(hashtext(:name))")
    return connection.execute(asked, {"name": name}).scalar_one() is True


def may_be_lost(connection: Connection) -> None:
    """Let the commit not wait for the disk: a power cut may undo it, as if it had never been.

    For a claim, which then holds no more, and where others wait for the commit. PostgreSQL alone.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(text("SET LOCAL synchronous_commit = off"))
