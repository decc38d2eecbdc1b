"""Killed with -9 as it works, a backup leaves nothing that looks whole, a restore what was."""

import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing

import pytest
from test_articles import claim

from monitor.store.engine import open_engine
from monitor.store.migrate import upgrade

ROWS = 20_000  # of 3 kB: long enough to copy to be caught at it
FILL = """
    WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < :rows)
    INSERT INTO articles (key, feed_id, title, summary, first_seen, revision)
    SELECT 'k' || i, 1, 'News ' || i, hex(randomblob(1500)), '2026-11-23 08:00:00.000000', 1 FROM n
"""
DIGEST = """
INSERT INTO digests (id, subscription, slot, composed_at, lexicon, content, subject, text, html)
VALUES (1, 'desk', '2026-11-02T08:00:00.000000Z', '2026-11-02T08:00:00.000000Z', 'l', '{}', 's',
        't', 'h')
"""
DUE = """
INSERT INTO deliveries (digest_id, recipient, message_id, status, attempts, doubts, due_at)
VALUES (1, 'a@example.com', '<1@example.com>', 'waiting', 0, 0, '2026-11-02T08:00:00.000000Z')
"""


@pytest.mark.timeout(120)
def test_a_killed_backup_is_none(tmp_path):
    """The name is given to a copy that was checked; what a kill leaves has another."""
    url = f"sqlite:///{tmp_path}/monitor.db"
    (tmp_path / "config.yaml").write_text(f"database: {url}\nfeeds: []\n", "utf-8")
    engine = open_engine(url)
    upgrade(engine)
    claim(engine, "a")
    engine.dispose()
    with sqlite3.connect(tmp_path / "monitor.db") as database:
        database.execute(FILL, {"rows": ROWS})
    database.close()
    copy = tmp_path / "copy.db"
    command = [sys.executable, "-m", "monitor", "db", "backup", copy.name]

    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE) as process:
        while not copy.with_name("copy.db.part").exists():
            assert process.poll() is None, "it ended before it was caught copying"
            time.sleep(0.001)
        process.send_signal(signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL
    assert not copy.exists()

    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    whole = sqlite3.connect(copy)
    assert whole.execute("SELECT COUNT(*) FROM articles").fetchone() == (ROWS,)
    assert whole.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    whole.close()


@pytest.mark.timeout(120)
def test_a_killed_restore_changes_nothing(tmp_path):
    """Killed as it works, it leaves what was there; what it brings once it ends is never due."""
    url = f"sqlite:///{tmp_path}/monitor.db"
    (tmp_path / "config.yaml").write_text(f"database: {url}\nfeeds: []\n", "utf-8")
    engine = open_engine(url)
    upgrade(engine)
    claim(engine, "a")
    engine.dispose()
    with closing(sqlite3.connect(tmp_path / "monitor.db")) as database:
        database.execute(FILL, {"rows": ROWS})
        database.execute(DIGEST)
        database.execute(DUE)
        database.commit()
    command = [sys.executable, "-m", "monitor", "db"]
    once = {"cwd": tmp_path, "capture_output": True}
    subprocess.run([*command, "backup", "copy.db"], check=True, **once)
    with closing(sqlite3.connect(tmp_path / "monitor.db")) as database:
        database.execute("DELETE FROM deliveries")
        database.commit()

    with subprocess.Popen([*command, "restore", "copy.db", "--replace"], cwd=tmp_path) as process:
        while not (tmp_path / "monitor.db.restoring").exists():
            assert process.poll() is None, "it ended before it was caught at work"
            time.sleep(0.001)
        process.send_signal(signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL
    with closing(sqlite3.connect(tmp_path / "monitor.db")) as database:
        assert database.execute("SELECT COUNT(*) FROM deliveries").fetchone() == (0,)

    subprocess.run([*command, "restore", "copy.db", "--replace"], check=True, **once)
    with closing(sqlite3.connect(tmp_path / "monitor.db")) as database:
        found = database.execute("SELECT status, due_at FROM deliveries").fetchall()
        assert found == [("unsure", None)]
        assert database.execute("SELECT COUNT(*) FROM articles").fetchone() == (ROWS,)
    assert not list(tmp_path.glob("*.restoring*"))
