"""Replicas as processes, for tests of what they do together."""

import json
import subprocess
import sys
import time
from contextlib import contextmanager


def write(folder, url, **more):
    """Write the configuration of a replica; return its path."""
    path = folder / "config.yaml"
    path.write_text(json.dumps({"database": url, "cluster": True, **more}), "utf-8")
    return path


@contextmanager
def running(folder):
    """Give a replica as a process, with its log as a file."""
    with (folder / "log").open("wb") as log:
        command = [sys.executable, "-m", "monitor", "run"]
        process = subprocess.Popen(command, cwd=folder, stderr=log)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def wait_until(true, seconds=60):
    """Wait until it is; fail if it is not in time."""
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.1)
