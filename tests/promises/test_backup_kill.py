"""Killed with -9 while it copies, a backup leaves nothing that looks whole; the next succeeds."""

import signal
import sqlite3
import subprocess
import sys
import time

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
