"""Procrastinate on our database: where it is, and its tables.

Its schema is made by the first replica that starts, and brought up to date by its own migrations,
which it numbers and does not record: the number is kept as the comment of its table of jobs.
"""

from __future__ import annotations

from importlib import resources
from typing import TYPE_CHECKING, Final

from procrastinate import App as Engine
from procrastinate import PsycopgConnector, SyncPsycopgConnector
from procrastinate.schema import SchemaManager
from psycopg.conninfo import make_conninfo
from sqlalchemy import make_url, text

from monitor import logs
from monitor.errors import StoreError
from monitor.store.engine import lock

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Connection
    from sqlalchemy import Engine as Database

CONNECTIONS: Final = 4  # of a replica to its jobs, beside those to its data
SILENT_S: Final = 30.0  # a replica without a sign of life for so long counts as dead
BEAT_S: Final = 5.0

log = logs.get_logger()


def deferring() -> Engine:
    """Return an engine that defers jobs on connections it is given, and connects to nothing."""
    return Engine(connector=SyncPsycopgConnector())


def connected(url: str) -> Engine:
    """Return an engine that works jobs off, once it is opened."""
    connector = PsycopgConnector(
        conninfo=conninfo(url), min_size=1, max_size=CONNECTIONS, timeout=10.0
    )
    return Engine(connector=connector)


def conninfo(url: str) -> str:
    """Return SQLAlchemy's *url* as libpq writes it."""
    parsed = make_url(url)
    where = parsed.translate_connect_args(username="user", database="dbname")
    more = {
        name: value if isinstance(value, str) else ",".join(value)
        for name, value in parsed.query.items()
    }
    settings = {"application_name": "monitor jobs", "connect_timeout": "10"}
    return make_conninfo(**settings | where | more)


def prepare(database: Database) -> None:
    """Make Procrastinate's tables, or bring them up to date; one process at a time.

    Each of its scripts is a transaction, as it wants it: one that was cut off is taken up there.
    """
    while (made := _step(database)) is not None:
        log.info("schema of jobs", at=made)


def _step(database: Database) -> str | None:
    """Take the next step; return what the tables are at then, None if they were at the newest."""
    names = _migrations()
    with database.begin() as connection:
        lock(connection, "schema of jobs")
        found = _installed(connection)
        if found is None:
            script, now = SchemaManager.get_schema(), names[-1]
        elif found >= names[-1]:
            return None
        else:
            now = next(name for name in names if name > found)
            script = _script(now)
        raw = connection.connection.driver_connection
        raw.execute(script)  # type: ignore[union-attr]  # psycopg's own: several statements
        raw.execute(f"COMMENT ON TABLE procrastinate_jobs IS '{now}'")  # type: ignore[union-attr]
    return now


def _installed(connection: Connection) -> str | None:
    # From the catalogue itself: to_regclass remembers within a transaction what was not there.
    found = connection.execute(
        text(
            "SELECT obj_description(oid, 'pg_class') FROM pg_class"
            " WHERE relname = 'procrastinate_jobs'"
            " AND relnamespace = current_schema()::regnamespace"
        )
    ).one_or_none()
    if found is None:
        return None
    if found[0] is None:
        raise StoreError(
            "the database has tables of Procrastinate that belong to another program: give the"
            " cluster a database of its own"
        )
    return str(found[0])


def _migrations() -> list[str]:
    return sorted(_names())


def _names() -> Iterator[str]:
    for file in (resources.files("procrastinate.sql") / "migrations").iterdir():
        if file.name.endswith(".sql"):
            yield file.name.removesuffix(".sql")


def _script(name: str) -> str:
    folder = resources.files("procrastinate.sql") / "migrations"
    return (folder / f"{name}.sql").read_text(encoding="utf-8")
