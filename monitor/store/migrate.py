"""Bringing a database to the schema this version needs. Alembic, configured in code.

* `SCHEMA` in `schema.py` names the newest migration; reading it costs no import of Alembic.
* An upgrade is one transaction; two processes that start at once do it one after the other. On
  PostgreSQL it waits no longer than LOCK_S for a table, since everybody else then waits behind it,
  and tries again; indexes of large tables come after it (`later`).
* A new SQLite database is made from a snapshot of what all migrations come to (`snapshot`).
* SQLite changes a table by making it anew. References between tables rest meanwhile, and are all
  checked before the commit, as https://www.sqlite.org/lang_altertable.html (section 7) wants it.
"""

from __future__ import annotations

import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from sqlalchemy import inspect, text
from sqlalchemy.exc import OperationalError

from monitor import logs
from monitor.errors import StoreError
from monitor.resources import shipped
from monitor.store import later, snapshot
from monitor.store.engine import lock
from monitor.store.schema import SCHEMA

if TYPE_CHECKING:
    from collections.abc import Iterator

    from alembic.config import Config
    from sqlalchemy import Connection, Engine

LOCK_S: Final = 3  # that everybody else may have to wait behind us
PAUSE_S: Final = 2.0  # in which they go on
ATTEMPTS: Final = 24  # two minutes

log = logs.get_logger()


def revision(engine: Engine) -> str | None:
    """Return the migration the database is at; None for an empty one.

    Raises StoreError for a database with tables that are not ours.
    """
    with engine.execution_options(reads=True).connect() as connection:
        names = inspect(connection).get_table_names()
        if "alembic_version" not in names:
            if names:
                shown = engine.url.render_as_string(hide_password=True)
                raise StoreError(
                    f"database {shown} holds tables of something else: {names[0]}, ..."
                )
            return None
        found: str | None = connection.scalar(text("SELECT version_num FROM alembic_version"))
        return found


def require(engine: Engine) -> None:
    """Raise StoreError, with what to do, unless the database is at the schema we need."""
    found = revision(engine)
    if found == SCHEMA:
        return
    shown = engine.url.render_as_string(hide_password=True)
    if found is None:
        raise StoreError(f"database {shown} is empty: run `monitor poll` or `monitor db upgrade`")
    if found > SCHEMA:
        raise StoreError(f"database {shown} is at {found}, newer than this version ({SCHEMA})")
    raise StoreError(f"database {shown} is at {found}, not {SCHEMA}: run `monitor db upgrade`")


def upgrade(engine: Engine) -> str | None:
    """Bring the database to `SCHEMA`; return what it was at before. Does nothing if it is there."""
    found = revision(engine)
    if found == SCHEMA:
        later.complete(engine)
        return found
    if found is not None and found > SCHEMA:
        require(engine)
    if found is None and engine.dialect.name == "sqlite" and _make_new(engine):
        return found
    for left in reversed(range(ATTEMPTS)):
        try:
            with migrating(engine) as connection:
                upgrade_within(connection)
                if found is None:
                    later.make_missing(connection)
            break
        except OperationalError as error:
            if getattr(error.orig, "sqlstate", None) != later.LOCK_NOT_AVAILABLE:
                raise
            if not left:
                shown = engine.url.render_as_string(hide_password=True)
                raise StoreError(
                    f"database {shown} cannot be upgraded: another transaction, such as a backup"
                    " or a long query, holds on to a table; nothing was changed"
                ) from error
            log.warning("upgrade waits", error=str(error.orig).splitlines()[0])
            time.sleep(PAUSE_S)
    later.complete(engine)
    return found


def upgrade_within(connection: Connection) -> None:
    """Bring the database to `SCHEMA` in a transaction of `migrating`. Waits for who does so too."""
    # Alembic imports Mako, for templates it writes with, and that all lexers of Pygments.
    sys.modules.setdefault("mako.ext.pygmentplugin", None)  # type: ignore[arg-type]  # "not there"
    from alembic import command

    lock(connection, "upgrade")
    if connection.dialect.name == "postgresql":
        connection.execute(text(f"SET LOCAL lock_timeout = '{LOCK_S}s'"))
    command.upgrade(alembic_config(connection), "head")


def _make_new(engine: Engine) -> bool:
    """Make all tables in a database that has none; return False if it has some by now."""
    with engine.begin() as connection:
        if inspect(connection).get_table_names():  # another process was quicker
            return False
        snapshot.make(connection)
        return True


@contextmanager
def migrating(engine: Engine) -> Iterator[Connection]:
    """Give a connection in a transaction in which tables may be made anew; commit at the end.

    Raises StoreError, and changes nothing, if a row would refer to nothing.
    """
    with engine.connect() as connection:
        if engine.dialect.name != "sqlite":
            with connection.begin():
                yield connection
            return
        # The pragma does nothing inside a transaction, and SQLAlchemy's connection begins one.
        raw = connection.connection.cursor()
        raw.execute("PRAGMA foreign_keys=OFF")
        try:
            with connection.begin():
                yield connection
                _require_references(connection)
        finally:
            raw.execute("PRAGMA foreign_keys=ON")
            raw.close()


def _require_references(connection: Connection) -> None:
    for row in connection.execute(text("PRAGMA foreign_key_check")):
        raise StoreError(f"table {row[0]}, row {row[1]}: would refer to nothing in {row[2]}")


def alembic_config(connection: Connection) -> Config:
    """Return Alembic's configuration for work on *connection*, in its transaction."""
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(shipped("migrations")).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config


def integrity(engine: Engine) -> list[str]:
    """Return what is wrong with the database's own structure: nothing, when it is whole.

    SQLite checks its file and the references between tables; PostgreSQL cares for itself.
    """
    if engine.dialect.name != "sqlite":
        return []
    with engine.execution_options(reads=True).connect() as connection:
        file = connection.scalars(text("PRAGMA integrity_check")).all()
        references = connection.execute(text("PRAGMA foreign_key_check")).all()
    flaws = [str(line) for line in file if line != "ok"]
    return flaws + [
        f"table {row[0]}, row {row[1]}: refers to nothing in {row[2]}" for row in references
    ]
