"""`monitor poll`, killed with -9 while it groups beside its polls, loses and doubles nothing."""

import sqlite3
import subprocess
import sys
import time
from contextlib import closing

import pytest
from feedserver import FeedServer, answer

FEEDS, ENTRIES = 16, 40
SLOW_S = 0.2  # between two answers, so that feeds still come while hits are grouped
COMPANIES = ("Alibaba", "Tencent", "Baidu", "Xiaomi", "Huawei", "Ant Group")


def rss(feed):
    items = "".join(
        f"<item><title>{COMPANIES[n % 6]} fined in antitrust ruling {feed} of {n} harbours</title>"
        f"<link>https://news{feed}.example/{n}</link></item>"
        for n in range(ENTRIES)
    )
    return f'<rss version="2.0"><channel><title>{feed}</title>{items}</channel></rss>'.encode()


def told(path, query):
    try:
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
            return database.execute(query).fetchone()[0]
    except sqlite3.OperationalError:  # it is being made
        return 0


@pytest.mark.timeout(180)
def test_killed_while_it_groups(tmp_path):
    """Killed as soon as it may group, and as soon as something has a story; then it ends well."""
    path = tmp_path / "monitor.db"
    command = [sys.executable, "-m", "monitor"]
    with FeedServer() as server:
        feeds = []
        for n in range(FEEDS):
            server.put(f"/{n}", [SLOW_S * n, *answer(rss(n), content_type="application/rss+xml")])
            feeds.append(f"  - {{id: f{n}, url: '{server.url(f'/{n}')}'}}")
        (tmp_path / "config.yaml").write_text(
            f"database: sqlite:///{path}\nfeeds:\n" + "\n".join(feeds) + "\n"
            "network: {allow_private: [127.0.0.0/8]}\npolling: {per_host: 16}\n",
            "utf-8",
        )
        for query, enough in (
            ("SELECT COUNT(*) FROM hits", 250),
            ("SELECT COUNT(*) FROM hits WHERE story_id IS NOT NULL", 1),
        ):
            poll = subprocess.Popen([*command, "poll", "--all"], cwd=tmp_path)
            deadline = time.monotonic() + 60
            while told(path, query) < enough and poll.poll() is None:
                assert time.monotonic() < deadline
                time.sleep(0.005)
            assert poll.poll() is None, "it ended before it was killed"
            poll.kill()
            poll.wait()
        done = subprocess.run([*command, "poll", "--all"], cwd=tmp_path, check=False)
        assert done.returncode == 0

    hits = "SELECT COUNT(*) FROM hits"
    assert told(path, "SELECT COUNT(*) FROM articles") == FEEDS * ENTRIES
    assert told(path, hits) == FEEDS * ENTRIES
    assert told(path, "SELECT COUNT(DISTINCT article_id) FROM hits") == FEEDS * ENTRIES
    assert told(path, f"{hits} WHERE story_id IS NULL") == 0
    without = "SELECT COUNT(*) FROM stories WHERE id NOT IN (SELECT story_id FROM hits)"
    assert told(path, without) == 0
    checked = subprocess.run([*command, "db", "check"], cwd=tmp_path, check=False)
    assert checked.returncode == 0
