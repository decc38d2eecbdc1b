"""How many polls a second replicas do together on one PostgreSQL: python benchmarks/cluster.py.

Starts a PostgreSQL of its own, with its usual care for power cuts, and the feeds of `feeds.py`, all
due every second: more than can be polled. For 1, 2 and 4 replicas in turn it measures, for so many
seconds after a round of warming up, polls that are in the ledger, and the processor's time of the
replicas with their parsers, of PostgreSQL, and of the feed server. Then it says what that comes to
for many feeds.

* Feeds show nothing new (304), as nearly all polls do; `--changing` has each show two new entries
  every few seconds, so that polls are read, matched and stored.
* On one machine the replicas, the database and the feed server share the cores: which of them the
  cores went to is what tells where the limit is.
* It ends by itself; nothing is left behind.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path
from typing import IO, Any, cast

import psycopg
from intake import _tree
from sqlalchemy import make_url

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))
from postgres import Cluster, find_programs  # type: ignore[import-not-found]

TICKS = os.sysconf("SC_CLK_TCK")
CHANGE_S = 5.0  # between two versions of all feeds
LINE = (
    "{replicas:8d} {polls:9.1f} {replica_ms:14.2f} {database_ms:14.2f} {server_ms:12.2f}"
    " {cores:6.2f}"
)
HEAD = "replicas   polls/s  ms of replicas  ms of database  ms of feeds  cores"
USUAL_S = 15 * 60


def cpu_s(pids: list[int]) -> float:
    """Return the seconds of the processor these processes had, and their dead children."""
    total = 0
    for pid in pids:
        try:
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        total += sum(map(int, fields[11:15]))
    return total / TICKS


def configure(folder: Path, url: str, port: int, feeds: int) -> None:
    """Write a configuration in which every feed is due every second."""
    listed = [{"id": f"f{n}", "url": f"http://127.0.0.1:{port}/feed/{n}.xml"} for n in range(feeds)]
    every = {"interval": "1s", "min_interval": "1s", "max_interval": "1s"}
    settings = {
        "database": url,
        "cluster": True,
        "feeds": listed,
        "polling": every | {"workers": 1},
        "network": {"allow_private": ["127.0.0.0/8"]},
        "logging": {"level": "error"},
    }
    (folder / "config.yaml").write_text(json.dumps(settings), "utf-8")


def measure(folder: Path, replicas: int, ask: Any, roots: dict[str, int], given: Any) -> Any:  # noqa: ANN401
    """Return the figures of so many replicas."""
    command = [sys.executable, "-m", "monitor", "run"]
    running = [subprocess.Popen(command, cwd=folder) for _ in range(replicas)]
    version = 0
    try:
        warm = ask("SELECT count(*) FROM polls") + given.feeds + 500 * replicas
        while ask("SELECT count(*) FROM polls") < warm:
            time.sleep(0.5)

        def spent() -> dict[str, float]:
            return {
                "replica": sum(cpu_s(_tree(it.pid)) for it in running),
                "database": cpu_s(_tree(roots["database"])),
                "server": cpu_s(_tree(roots["server"])),
            }

        before, polls, began = spent(), ask("SELECT count(*) FROM polls"), time.monotonic()
        while (left := began + given.seconds - time.monotonic()) > 0:
            time.sleep(min(left, CHANGE_S))
            if given.changing:
                version = 1 - version
                urllib.request.urlopen(
                    f"http://127.0.0.1:{roots['port']}/version/{version}"
                ).close()
        took, polls, after = (
            time.monotonic() - began,
            ask("SELECT count(*) FROM polls") - polls,
            spent(),
        )
    finally:
        for it in running:
            it.send_signal(signal.SIGTERM)
        for it in running:
            it.wait(30)
    each = {f"{name}_ms": 1000 * (after[name] - before[name]) / polls for name in before}
    cores = sum(after.values()) - sum(before.values())
    return {"replicas": replicas, "polls": polls / took, "cores": cores / took, **each}


def tell(best: dict[str, float]) -> None:
    """Print what the figures come to for many feeds, polled every quarter of an hour."""
    print("\nfeeds, every 15 minutes   polls/s   cores of replicas   cores of PostgreSQL")
    for feeds in (5_000, 100_000, 1_000_000):
        polls = feeds / USUAL_S
        cores = [polls * best[name] / 1000 for name in ("replica_ms", "database_ms")]
        print(f"{feeds:23,d} {polls:9.1f} {cores[0]:19.2f} {cores[1]:21.2f}")


def main() -> None:
    """Measure, print a line for each number of replicas, and what that comes to."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    options.add_argument("--seconds", type=float, default=30)
    options.add_argument("--replicas", type=int, nargs="+", default=[1, 2, 4])
    options.add_argument("--feeds", type=int, default=2000)
    options.add_argument("--changing", action="store_true")
    given = options.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # which ends what was started, too
    own = [sys.executable, str(Path(__file__).with_name("feeds.py")), "0"]
    server = subprocess.Popen(own, stdout=subprocess.PIPE, text=True)
    cares = {"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on"}
    try:
        port = int(cast("IO[str]", server.stdout).readline().split()[1])
        with (
            Cluster(find_programs(), autovacuum="on", shared_buffers="256MB", **cares) as postgres,
            tempfile.TemporaryDirectory() as made,
        ):
            database = int((postgres.folder / "data" / "postmaster.pid").read_text().split()[0])
            roots = {"database": database, "server": server.pid, "port": port}
            print(HEAD, flush=True)
            results = []
            for replicas in given.replicas:
                with postgres.database() as url:
                    configure(Path(made), url, port, given.feeds)
                    upgrade = [sys.executable, "-m", "monitor", "db", "upgrade"]
                    subprocess.run(upgrade, cwd=made, check=True, capture_output=True)
                    parts = make_url(url)
                    where = f"host={parts.query['host']} user={parts.username}"
                    with psycopg.connect(
                        f"{where} dbname={parts.database}", autocommit=True
                    ) as own_:

                        def ask(query: str, connection: Any = own_) -> int:  # noqa: ANN401
                            return int(connection.execute(query).fetchone()[0])

                        results.append(measure(Path(made), replicas, ask, roots, given))
                print(LINE.format(**results[-1]), flush=True)
    finally:
        server.terminate()
        server.wait()
    tell(max(results, key=lambda it: it["polls"]))


if __name__ == "__main__":
    main()
