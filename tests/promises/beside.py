"""Beside hostile feeds: how soon healthy feeds' articles are stored while hundreds of others lie.

    python tests/promises/beside.py --minutes 3

Runs `monitor run` on lying servers, those that hang included, on odd documents, and on healthy
feeds that publish by the clock. Prints how late the articles of the healthy ones were stored, in
intervals, and the memory of the whole process tree; exit code 1 if one took two intervals or more,
or the tree went beyond 400 MB.
"""

import argparse
import json
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from datetime import datetime
from http.server import ThreadingHTTPServer
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from feedserver import FeedServer
from promises.hostile import Hostility, tree_mb
from promises.soak import Publisher, handler

INTERVAL_S = 30
TIMEOUT_S = 20
FEEDS = 20


def run(folder, *, minutes, odd, endpoints):
    """Return the figures of a run of that length."""
    publisher = Publisher(FEEDS, period_s=5, window=10_000)
    began = time.time()
    with FeedServer() as server, ThreadingHTTPServer(("127.0.0.1", 0), handler(publisher)) as web:
        threading.Thread(target=web.serve_forever, daemon=True).start()
        hostility = Hostility(server, feeds=odd, endpoints=endpoints, patient=True, seed=3)
        hostility.entries += [
            {"id": f"well{n}", "url": f"http://127.0.0.1:{web.server_port}/{n}"}
            for n in range(FEEDS)
        ]
        polling = {"interval": f"{INTERVAL_S}s", "max_interval": f"{INTERVAL_S}s"}
        config = hostility.configuration("sqlite:///monitor.db", **polling, timeout=f"{TIMEOUT_S}s")
        (folder / "config.yaml").write_text(config, encoding="utf-8")
        peak = 0
        with (folder / "log").open("wb") as log:
            service = subprocess.Popen(
                [sys.executable, "-m", "monitor", "run"], cwd=folder, stderr=log
            )
            end = time.monotonic() + minutes * 60
            while time.monotonic() < end:
                time.sleep(1)
                peak = max(peak, tree_mb(service.pid))
            service.send_signal(signal.SIGTERM)
            code = service.wait(30)
        web.shutdown()
    late = lateness(folder, began)
    return {
        "hostile": len(hostility.entries) - FEEDS,
        "articles": len(late),
        "latest_intervals": round(late[-1] / INTERVAL_S, 2),
        "median_intervals": round(late[len(late) // 2] / INTERVAL_S, 2),
        "peak_mb": peak,
        "exit_code": code,
        "tracebacks": (folder / "log").read_text("utf-8", "replace").count("Traceback"),
    }


def lateness(folder, began):
    """Return how many seconds after its publication each healthy article was stored, in order."""
    query = (
        "SELECT a.title, a.first_seen FROM articles a JOIN feeds f ON f.id = a.feed_id"
        " WHERE f.key LIKE 'well%'"
    )
    late = []
    for title, seen in sqlite3.connect(folder / "monitor.db").execute(query):
        feed, number = title.rpartition("report ")[2].split(" of ")
        published = began + (int(number) - int(feed) / FEEDS) * 5
        if int(number) > 0:  # the first was there before the service was
            late.append(datetime.fromisoformat(seen).timestamp() - published)
    return sorted(late)


def main():
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--minutes", type=float, default=3)
    options.add_argument("--odd", type=int, default=200, help="odd documents")
    options.add_argument("--endpoints", type=int, default=300, help="lying servers")
    given = options.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        figures = run(Path(folder), minutes=given.minutes, odd=given.odd, endpoints=given.endpoints)
    sys.stdout.write(json.dumps(figures) + "\n")
    well = figures["latest_intervals"] < 2 and figures["peak_mb"] <= 400
    return 0 if well and not figures["tracebacks"] else 1


if __name__ == "__main__":
    sys.exit(main())
