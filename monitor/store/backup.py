"""Backups: a copy of the whole database while it is in use, and its way back.

* A copy is of one moment, is checked before it gets its name, and never takes another's place.
* On SQLite it is a database like any other; on PostgreSQL an archive of pg_dump, which pg_restore
  reads. Those programs must be there, and no older than the server.
* A restore is one transaction: it brings back everything, or leaves what is there as it is.
* What the copy had still to mail may have been mailed since: nobody can know, so it is held back.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
from contextlib import closing
from typing import TYPE_CHECKING, Final, cast

from sqlalchemy import make_url, update

from monitor.errors import StoreError
from monitor.model import DeliveryStatus
from monitor.store import migrate
from monitor.store import schema as t
from monitor.store.engine import open_engine
from monitor.store.schema import SCHEMA

if TYPE_CHECKING:
    from pathlib import Path

    from sqlalchemy import Connection, Engine

HELD: Final = "held back by a restore: it may have been sent after the backup was made"


def backup(engine: Engine, file: Path) -> int:
    """Copy the database into the new *file*; return its size in bytes.

    Raises StoreError, and leaves no file, if that cannot be done or the copy is not whole.
    """
    if file.exists():
        raise StoreError(f"{file} is there already: a backup takes no other's place")
    made = file.with_name(f"{file.name}.part")
    try:
        made.unlink(missing_ok=True)
        if engine.dialect.name == "sqlite":
            _copy_sqlite(engine, made)
        else:
            _run("pg_dump", engine, "--format=custom", f"--file={made}")
        check(engine, made)
        with made.open("rb") as written:
            os.fsync(written.fileno())
        made.rename(file)
    except OSError as error:
        raise StoreError(f"{file} cannot be written: {error.strerror}") from error
    finally:
        made.unlink(missing_ok=True)
    return file.stat().st_size


def check(engine: Engine, file: Path) -> None:
    """Raise StoreError unless *file* is a whole backup that this version can use."""
    if not file.is_file():
        raise StoreError(f"{file} does not exist")
    if engine.dialect.name == "sqlite":
        _check_sqlite(file)
    elif "TABLE DATA public articles" not in _run("pg_restore", None, "--list", str(file)):
        raise StoreError(f"{file} is a backup of something else: it holds no articles")


def restore(engine: Engine, file: Path, *, replace: bool) -> None:
    """Put the backup *file* in the place of what the database holds.

    Raises StoreError, and changes nothing, if *file* is no whole backup, or the database has
    something in it and *replace* is not given. The caller makes sure that no service runs.
    """
    check(engine, file)
    if not replace and migrate.revision(engine) is not None:
        shown = engine.url.render_as_string(hide_password=True)
        raise StoreError(f"database {shown} is not empty: --replace takes its place")
    if engine.dialect.name == "sqlite":
        _fill_sqlite(engine, file)
    else:
        options = ("--clean", "--if-exists") if replace else ()
        _run("pg_restore", engine, "--single-transaction", "--exit-on-error", *options, str(file))


def hold_back(connection: Connection) -> int:
    """Let no mail go out that may have gone out since the backup; return how many. Commit after."""
    open_ones = (DeliveryStatus.WAITING, DeliveryStatus.HANDING_OVER, DeliveryStatus.UNSURE)
    held = (
        update(t.deliveries)
        .where(t.deliveries.c.status.in_(open_ones), t.deliveries.c.due_at.is_not(None))
        .values(status=DeliveryStatus.UNSURE, due_at=None, claimed_by=None, last_error=HELD)
        .returning(t.deliveries.c.id)
    )
    return len(connection.scalars(held).all())


# --- SQLite ------------------------------------------------------------------------------------


def _copy_sqlite(engine: Engine, file: Path) -> None:
    with engine.connect() as connection, closing(connection.connection.cursor()) as raw:
        try:
            raw.execute("VACUUM INTO ?", (str(file),))  # reads one moment, and lets others write
        except sqlite3.Error as error:
            raise StoreError(f"{file} cannot be written: {error}") from error


def _check_sqlite(file: Path) -> None:
    copy = open_engine(f"sqlite:///{file}")
    try:
        found = migrate.revision(copy)
        flaws = migrate.integrity(copy)
    except Exception as error:
        raise StoreError(f"{file} is no backup: {getattr(error, 'orig', error)}") from error
    finally:
        copy.dispose()
    if found is None:
        raise StoreError(f"{file} is an empty database, no backup")
    if found > SCHEMA:
        raise StoreError(f"{file} is at {found}, newer than this version ({SCHEMA})")
    if flaws:
        raise StoreError(f"{file} is damaged: {'; '.join(flaws)}")


def _fill_sqlite(engine: Engine, file: Path) -> None:
    with (
        closing(sqlite3.connect(f"{file.resolve().as_uri()}?mode=ro", uri=True)) as source,
        engine.connect() as connection,
    ):
        target = cast("sqlite3.Connection", connection.connection.driver_connection)
        source.backup(target)  # one transaction of the target's


# --- PostgreSQL --------------------------------------------------------------------------------


def _run(program: str, engine: Engine | None, *options: str) -> str:
    """Run one of PostgreSQL's programs on *engine*'s database; return what it printed.

    The password goes by the environment, which other users cannot read.
    """
    found = shutil.which(program)
    if found is None:
        raise StoreError(f"{program} is not installed: it comes with PostgreSQL's client programs")
    environment = dict(os.environ)
    arguments = [found, *options]
    if engine is not None:
        url = make_url(engine.url)
        if url.password is not None:
            environment["PGPASSWORD"] = str(url.password)
        url = url.set(drivername="postgresql", password=None)
        arguments[1:1] = [
            "--no-owner",
            "--no-acl",
            f"--dbname={url.render_as_string(hide_password=False)}",
        ]
    done = subprocess.run(  # noqa: S603 - our own words, no shell
        arguments, env=environment, capture_output=True, text=True, errors="replace", check=False
    )
    if done.returncode:
        reason = next(iter(done.stderr.strip().splitlines()), f"exit code {done.returncode}")
        raise StoreError(f"{program} failed: {reason}")
    return done.stdout
