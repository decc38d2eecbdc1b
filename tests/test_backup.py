"""Backups: a whole copy of one moment while the database is in use, and its way back."""

import shutil
import subprocess
import sys
from datetime import timedelta

import pytest
from conftest import needs
from sqlalchemy import text, update
from stored import NOW, contents, put

from monitor.errors import StoreError
from monitor.model import Rendered
from monitor.store import digests
from monitor.store.backup import HELD, backup, hold_back, restore
from monitor.store.engine import make_sessions, open_engine
from monitor.store.migrate import integrity
from monitor.store.schema import ArticleRow, DeliveryRow

WORDS = Rendered("Subject", "Text", "<p>Text</p>")


@pytest.fixture
def full(engine, sessions):
    """A database with something in it."""
    if engine.dialect.name == "postgresql" and not shutil.which("pg_dump"):
        needs("PostgreSQL's client programs (pg_dump)")
    put(sessions)
    return engine


def test_a_backup_brings_everything_back(full, sessions, tmp_path):
    """Whatever happens to the database later, the copy brings every row back as it was."""
    before = contents(full)
    assert backup(full, tmp_path / "copy") > 10_000

    with sessions.begin() as session:
        session.execute(update(ArticleRow).values(title="damaged"))
        session.execute(text("DELETE FROM hits"))
    assert contents(full) != before
    restore(full, tmp_path / "copy", replace=True)

    assert contents(full) == before
    assert integrity(full) == []


def test_a_backup_is_of_one_moment(full, sessions, tmp_path):
    """What another transaction has not committed is not in the copy, and holds nobody up."""
    before = contents(full)
    with sessions.begin() as session:
        session.execute(update(ArticleRow).values(title="not yet"))
        backup(full, tmp_path / "copy")
    restore(full, tmp_path / "copy", replace=True)

    assert contents(full) == before


def test_nothing_is_overwritten(full, sessions, tmp_path):
    """A file that is there stays; a database that holds something is replaced only on request."""
    (tmp_path / "other").write_text("other")
    with pytest.raises(StoreError, match="is there already"):
        backup(full, tmp_path / "other")
    assert (tmp_path / "other").read_text() == "other"

    backup(full, tmp_path / "copy")
    put(sessions, ("Acme fined again",), feed="b")
    later = contents(full)
    with pytest.raises(StoreError, match="is not empty"):
        restore(full, tmp_path / "copy", replace=False)
    assert contents(full) == later


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


def test_mails_that_may_have_gone_out_are_held_back(sessions):
    """What was due when the copy was made is not mailed a second time without a word."""
    with sessions.begin() as session:
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
            assert digests.freeze(session, frozen)
        session.execute(
            update(DeliveryRow).where(DeliveryRow.id == 1).values(status="sent", due_at=None)
        )
        assert hold_back(session) == 1

    with sessions.begin() as session:
        rows = session.query(DeliveryRow).order_by(DeliveryRow.id).all()
    assert [(row.status, row.due_at, row.last_error) for row in rows] == [
        ("sent", None, None),
        ("unsure", None, HELD),
    ]


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
    put(make_sessions(engine))
    assert monitor("db", "backup", "a.db")[1].endswith("bytes, whole\n")
    before = contents(engine)
    engine.dispose()
    for file in tmp_path.glob("monitor.db*"):
        file.unlink()

    assert monitor("db", "restore", "a.db")[0] == 0
    engine = open_engine(f"sqlite:///{tmp_path}/monitor.db")
    assert contents(engine) == before
    with make_sessions(engine).begin() as session:
        now = "strftime('%Y-%m-%dT%H:%M:%fZ', 'now')"
        session.execute(
            text(f"INSERT INTO workers (name, started_at, beat_at) VALUES ('w', {now}, {now})")
        )
    engine.dispose()
    code, said = monitor("db", "restore", "a.db", "--replace")
    assert (code, "stop it first" in said) == (1, True)
