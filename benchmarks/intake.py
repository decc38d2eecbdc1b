"""`make bench`: how fast feeds are taken in, beside lemon24/reader, in one run.

Three rounds over 500 feeds of 50 entries: cold (all new), unchanged (304), update (two new entries
a feed). Each round is a whole process from its start: fetching, parsing, matching, storing. For
each are shown wall time, CPU of the process tree, feeds a second and peak memory (PSS, sampled).

* Figures of one run may be compared with each other, never with another machine's or day's.
* It is also checked: every planted hit found, no decoy reported.
* reader is installed into `.cache/bench` from `requirements-bench.lock`, apart from .venv.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import os
import resource
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path
from statistics import median
from threading import Event, Thread
from typing import IO, cast

from feeds import FEEDS, planted

HERE = Path(__file__).resolve().parent
ROUNDS = {"cold": 0, "unchanged": 0, "update": 1}  # name -> version the server has
SAMPLE_S = 0.1
ADOPT = 36  # PR_SET_CHILD_SUBREAPER: orphans of what we start become ours, and are counted


def measure(command: list[str], folder: Path) -> dict[str, float]:
    """Run *command* to its end; return wall and CPU seconds and peak memory in MB."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    started = time.perf_counter()
    with (folder / "log.txt").open("ab") as log:
        process = subprocess.Popen(command, cwd=folder, stdout=log, stderr=log)
    peak, ended = [0], Event()
    sampling = Thread(target=_sample, args=(process.pid, peak, ended))
    sampling.start()
    code = process.wait()
    wall = time.perf_counter() - started
    ended.set()
    sampling.join()
    _reap()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if code:
        raise SystemExit(f"{command[0]} failed ({code}):\n{(folder / 'log.txt').read_text()}")
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {"wall": wall, "cpu": cpu, "pss": peak[0] / 1024}


def _reap() -> None:
    """Wait for what a process left behind, so that its CPU time is counted too."""
    for pid in _tree(os.getpid())[1:]:
        if pid not in KEPT:
            os.waitpid(pid, 0)


KEPT: set[int] = set()  # children that stay: the feed server


def _sample(root: int, peak: list[int], ended: Event) -> None:
    while not ended.wait(SAMPLE_S):
        peak[0] = max(peak[0], sum(map(_pss, _tree(root))))


def _tree(root: int) -> list[int]:
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            except OSError:
                continue
            children.setdefault(parent, []).append(int(entry.name))
    found = [root]
    for pid in found:
        found += children.get(pid, [])
    return found


def _pss(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("Pss:")), 0)


def prepare_ours(folder: Path, port: int) -> list[str]:
    """Write a configuration; return the command of one round."""
    feeds = "".join(
        f"  - {{id: f{number}, url: 'http://127.0.0.1:{port}/feed/{number}.xml'}}\n"
        for number in range(FEEDS)
    )
    (folder / "config.yaml").write_text(
        f"feeds:\n{feeds}network: {{allow_private: [127.0.0.0/8]}}\n"
        f"database: sqlite:///{folder}/monitor.db\nlogging: {{level: warning}}\n",
        "utf-8",
    )
    return [sys.executable, "-m", "monitor", "poll", "--all", "--config", "config.yaml"]


READER = """
import sys
from reader import make_reader
reader = make_reader("reader.db", search_enabled=False)
if sys.argv[1] == "add":
    for number in range(int(sys.argv[3])):
        reader.add_feed(f"http://127.0.0.1:{sys.argv[2]}/feed/{number}.xml")
else:
    reader.update_feeds(scheduled=False, workers=10)
"""


def prepare_reader(folder: Path, port: int) -> list[str]:
    """Install reader if need be, subscribe to the feeds; return the command of one round."""
    python = _reader_environment() / "bin" / "python"
    (folder / "run.py").write_text(READER, "utf-8")
    subprocess.run([python, "run.py", "add", str(port), str(FEEDS)], cwd=folder, check=True)
    return [str(python), "run.py", "update"]


def _reader_environment() -> Path:
    venv = HERE.parent / ".cache" / "bench"
    lock = HERE.parent / "requirements-bench.lock"
    stamp = venv / "installed"
    if not stamp.exists() or stamp.read_bytes() != lock.read_bytes():
        subprocess.run([sys.executable, "-m", "venv", "--clear", venv], check=True)
        install = ["-m", "pip", "-q", "install", "--require-hashes", "--requirement", str(lock)]
        subprocess.run([venv / "bin" / "python", *install], check=True)
        shutil.copyfile(lock, stamp)
    return venv


PEERS = {"ours": prepare_ours, "reader": prepare_reader}


def check(folder: Path) -> str:
    """Return what of the planted truth our database holds after the last round."""
    with sqlite3.connect(folder / "monitor.db") as database:
        urls = [url for (url,) in database.execute("SELECT DISTINCT url FROM v_hits")]
    right = sum("/planted/" in url for url in urls)
    wanted = planted(ROUNDS["update"])
    return f"planted hits found: {right} of {wanted}; decoys reported: {len(urls) - right}"


def run(names: list[str], repeats: int, port: int) -> dict[tuple[str, str], dict[str, float]]:
    """Run every peer *repeats* times, in turn; return medians by peer and round."""
    found: dict[tuple[str, str], list[dict[str, float]]] = {}
    for name in names * repeats:
        with tempfile.TemporaryDirectory() as made:
            folder = Path(made)
            command = PEERS[name](folder, port)
            for round_name, version in ROUNDS.items():
                urllib.request.urlopen(f"http://127.0.0.1:{port}/version/{version}").close()
                found.setdefault((name, round_name), []).append(measure(command, folder))
            if name == "ours":
                print(check(folder), file=sys.stderr)
    return {
        key: {field: median(one[field] for one in values) for field in values[0]}
        for key, values in found.items()
    }


def show(found: dict[tuple[str, str], dict[str, float]], names: list[str]) -> None:
    """Print the figures, then ours against each other peer."""
    print(f"{'peer':8} {'round':10} {'wall s':>8} {'feeds/s':>8} {'CPU s':>8} {'PSS MB':>8}")
    for (name, round_name), one in found.items():
        rate = FEEDS / one["wall"]
        print(
            f"{name:8} {round_name:10} {one['wall']:8.2f} {rate:8.0f} {one['cpu']:8.2f}"
            f" {one['pss']:8.0f}"
        )
    for other in names:
        for round_name in ROUNDS if other != "ours" and "ours" in names else ():
            one, two = found["ours", round_name], found[other, round_name]
            print(
                f"{round_name}: {two['wall'] / one['wall']:.1f} times as fast as {other},"
                f" {two['cpu'] / one['cpu']:.1f} times less CPU"
            )


def main() -> None:
    """Serve, measure, print."""
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--peers", default="ours,reader", help="of ours, reader")
    arguments.add_argument("--repeat", type=int, default=3)
    arguments.add_argument("--json", action="store_true", help="print JSON instead of a table")
    chosen = arguments.parse_args()
    names = chosen.peers.split(",")
    if unknown := set(names) - set(PEERS):
        arguments.error(f"no such peer: {', '.join(sorted(unknown))}")
    ctypes.CDLL(None).prctl(ADOPT, 1, 0, 0, 0)
    server = subprocess.Popen(
        [sys.executable, str(HERE / "feeds.py"), "0"], stdout=subprocess.PIPE, text=True
    )
    KEPT.add(server.pid)
    try:
        port = int(cast("IO[str]", server.stdout).readline().split()[1])
        found = run(names, chosen.repeat, port)
    finally:
        server.terminate()
        server.wait()
    if chosen.json:
        print(json.dumps([{"peer": name, "round": at, **one} for (name, at), one in found.items()]))
    else:
        show(found, names)


if __name__ == "__main__":
    main()
