"""A full disk: nothing is taken in, it is said, nothing is lost, and it ends by itself."""

import json
import shutil
import subprocess
import sys

import pytest
from conftest import needs
from feedserver import FeedServer, answer

from monitor.store.engine import open_engine
from monitor.store.room import free_bytes, shortage

CONFIG = """
companies: [alibaba]
topics: [antitrust]
feeds: [{{url: "{url}", id: wire}}]
database: sqlite:///{disk}/monitor.db
network: {{allow_private: [127.0.0.0/8]}}
"""
# A disk of that size, seen by these processes alone; the service on it, looked at, given room.
SCRIPT = """
set -e
mount -t tmpfs -o size=$1 tmpfs "$2"
"$3" -m monitor run 2> log & service=$!
until grep -q started log; do kill -0 $service; sleep 0.2; done
sleep 3
"$3" -m monitor health --json || true
mount -o remount,size=300m "$2"
for wait in $(seq 100); do grep -q "poll stored" log && break; sleep 0.2; done
kill -TERM $service
wait $service
"""
ITEM = "<item><guid>1</guid><title>Alibaba antitrust fine</title><link>https://n.example/1</link></item>"


@pytest.mark.parametrize(("size", "full"), [("30m", True), ("200m", False)])
def test_a_small_disk(tmp_path, size, full):
    """With too little room no feed is asked, and health says why; with room again it goes on."""
    inside = ["unshare", "--user", "--map-root-user", "--mount"]
    if not shutil.which("unshare") or subprocess.run([*inside, "true"], check=False).returncode:
        needs("unshare, to mount a small disk,")
    disk = tmp_path / "disk"
    disk.mkdir()
    rss = f'<rss version="2.0"><channel><title>n</title>{ITEM}</channel></rss>'.encode()
    with FeedServer() as server:
        server.put("/feed", answer(rss, content_type="application/rss+xml"))
        text = CONFIG.format(url=server.url("/feed"), disk=disk)
        (tmp_path / "config.yaml").write_text(text, "utf-8")
        command = [*inside, "sh", "-c", SCRIPT, "sh", size, disk, sys.executable]
        done = subprocess.run(
            command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=120
        )
    assert done.returncode == 0, done.stderr
    reasons = json.loads(done.stdout)["reasons"]
    log = [json.loads(line) for line in (tmp_path / "log").read_text("utf-8").splitlines()]
    events = [line["event"] for line in log]
    told = [event for event in events if event in {"disk full", "disk has room again"}]
    assert told == (["disk full", "disk has room again"] if full else [])
    assert any("nothing is taken in" in reason for reason in reasons) is full
    assert "poll stored" in events
    if full:
        assert events.index("disk has room again") < events.index("poll stored")
    assert "tick failed" not in events


def test_what_counts(engine, tmp_path):
    """On SQLite the disk of the file counts; a server's disk cannot be seen from here."""
    on_sqlite = engine.dialect.name == "sqlite"
    assert (free_bytes(engine) is not None) is on_sqlite
    assert shortage(engine, 0) is None
    assert (shortage(engine, 10**18) is not None) is on_sqlite
    assert free_bytes(open_engine("sqlite://")) is None
    assert free_bytes(open_engine(f"sqlite:///{tmp_path}/none.db")) is not None
