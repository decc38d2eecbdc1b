"""Scheduled backups: one for each slot, whole before an older one goes; nothing else is touched."""

import fcntl
import json
import shutil
from datetime import time, timedelta
from zoneinfo import ZoneInfo

import pytest
from conftest import needs
from sqlalchemy import text
from stored import contents, put

from monitor.app import App
from monitor.cli import main
from monitor.errors import StoreError
from monitor.model import Schedule
from monitor.pipeline.backup import RETRY, BackupStep
from monitor.store import room
from monitor.store.backup import backup, restore
from monitor.store.schema import SCHEMA

DAY = timedelta(days=1)


@pytest.fixture
def step(engine, clock, tmp_path):
    """The step on a database with something in it, at 11:00 in Hong Kong (it is 16:00 there)."""
    if engine.dialect.name == "postgresql" and not shutil.which("pg_dump"):
        needs("PostgreSQL's client programs (pg_dump)")
    put(engine)
    schedule = Schedule(ZoneInfo("Asia/Hong_Kong"), at=(time(11),))
    return BackupStep(engine, clock, tmp_path / "new" / "copies", schedule, keep=2)


def files(step):
    return sorted(it.name for it in step.folder.iterdir() if it.name != ".lock")


def names(step, *days):
    ending = "db" if step.engine.dialect.name == "sqlite" else "pgdump"
    return [f"monitor-2026-11-{day}T0300Z.{ending}" for day in days]


def test_one_for_each_slot(step, clock):
    """The slot before the first start is made at once; then each when its time has come, once."""
    assert step.make_due()
    assert not step.make_due()
    assert files(step) == names(step, 23)
    clock.at += DAY
    assert step.make_due()
    assert files(step) == names(step, 23, 24)

    before = contents(step.engine)
    with step.engine.begin() as connection:
        connection.execute(text("DELETE FROM hits"))
    restore(step.engine, step.folder / files(step)[-1], replace=True)
    assert contents(step.engine) == before


def test_the_oldest_goes(step, clock):
    """So many are kept as wished; what has another name is none of ours."""
    step.folder.mkdir(parents=True)
    others = ["monitor-2020-01-01T0300Z.db.asc", "monitor-old.db", "notes.txt"]
    for name in others:
        (step.folder / name).write_text("x", "utf-8")
    for _ in range(4):
        assert step.make_due()
        clock.at += DAY
    assert files(step) == sorted([*others, *names(step, 25, 26)])


def test_a_clock_that_was_ahead_costs_no_backup(step, clock):
    """One of a slot in the future is the first to go, and stands for none that has passed."""
    clock.at += 400 * DAY
    assert step.make_due()
    ahead = files(step)
    clock.at -= 400 * DAY
    step.keep = 1
    assert step.overdue() is not None

    assert step.make_due()

    assert files(step) == names(step, 23) != ahead
    assert step.overdue() is None
    assert not step.make_due()


@pytest.mark.parametrize("empty_database", ["sqlite"], indirect=True)
def test_a_copy_leaves_room_for_what_is_sent(step, monkeypatch):
    """One that would fill the disk is not begun, and it is said how much it takes.

    How much an archive of PostgreSQL takes is not known before.
    """
    monkeypatch.setattr(room, "KEPT_FREE_BYTES", 10**18)

    with pytest.raises(StoreError, match=r"it takes [\d.]+ MB, and .* are free"):
        backup(step.engine, step.folder.parent.parent / "copy")
    assert not list(step.folder.parent.parent.glob("copy*"))


def test_a_backup_that_fails_costs_no_older_one(step, clock):
    """What cannot be copied is told, tried again after a while, and leaves the others alone."""
    for _ in range(2):
        assert step.make_due()
        clock.at += DAY
    good = step.engine
    with good.begin() as connection:  # it is no monitor's database any more
        connection.execute(text("ALTER TABLE articles RENAME TO away"))
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    assert not step.make_due()
    assert files(step) == names(step, 23, 24)
    assert step.overdue() == (
        f"backup of 2026-11-25 03:00 UTC is not in {step.folder}: "
        "the last one is of 2026-11-24 03:00 UTC"
    )

    with good.begin() as connection:
        connection.execute(text("ALTER TABLE away RENAME TO articles"))
        connection.execute(text(f"UPDATE alembic_version SET version_num = '{SCHEMA}'"))
    assert not step.make_due()  # not at every tick
    clock.at += RETRY
    assert step.make_due()
    assert files(step) == names(step, 24, 25)
    assert step.overdue() is None


def test_a_folder_that_cannot_be_written(step, clock):
    """A file where the folder should be is a failure in the log, not the end of the step."""
    step.folder.parent.write_text("x", "utf-8")
    assert not step.make_due()
    assert "there is none" in step.overdue()
    step.folder.parent.unlink()
    clock.at += RETRY
    assert step.make_due()


def test_one_works_at_a_time(step):
    """While another process copies into the folder, this one waits for the next tick."""
    step.folder.mkdir(parents=True)
    left = step.folder / "monitor-2026-11-20T0300Z.db.part"
    left.write_bytes(b"of a process that was killed")
    with (step.folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert not step.make_due()
        assert left.exists()
    assert step.make_due()
    assert not left.exists()


def test_health_tells_of_a_backup_that_is_missing(tmp_path, monkeypatch, capsys):
    """An hour after its time a copy that is not there is a warning of `monitor health`."""
    monkeypatch.chdir(tmp_path)
    config = f"database: sqlite:///{tmp_path}/monitor.db\nbackup: {{folder: copies, keep: 1}}\n"
    (tmp_path / "config.yaml").write_text(config, "utf-8")
    with App.load("config.yaml", {}) as app:
        app.prepare()

        def warnings():
            with pytest.raises(SystemExit):
                main(["health", "--json"])
            return json.loads(capsys.readouterr().out)["warnings"]

        [warning] = warnings()
        assert warning.startswith("backup of ")
        assert warning.endswith("03:00 UTC is not in copies: there is none")
        assert app.backup_step.make_due()
        assert warnings() == []
