"""What a command owes the shell that runs it: streams, signals, exit codes."""

import resource
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest

MONITOR = f"{sys.executable} -m monitor"
ITEM = '{"id": "1", "title": "腾讯音乐IPO定价"}\n'


def shell(command, folder, **environment):
    return subprocess.run(  # noqa: S602 - the shell is what is tested
        command,
        shell=True,
        cwd=folder,
        env={"PATH": "/usr/bin:/bin", **environment},
        input=ITEM.encode(),
        capture_output=True,
        timeout=60,
        check=False,
    )


def test_a_full_disk(tmp_path):
    """Output that cannot be written is a failure with a sentence, not a traceback."""
    done = shell(f"{MONITOR} match - > /dev/full", tmp_path)
    assert (done.returncode, done.stderr) == (1, b"monitor: [Errno 28] No space left on device\n")


@pytest.mark.parametrize("closed", [">&-", "2>&-", ">&- 2>&-"])
def test_closed_streams(tmp_path, closed):
    """A command whose output nobody wants does its work all the same."""
    assert (shell(f"{MONITOR} match - {closed}", tmp_path).returncode) == 0


def test_a_terminal_without_chinese(tmp_path):
    """Where a character cannot be written, its number is."""
    done = shell(f"{MONITOR} match -", tmp_path, PYTHONIOENCODING="ascii")
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"\\u817e\\u8baf" in done.stdout


def test_a_stop_while_starting(tmp_path):
    """SIGTERM before the service stands, here while it waits for its database, is exit code 0."""
    (tmp_path / "config.yaml").write_text("feeds: []\n", encoding="utf-8")
    database = tmp_path / "monitor.db"
    with closing(sqlite3.connect(database, isolation_level=None)) as other:
        other.execute("PRAGMA journal_mode=WAL")
        other.execute("BEGIN IMMEDIATE")
        with subprocess.Popen([sys.executable, "-m", "monitor", "run"], cwd=tmp_path) as service:
            try:
                _wait_until_open(database, service)
                service.send_signal(signal.SIGTERM)
                other.execute("ROLLBACK")
                assert service.wait(20) == 0
            finally:
                service.kill()


def _wait_until_open(file, process):
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        files = Path(f"/proc/{process.pid}/fd").iterdir()
        if any(_leads_to(descriptor, file) for descriptor in files):
            return
        time.sleep(0.02)
    raise TimeoutError


def _leads_to(descriptor, file):
    try:
        return descriptor.samefile(file)
    except FileNotFoundError:  # it was closed meanwhile
        return False


@pytest.mark.parametrize("command", ["poll", "hits", "health", "db check"])
def test_what_is_no_database(tmp_path, command):
    """A file that is no database is named, in a sentence."""
    (tmp_path / "config.yaml").write_text("feeds: []\n", encoding="utf-8")
    (tmp_path / "monitor.db").write_bytes(b"something else" * 100)
    done = shell(f"{MONITOR} {command}", tmp_path)
    said = (done.stdout + done.stderr).decode()
    assert done.returncode == 1
    assert "cannot be used: file is not a database" in said
    assert "Traceback" not in said


def test_a_stop_on_a_full_disk(tmp_path):
    """A service that can write nothing any more ends with 0, and says so."""
    (tmp_path / "config.yaml").write_text("feeds: []\n", encoding="utf-8")
    command = [sys.executable, "-m", "monitor", "run"]
    with subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE) as service:
        try:
            while b'"started"' not in service.stderr.readline():
                assert service.poll() is None
            resource.prlimit(service.pid, resource.RLIMIT_FSIZE, (1, resource.RLIM_INFINITY))
            service.send_signal(signal.SIGTERM)
            said = service.stderr.read()
            assert service.wait(10) == 0
            assert b"stop not written down" in said
        finally:
            service.kill()


def test_a_stop_while_another_holds_the_database(tmp_path):
    """A service that cannot write down that it stops still ends within ten seconds, with 0."""
    (tmp_path / "config.yaml").write_text("feeds: []\n", encoding="utf-8")
    command = [sys.executable, "-m", "monitor", "run"]
    with subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE) as service:
        try:
            while b'"started"' not in service.stderr.readline():
                assert service.poll() is None
            database = tmp_path / "monitor.db"
            with closing(sqlite3.connect(database, isolation_level=None)) as other:
                other.execute("BEGIN IMMEDIATE")
                service.send_signal(signal.SIGTERM)
                assert service.wait(10) == 0
            assert b"stop cut short" in service.stderr.read()
        finally:
            service.kill()
