"""Killed with -9 while it makes its SQLite database, the next start makes it as if nothing was."""

import signal
import subprocess
import sys
import time

import pytest

from monitor.store import snapshot
from monitor.store.engine import open_engine
from monitor.store.migrate import integrity, require, revision, upgrade
from monitor.store.schema import SCHEMA

DELAYS_MS = (0, 1, 4, 8, 16, 32)  # after the file is there; the tables take about ten


def made(folder):
    """Return what the tables of the database in *folder* are made of, after the next start."""
    engine = open_engine(f"sqlite:///{folder}/monitor.db")
    try:
        upgrade(engine)
        require(engine)
        assert integrity(engine) == []
        with engine.connect() as connection:
            return snapshot.taken(connection)
    finally:
        engine.dispose()


def killed_after(folder, delay_ms):
    """Kill a first start so long after its file appears; return whether it had made nothing yet."""
    (folder / "config.yaml").write_text("feeds: []\n", "utf-8")
    file = folder / "monitor.db"
    command = [sys.executable, "-m", "monitor", "run"]
    process = subprocess.Popen(command, cwd=folder, stderr=subprocess.DEVNULL)
    while not file.exists():
        assert process.poll() is None
    until = time.monotonic() + delay_ms / 1000
    while time.monotonic() < until:
        pass
    process.send_signal(signal.SIGKILL)
    process.wait()
    engine = open_engine(f"sqlite:///{file}")
    found = revision(engine)
    engine.dispose()
    assert found in {None, SCHEMA}, "there is nothing between nothing and all of it"
    return found is None


@pytest.mark.timeout(120)
def test_a_killed_first_start(tmp_path):
    """There is nothing or all of it, and the next start has the same tables, whole."""
    (tmp_path / "unhurt").mkdir()
    wanted = made(tmp_path / "unhurt")
    cut_off = []
    for number, delay_ms in enumerate(DELAYS_MS):
        folder = tmp_path / str(number)
        folder.mkdir()
        cut_off.append(killed_after(folder, delay_ms))

        assert made(folder) == wanted, f"killed {delay_ms} ms after its file was there"

    assert any(cut_off), "one at least was killed before its tables were there"
