"""Doctor: looks over everything a service stands on, and says of each whether it is well.

* A finding is *ok*, *warn* (works, and somebody should know) or *fail* (does not work, or soon will
  not), with a sentence that says what to do.
* It changes nothing: no mail is sent, nothing is stored, no schema is upgraded.
"""

from __future__ import annotations

import os
import platform
import shutil
import sqlite3
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Final

from sqlalchemy import func, select
from sqlalchemy.exc import SQLAlchemyError

from monitor.errors import ConfigError, MailError, StoreError
from monitor.pipeline.health import check
from monitor.resources import version
from monitor.store import browse, migrate
from monitor.store import schema as t
from monitor.store.engine import reading, usable
from monitor.store.schema import SCHEMA
from monitor.text.counted import counted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Connection

    from monitor.app import App

LITTLE_BYTES: Final = 1_000_000_000
TOO_LITTLE_BYTES: Final = 100_000_000
SKEW: Final = timedelta(seconds=2)  # more is noted
LARGE_SKEW: Final = timedelta(minutes=1)  # leases and signs of life are of minutes
OLDEST_SQLITE: Final = (3, 35)  # the first with RETURNING


class Grade(StrEnum):
    """How it stands."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found on one *subject*."""

    subject: str
    grade: Grade
    sentence: str


def examine(app: App) -> Iterator[Finding]:
    """Yield what is found, one subject after the other; what cannot be looked at fails."""
    yield from _versions()
    yield from _configuration(app)
    yield from _disks(app)
    yield from _mail(app)
    try:
        with usable(app.database_url):
            found = migrate.revision(app.engine)
            yield _schema(app, found)
            if found == SCHEMA:
                with reading(app.engine) as connection:
                    yield _clock(app, connection)
                    yield from _feeds(connection)
                yield from _service(app)
    except (StoreError, SQLAlchemyError) as error:
        yield Finding("database", Grade.FAIL, str(error))


def of_mistakes(error: ConfigError) -> list[Finding]:
    """Return what is to be said of a configuration that cannot be used."""
    return [Finding("configuration", Grade.FAIL, str(mistake)) for mistake in error.mistakes]


def _versions() -> Iterator[Finding]:
    import pycurl

    engine = ".".join(map(str, sqlite3.sqlite_version_info))
    curl = pycurl.version.split()[0].replace("PycURL/", "pycurl ")
    said = f"monitor {version()}, Python {platform.python_version()}, SQLite {engine}, {curl}"
    old = sqlite3.sqlite_version_info < OLDEST_SQLITE
    needs = "; SQLite 3.35 or newer is needed" if old else ""
    yield Finding("versions", Grade.FAIL if old else Grade.OK, said + needs)


def _configuration(app: App) -> Iterator[Finding]:
    config = app.config
    feeds = sum(feed.enabled for feed in config.feeds)
    said = f"{counted(feeds, 'feed')}, {counted(len(config.subscriptions), 'subscription')}"
    there = {"feed": feeds, "subscription": len(config.subscriptions)}
    missing = [name for name, number in there.items() if not number]
    if missing:
        said += f": without a {' and a '.join(missing)} nothing is told to anybody"
    yield Finding("configuration", Grade.WARN if missing else Grade.OK, said)
    for warning in config.warnings:
        yield Finding("configuration", Grade.WARN, warning)


def _disks(app: App) -> Iterator[Finding]:
    folders: dict[str, Path] = {}
    file = app.engine.url.database
    if app.engine.dialect.name == "sqlite" and file:
        folders["database"] = Path(file).resolve().parent
    if app.config.delivery.smtp is None:
        folders["outbox"] = Path(app.config.delivery.outbox).resolve()
    if app.config.backup is not None:
        folders["backups"] = Path(app.config.backup.folder).resolve()
    for of, wanted in folders.items():
        # What is not there yet is made in the first folder above it that is.
        folder = next(it for it in (wanted, *wanted.parents) if it.is_dir())
        free = shutil.disk_usage(folder).free
        said = f"{free / 1e9:,.1f} GB are free for the {of}, in {folder}"
        grade = Grade.OK
        if not os.access(folder, os.W_OK):
            grade, said = Grade.FAIL, f"{folder}, where the {of} is, cannot be written to"
        elif free < TOO_LITTLE_BYTES:
            grade, said = Grade.FAIL, f"{said}: nothing more can be taken in soon"
        elif free < LITTLE_BYTES:
            grade, said = Grade.WARN, f"{said}: little for a database that grows"
        yield Finding("disk", grade, said)


def _mail(app: App) -> Iterator[Finding]:
    smtp = app.config.delivery.smtp
    if smtp is None:
        said = f"no delivery.smtp: mails are written to {app.config.delivery.outbox}"
        yield Finding("mail", Grade.WARN, said)
        return
    from monitor.deliver.smtp import SmtpMailer

    server = f"{smtp.host}:{smtp.port}"
    try:
        mailer = app.mailer
        if isinstance(mailer, SmtpMailer):
            mailer.try_out()
    except (MailError, ConfigError) as error:
        yield Finding("mail", Grade.FAIL, f"{server}: {error}")
    else:
        done = f"takes the login of {smtp.username}" if smtp.username else "answers, without login"
        yield Finding("mail", Grade.OK, f"{server} {done} ({smtp.security}); nothing was sent")


def _schema(app: App, found: str | None) -> Finding:
    shown = app.engine.url.render_as_string(hide_password=True)
    if found == SCHEMA:
        return Finding("database", Grade.OK, f"{shown} is at schema {SCHEMA}")
    if found is None:
        return Finding("database", Grade.WARN, f"{shown} is empty: `monitor run` makes its tables")
    if found < SCHEMA:
        said = f"{shown} is at schema {found}: `monitor run` or `monitor db upgrade` brings it to"
        return Finding("database", Grade.WARN, f"{said} {SCHEMA}; back it up before")
    said = f"{shown} is at schema {found}, newer than this version ({SCHEMA}): install a newer one"
    return Finding("database", Grade.FAIL, said)


def _clock(app: App, connection: Connection) -> Finding:
    """Hold the machine's clock against the server's, or on SQLite against what it wrote itself."""
    if connection.dialect.name == "postgresql":
        before = app.clock.now()
        theirs = connection.scalar(select(func.clock_timestamp()))
        now = app.clock.now()
        skew = max(theirs - now, before - theirs, timedelta()) if theirs else timedelta()
        said = "the database server's clock and this machine's differ by"
    else:
        newest = connection.scalar(select(func.max(t.polls.c.at, type_=t.polls.c.at.type)))
        skew = max(newest - app.clock.now(), timedelta()) if newest else timedelta()
        said = "the last poll is in the future, by"
    if skew <= SKEW:
        return Finding("clock", Grade.OK, "this machine's clock agrees with the database")
    grade = Grade.FAIL if skew > LARGE_SKEW else Grade.WARN
    return Finding("clock", grade, f"{said} {skew.total_seconds():.0f} s: set it by NTP")


def _feeds(connection: Connection) -> Iterator[Finding]:
    counted = 0
    for feed in browse.feeds(connection):
        if feed.state == "off":
            continue
        if feed.reason:
            said = f"{feed.key} is {feed.state}: {feed.reason}"
            yield Finding("feed", Grade.WARN, said)
        elif feed.state == "probation":
            yield Finding("feed", Grade.WARN, f"{feed.key} has never answered")
        else:
            counted += 1
    yield Finding("feeds", Grade.OK, f"{counted} were well at their last poll")


def _service(app: App) -> Iterator[Finding]:
    health = check(app.engine, app.clock, app.subscriptions, warn=False)
    for reason in health.reasons:
        yield Finding("service", Grade.WARN, reason)
    if app.backup_step is not None:
        missing = app.backup_step.overdue()
        said = missing or f"the latest is in {app.backup_step.folder}"
        yield Finding("backup", Grade.WARN if missing else Grade.OK, said)
    if health.healthy:
        yield Finding("service", Grade.OK, "it runs and keeps its promises")
