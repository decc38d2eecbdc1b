"""Backups: a whole copy of one moment while the database is in use, and its way back."""

import json
import os
import shutil
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest
from alembic import command
from conftest import needs
from sqlalchemy import select, text, update
from stored import NOW, contents, put

from monitor.errors import StoreError
from monitor.model import Rendered
from monitor.store import claims, digests, workers
from monitor.store import schema as t
from monitor.store.backup import HELD, backup, held_back, restore
from monitor.store.engine import open_engine
from monitor.store.migrate import alembic_config, integrity, revision, upgrade

WORDS = Rendered("Subject", "Text", "<p>Text</p>")


@pytest.fixture
def full(engine):
    """A database with something in it."""
    if engine.dialect.name == "postgresql" and not shutil.which("pg_dump"):
        needs("PostgreSQL's client programs (pg_dump)")
    put(engine)
    return engine


def test_a_backup_brings_everything_back(full, engine, tmp_path):
    """Whatever happens to the database later, the copy brings every row back as it was."""
    before = contents(full)
    assert backup(full, tmp_path / "copy") > 10_000

    with engine.begin() as connection:
        connection.execute(update(t.articles).values(title="damaged"))
        connection.execute(text("DELETE FROM hits"))
    assert contents(full) != before
    restore(full, tmp_path / "copy", replace=True)

    assert contents(full) == before
    assert integrity(full) == []


def test_a_backup_is_of_one_moment(full, engine, tmp_path):
    """What another transaction has not committed is not in the copy, and holds nobody up."""
    before = contents(full)
    with engine.begin() as connection:
        connection.execute(update(t.articles).values(title="not yet"))
        backup(full, tmp_path / "copy")
    restore(full, tmp_path / "copy", replace=True)

    assert contents(full) == before


def test_nothing_is_overwritten(full, engine, tmp_path):
    """A file that is there stays; a database that holds something is replaced only on request."""
    (tmp_path / "other").write_text("other")
    with pytest.raises(StoreError, match="is there already"):
        backup(full, tmp_path / "other")
    assert (tmp_path / "other").read_text() == "other"

    backup(full, tmp_path / "copy")
    put(engine, ("Acme fined again",), feed="b")
    later = contents(full)
    with pytest.raises(StoreError, match="is not empty"):
        restore(full, tmp_path / "copy", replace=False)
    assert contents(full) == later


def test_programs_newer_than_the_server(full, engine, tmp_path, monkeypatch):
    """A copy comes back though pg_restore sets what only a newer server knows."""
    if engine.dialect.name == "sqlite":
        return
    programs = tmp_path / "bin"
    programs.mkdir()
    newer = programs / "pg_restore"
    real = shutil.which("pg_restore")
    newer.write_text(f"#!/bin/sh\necho 'SET transaction_timeout = 0;'\nexec {real} \"$@\"\n")
    newer.chmod(0o755)
    before = contents(full)
    backup(full, tmp_path / "copy")
    with engine.begin() as connection:
        connection.execute(text("DELETE FROM hits"))
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")

    restore(full, tmp_path / "copy", replace=True)

    assert contents(full) == before


@pytest.mark.parametrize("damage", ["no file", "another file", "cut short"])
def test_what_is_no_backup_changes_nothing(full, tmp_path, damage):
    """A file that is no whole backup is refused by name, and the database stays as it is."""
    file = tmp_path / "copy"
    if damage == "another file":
        file.write_bytes(b"something else" * 1000)
    if damage == "cut short":
        backup(full, tmp_path / "whole")
        whole = (tmp_path / "whole").read_bytes()
        file.write_bytes(whole[: len(whole) // 2])
    before = contents(full)

    with pytest.raises(StoreError):
        restore(full, file, replace=True)
    assert contents(full) == before


def test_a_folder_that_is_not_there(full, tmp_path):
    """A backup that cannot be written says so, and leaves nothing behind."""
    with pytest.raises(StoreError):
        backup(full, tmp_path / "nowhere" / "copy")
    assert list(tmp_path.glob("nowhere*")) == []


@pytest.mark.usefixtures("full")
def test_mails_that_may_have_gone_out_are_held_back(engine, tmp_path):
    """What was due when the copy was made is not mailed a second time without a word.

    It comes back held: whatever dies after the restore, there is no moment at which it is due.
    """
    with engine.begin() as connection:
        for number, day in enumerate((NOW, NOW + timedelta(days=1))):
            frozen = digests.FrozenDigest(
                subscription="desk",
                slot=day,
                composed_at=day,
                lexicon="f",
                content={},
                rendered=WORDS,
                hits=(),
                message_ids={"a@example.com": f"<{number}@example.com>"},
            )
            assert digests.freeze(connection, frozen)
        connection.execute(
            update(t.deliveries).where(t.deliveries.c.id == 1).values(status="sent", due_at=None)
        )
    backup(engine, tmp_path / "copy")
    restore(engine, tmp_path / "copy", replace=True)

    with engine.begin() as connection:
        assert held_back(connection) == 1
        rows = connection.execute(select(t.deliveries).order_by(t.deliveries.c.id)).all()
    assert [(row.status, row.due_at, row.last_error) for row in rows] == [
        ("sent", None, None),
        ("unsure", None, HELD),
    ]


@pytest.mark.parametrize("schema", ["0029", "0020"])
def test_a_backup_of_a_former_schema(full, tmp_path, schema):
    """It takes the place of a database that was upgraded since, and is upgraded in its turn."""
    with full.begin() as connection:
        command.downgrade(alembic_config(connection), schema)
    backup(full, tmp_path / "copy")
    with full.connect() as connection:
        before = connection.execute(text("SELECT * FROM v_feeds")).mappings().one()
    upgrade(full)
    put(full, ["Acme antitrust"], feed="b")

    restore(full, tmp_path / "copy", replace=True)
    assert revision(full) == schema
    upgrade(full)

    with full.connect() as connection:
        after = connection.execute(text("SELECT * FROM v_feeds")).mappings().one()
    assert (before["articles"], before["hits"]) == (4, 2)
    assert {name: after[name] for name in before} == before
    assert integrity(full) == []


def test_the_commands(tmp_path):
    """An operator backs up, loses the database, restores; not while a service runs."""
    (tmp_path / "config.yaml").write_text("feeds: []\n", "utf-8")

    def monitor(*args):
        done = subprocess.run(
            [sys.executable, "-m", "monitor", *args],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        return done.returncode, done.stdout + done.stderr

    assert monitor("db", "backup", "a.db")[0] == 1  # there is nothing yet
    assert monitor("db", "upgrade")[0] == 0
    engine = open_engine(f"sqlite:///{tmp_path}/monitor.db")
    put(engine)
    with engine.begin() as connection:
        connection.execute(update(t.feeds).values(claimed_by=None))
    assert monitor("db", "backup", "a.db")[1].endswith("bytes, whole\n")
    before = contents(engine)
    engine.dispose()
    for file in tmp_path.glob("monitor.db*"):
        file.unlink()

    assert monitor("db", "restore", "a.db")[0] == 0
    engine = open_engine(f"sqlite:///{tmp_path}/monitor.db")
    assert contents(engine) == before
    with engine.begin() as connection:
        now = "strftime('%Y-%m-%dT%H:%M:%fZ', 'now')"
        connection.execute(
            text(f"INSERT INTO workers (name, started_at, beat_at) VALUES ('w', {now}, {now})")
        )
    engine.dispose()
    code, said = monitor("db", "restore", "a.db", "--replace")
    assert (code, "stop it first (one that was killed counts for a minute)" in said) == (1, True)


def test_a_restored_database_can_be_used_at_once(full, empty_database, tmp_path):
    """Who ran on it when the backup was made does not count as running, and has claimed nothing."""
    config = json.dumps({"database": empty_database, "feeds": []})
    (tmp_path / "config.yaml").write_text(config, "utf-8")
    now = datetime.now(UTC)
    with full.begin() as connection:
        workers.started(connection, "host:7", now=now)
        claimed = {"claimed_by": "host:7", "due_at": now + timedelta(days=1)}
        connection.execute(update(t.feeds).values(**claimed))
    backup(full, tmp_path / "copy")
    with full.begin() as connection:
        workers.stopped(connection, "host:7", now=now)
    full.dispose()

    for _ in range(2):  # the second is refused if a service counts as running
        subprocess.run(
            [sys.executable, "-m", "monitor", "db", "restore", "copy", "--replace"],
            cwd=tmp_path,
            check=True,
        )

    with full.connect() as connection:
        workers.require_rest(connection, now=now)
        assert claims.any_due(connection, now=datetime.now(UTC))
        assert connection.scalars(select(t.feeds.c.claimed_by)).all() == [None]
