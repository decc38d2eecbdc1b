"""Backups: a copy of the whole database while it is in use, and its way back.

* A copy is of one moment, is checked before it gets its name, and never takes another's place.
* On SQLite it is a database like any other; on PostgreSQL an archive of pg_dump, which pg_restore
  and psql bring back. Those programs must be there, and no older than the server.
* A restore is one transaction: it brings back everything, or leaves what is there as it is.
* What the copy had still to mail may have been mailed since: nobody can know, so it is held back,
  by the same transaction: a restore that dies sends nothing.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
from contextlib import closing, suppress
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, TYPE_CHECKING, Final, cast

from sqlalchemy import func, make_url, select, text

from monitor.errors import StoreError
from monitor.model import DeliveryStatus
from monitor.store import migrate, room
from monitor.store import schema as t
from monitor.store.engine import open_engine, reading
from monitor.store.schema import SCHEMA

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine

HELD: Final = "held back by a restore: it may have been sent after the backup was made"
# These columns are in every schema a backup may have.
_HOLD: Final = f"""
UPDATE deliveries SET status = '{DeliveryStatus.UNSURE}', due_at = NULL, claimed_by = NULL,
    last_error = '{HELD}'
WHERE due_at IS NOT NULL AND status IN
    ('{DeliveryStatus.WAITING}', '{DeliveryStatus.HANDING_OVER}', '{DeliveryStatus.UNSURE}');
"""  # noqa: S608 - our own words


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
    """Put the backup *file* in the place of what the database holds, with its mails held back.

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
        _fill_postgresql(engine, file, *options, first=_dropping_later_tables(file))


def held_back(connection: Connection) -> int:
    """Return how many deliveries a restore has held back, of which nobody has decided yet."""
    its = t.deliveries.c
    held = select(func.count()).where(its.status == DeliveryStatus.UNSURE, its.last_error == HELD)
    return connection.scalar(held) or 0


# --- SQLite ------------------------------------------------------------------------------------


def _require_room(engine: Engine, file: Path) -> None:
    """Raise StoreError if the copy would leave too little of its disk to record what is sent."""
    with reading(engine) as connection:
        pages, free_pages, size = (
            connection.scalar(text(f"PRAGMA {name}")) or 0
            for name in ("page_count", "freelist_count", "page_size")
        )
    takes, free = (pages - free_pages) * size, shutil.disk_usage(file.parent).free
    if free < takes + room.KEPT_FREE_BYTES:
        raise StoreError(
            f"{file} cannot be written: it takes {takes / 1e6:,.1f} MB, and {free / 1e6:,.1f} MB"
            f" are free, of which {room.KEPT_FREE_BYTES / 1e6:,.0f} stay so"
        )


def _copy_sqlite(engine: Engine, file: Path) -> None:
    _require_room(engine, file)
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
    made = Path(f"{engine.url.database}.restoring")
    try:
        made.unlink(missing_ok=True)
        with (
            closing(sqlite3.connect(f"{file.resolve().as_uri()}?mode=ro", uri=True)) as source,
            closing(sqlite3.connect(made)) as copy,
            engine.connect() as connection,
        ):
            source.backup(copy)
            copy.executescript(_HOLD)
            target = cast("sqlite3.Connection", connection.connection.driver_connection)
            copy.backup(target)  # one transaction of the target's
    except sqlite3.Error as error:
        raise StoreError(f"{file} cannot be put in place: {error}") from error
    finally:
        for name in (made, Path(f"{made}-wal"), Path(f"{made}-shm")):
            name.unlink(missing_ok=True)


# --- PostgreSQL --------------------------------------------------------------------------------

_ANYBODYS: Final = ("--no-owner", "--no-acl")  # whoever brings it back owns it
_KINDS: Final = ("TABLE", "VIEW")
_NEWER_ONLY: Final = b"SET transaction_timeout = 0;\n"  # as it is without being set


def _program(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        raise StoreError(f"{name} is not installed: it comes with PostgreSQL's client programs")
    return found


def _database(engine: Engine) -> tuple[str, dict[str, str]]:
    """Return the option that names *engine*'s database, and the environment with its password.

    Other users can read a process's arguments, and not its environment.
    """
    url = make_url(engine.url)
    password = {} if url.password is None else {"PGPASSWORD": str(url.password)}
    shown = url.set(drivername="postgresql", password=None)
    return f"--dbname={shown.render_as_string(hide_password=False)}", {**os.environ, **password}


def _run(program: str, engine: Engine | None, *options: str) -> str:
    """Run one of PostgreSQL's programs on *engine*'s database; return what it printed."""
    arguments, environment = [_program(program), *options], dict(os.environ)
    if engine is not None:
        named, environment = _database(engine)
        arguments[1:1] = [*_ANYBODYS, named]
    done = subprocess.run(  # noqa: S603 - our own words, no shell
        arguments, env=environment, capture_output=True, text=True, errors="replace", check=False
    )
    _require(program, done.returncode, done.stderr)
    return done.stdout


def _require(program: str, code: int, errors: str) -> None:
    if code:
        reason = next(iter(errors.strip().splitlines()), f"exit code {code}")
        raise StoreError(f"{program} failed: {reason}")


def _dropping_later_tables(file: Path) -> str:
    """Return what drops the tables that came after an archive of a former schema was made.

    pg_restore clears away what it knows only: it would leave them, and the upgrade that makes them
    would fail; or it would fail itself, where they refer to what it clears away. Views that read
    them are in its way, and come back.
    """
    listed = [line.split() for line in _run("pg_restore", None, "--list", str(file)).splitlines()]
    its = {kind: [it[5] for it in listed if it[3:5] == [kind, "public"]] for kind in _KINDS}
    later = sorted(t.metadata.tables.keys() - its["TABLE"])
    return "".join(
        f"DROP {kind} IF EXISTS {', '.join(f'public.{name}' for name in names)};\n"
        for kind, names in (("VIEW", its["VIEW"]), ("TABLE", later))
        if names and later
    )


def _fill_postgresql(engine: Engine, file: Path, *options: str, first: str) -> None:
    """Have psql run *first* and what pg_restore makes of the archive, as one transaction.

    Not pg_restore alone: that of version 17 sets a parameter which older servers do not know.
    """
    making = [_program("pg_restore"), *_ANYBODYS, *options, "--file=-", str(file)]
    named, environment = _database(engine)
    running = [_program("psql"), "--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", named]
    with (
        TemporaryFile() as made_errors,
        TemporaryFile() as run_errors,
        subprocess.Popen(  # noqa: S603 - our own words, no shell
            making, stdout=subprocess.PIPE, stderr=made_errors
        ) as maker,
        subprocess.Popen(  # noqa: S603 - our own words, no shell
            running,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=run_errors,
        ) as runner,
    ):
        script, wanted = cast("IO[bytes]", maker.stdout), cast("IO[bytes]", runner.stdin)
        # psql that ended early says why; it closes its end, and so do we then.
        with suppress(BrokenPipeError), wanted:
            wanted.write(b"BEGIN;\n" + first.encode())
            for line in script:
                if line == _NEWER_ONLY:
                    continue
                wanted.write(line)
                if line.startswith(b"COPY "):  # behind it stands data, which is nobody's to change
                    shutil.copyfileobj(script, wanted)
            if maker.wait() == 0:
                wanted.write(b"SET search_path = public;\n" + _HOLD.encode())
                wanted.write(b"COMMIT;\n")  # without it, all is rolled back
        script.close()
        for program, process, errors in (
            ("psql", runner, run_errors),
            ("pg_restore", maker, made_errors),
        ):
            process.wait()
            errors.seek(0)
            _require(program, process.returncode, errors.read().decode("utf-8", "replace"))
