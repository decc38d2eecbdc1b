"""Killed with -9 between two batches of deleting, the next run deletes the rest, and no more."""

import signal
import sqlite3
import subprocess
import sys
import time
from datetime import timedelta

import pytest
from sqlalchemy import text, update
from test_articles import NOW, claim, entry, match, put

from monitor.store import schema as t
from monitor.store.engine import open_engine
from monitor.store.migrate import integrity, upgrade

OLD = 6000  # a dozen batches
LEFT = "SELECT COUNT(*) FROM articles WHERE summary <> ''"


@pytest.mark.timeout(120)
def test_a_killed_prune_is_taken_up(tmp_path):
    """What was deleted is out of the index too, what was not is found, and a hit's text stays."""
    url = f"sqlite:///{tmp_path}/monitor.db"
    (tmp_path / "config.yaml").write_text(
        f"database: {url}\nfeeds: []\nretention: {{articles: 30d}}\n", "utf-8"
    )
    engine = open_engine(url)
    upgrade(engine)
    [feed] = claim(engine, "a")
    news = [entry(f"g{n}", f"https://a.example/{n}", f"News {n}", "umbrellas") for n in range(OLD)]
    put(engine, feed, [entry("hit", "https://a.example/hit", "Acme fined", "umbrellas")], told)
    put(engine, feed, news)
    with engine.begin() as connection:
        connection.execute(update(t.articles).values(first_seen=NOW - timedelta(days=400)))

    left = _kill_midway(tmp_path)

    assert 1 < left < OLD + 1
    assert (_found(engine), integrity(engine)) == (left, [])
    subprocess.run(_command(), cwd=tmp_path, check=True, capture_output=True)
    assert (_left(tmp_path), _found(engine), integrity(engine)) == (1, 1, [])
    with engine.begin() as connection:
        assert connection.scalar(text("SELECT COUNT(*) FROM articles")) == OLD + 1
        assert connection.scalar(text(f"SELECT title FROM ({LEFT.replace('COUNT(*)', '*')})")) == (
            "Acme fined"
        )
    engine.dispose()


def told(_index):
    return [match()]


def _command():
    return [sys.executable, "-m", "monitor", "db", "prune"]


def _kill_midway(folder):
    """Start deleting and kill it as soon as some of it is seen done; return how many are left."""
    with subprocess.Popen(_command(), cwd=folder, stdout=subprocess.PIPE) as process:
        while _left(folder) == OLD + 1:
            assert process.poll() is None, "it ended before anything was deleted"
            time.sleep(0.001)
        process.send_signal(signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL
    return _left(folder)


def _left(folder):
    database = sqlite3.connect(folder / "monitor.db")
    try:
        return database.execute(LEFT).fetchone()[0]
    finally:
        database.close()


def _found(engine):
    with engine.begin() as connection:
        query = "SELECT COUNT(*) FROM article_words WHERE article_words MATCH 'umbrellas'"
        return connection.scalar(text(query))
