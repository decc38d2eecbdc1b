"""Hostile feeds: odd documents and lying servers, polled by `monitor poll` beside healthy feeds.

    python tests/promises/hostile.py --feeds 4600 --endpoints 300 --seed 1

Everything is real: the command as a process, its children, HTTP on loopback, SQLite (or, with
`--database`, PostgreSQL). Held against the promises: the command ends by itself with exit code 1 or
0 and no traceback, every feed has its line in the ledger, every failure says why and when in
`monitor feeds`, and no feed whose entries could not be read passes for one without news. Prints one
line of figures; exit code 1 if one is not kept. `--list` names each feed with what became of it.
"""

import argparse
import json
import re
import resource
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path

from sqlalchemy import create_engine, text

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from feedserver import FeedServer, answer
from promises.liars import PATIENT, liar
from promises.oddities import odd_feed

HEALTHY = 20
PAGE = {"items": "li", "title": "a", "date": "time"}
LOOKS_READABLE = re.compile(rb"<(?:item|entry)[\s>].*?<title[^>]*>\s*[^<\s]", re.DOTALL)
# What an error says that nobody thought of: the name of an exception. SAX's comes with the place.
UNEXPLAINED = re.compile(r"\b(?!SAXParse|Parse)[A-Z]\w+(?:Error|Exception|Warning)\b|Traceback")


@dataclass
class Report:
    """What polling them came to."""

    feeds: int = 0
    endpoints: int = 0
    exit_code: int | None = None
    seconds: float = 0.0
    peak_mb: int = 0
    tracebacks: int = 0
    outcomes: dict = field(default_factory=dict)
    without_line: list = field(default_factory=list)  # in the ledger
    without_reason: list = field(default_factory=list)  # though they failed
    unexplained: list = field(default_factory=list)  # the reason is a mere exception
    silently_empty: list = field(default_factory=list)  # no entry, no reason, though there are some
    healthy_missing: list = field(default_factory=list)
    longest_fetch_s: float = 0.0
    unbalanced: int = 0

    @property
    def clean(self):
        faults = (
            *(self.tracebacks, self.without_line, self.without_reason, self.silently_empty),
            *(
                self.healthy_missing,
                self.unbalanced,
                self.exit_code not in {0, 1},
                self.unexplained,
            ),
        )
        return not any(faults)


def healthy(number):
    """Return the body of a healthy feed: it has a hit."""
    title = f"Alibaba fined in antitrust probe, healthy report {number}"
    item = f"<item><title>{title}</title><guid>h{number}</guid></item>"
    return f"<rss version='2.0'><channel><title>h</title>{item}</channel></rss>".encode()


class Hostility:
    """A server full of hostile feeds, and the configuration that has them polled."""

    def __init__(self, server, *, feeds, endpoints, patient, seed):
        self.server = server
        self.entries, self.names = [], {}
        for number in range(HEALTHY):
            self._add(f"healthy{number}", f"healthy {number}", answer(healthy(number)))
        for number in range(seed * 10**6, seed * 10**6 + feeds):
            odd = odd_feed(number)
            page = odd.kind == "page"
            self._add(
                f"odd{number}", f"{odd.kind}: {', '.join(odd.damage)}", _served(number), page=page
            )
        for number in range(endpoints):
            name, script = liar(number)
            self._add(f"liar{number}", name, script)
        if patient:
            for number, (name, script) in enumerate(PATIENT.items()):
                self._add(f"patient{number}", name, script)

    def _add(self, key, name, script, *, page=False):
        self.server.put(f"/{key}", script)
        self.names[key] = name
        entry = {"id": key, "url": self.server.url(f"/{key}")}
        self.entries.append(entry | ({"page": PAGE} if page else {}))

    def configuration(self, database, **polling):
        """Return a configuration as JSON, which is YAML."""
        return json.dumps(
            {
                "database": database,
                "feeds": self.entries,
                "network": {"allow_private": ["127.0.0.0/8"]},
                "polling": polling,
            }
        )


def _served(number):
    def script(_request):
        odd = odd_feed(number)
        kind = odd.content_type
        try:
            return answer(odd.body, content_type=kind)
        except UnicodeEncodeError:
            return answer(odd.body)

    return script


def tree_mb(pid):
    """Return the proportional memory of a process and all it started, in MB."""
    total, waiting = 0, [pid]
    while waiting:
        one = waiting.pop()
        with suppress(OSError):
            for thread in Path(f"/proc/{one}/task").iterdir():
                waiting += map(int, (thread / "children").read_text("ascii").split())
            rollup = Path(f"/proc/{one}/smaps_rollup").read_text("ascii")
            total += int(re.search(r"^Pss:\s+(\d+)", rollup, re.MULTILINE)[1])
    return total // 1024


def poll(folder, report, *, watch=True):
    """Run `monitor poll` in *folder*, and note how it ended."""
    began = time.monotonic()
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "monitor", "poll", "--json"],
            cwd=folder,
            stdout=subprocess.PIPE,
            stderr=log,
        )
        over = threading.Event()

        def look():
            while not over.wait(0.2):
                report.peak_mb = max(report.peak_mb, tree_mb(process.pid))

        watcher = threading.Thread(target=look)
        if watch:
            watcher.start()
        process.communicate()
        over.set()
        if watch:
            watcher.join()
    report.exit_code = process.returncode
    report.seconds = round(time.monotonic() - began, 1)
    report.tracebacks = (folder / "log").read_text("utf-8", "replace").count("Traceback")


def judge(engine, hostility, report):
    """Hold the database against what the feeds were."""
    with engine.connect() as connection:
        query = (
            "SELECT f.key, p.outcome, p.error, p.notes, p.entries, p.new, p.known, p.revised,"
            " p.rejected, p.took_ms, p.at, f.last_error"
            " FROM feeds f LEFT JOIN polls p ON p.feed_id = f.id"
        )
        rows = list(connection.execute(text(query)))
        titles = set(connection.scalars(text("SELECT title FROM v_hits")))
    counts, fates = Counter(), {}
    for row in rows:
        key, reason = row.key, row.error or row.notes or ""
        fates[key] = f"{row.outcome} {row.entries or 0}: {row.error or row.notes or ''}"
        counts[str(row.outcome)] += 1
        if row.outcome is None:
            report.without_line.append(key)
            continue
        if row.took_ms:
            report.longest_fetch_s = max(report.longest_fetch_s, row.took_ms / 1000)
        report.unbalanced += row.entries != row.new + row.known + row.revised + row.rejected
        if row.outcome == "failed" and not (row.error and row.last_error and row.at):
            report.without_reason.append(key)
        if UNEXPLAINED.search(str(row.error or "")):
            report.unexplained.append(f"{key} ({hostility.names[key]}): {row.error}")
        if row.outcome == "stored" and not row.entries and not reason and _had_entries(key):
            report.silently_empty.append(f"{key} ({hostility.names[key]})")
    for number in range(HEALTHY):
        if f"Alibaba fined in antitrust probe, healthy report {number}" not in titles:
            report.healthy_missing.append(number)
    report.outcomes = dict(counts)
    return fates


def _had_entries(key):
    if not key.startswith("odd"):
        return False
    odd = odd_feed(int(key.removeprefix("odd")))
    return bool(LOOKS_READABLE.search(odd.body))


def run(folder, *, feeds, endpoints, seed, database=None, patient=False, **polling):
    """Poll that many hostile feeds once; return a Report, and what became of each feed."""
    url = database or f"sqlite:///{folder}/monitor.db"
    report = Report(feeds=feeds, endpoints=endpoints + patient * len(PATIENT))
    with FeedServer() as server:
        hostility = Hostility(server, feeds=feeds, endpoints=endpoints, patient=patient, seed=seed)
        config = hostility.configuration(url, **polling)
        (folder / "config.yaml").write_text(config, encoding="utf-8")
        poll(folder, report)
    engine = create_engine(url)
    fates = judge(engine, hostility, report)
    engine.dispose()
    return report, {f"{key} ({hostility.names[key]})": fate for key, fate in fates.items()}


def main():
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--feeds", type=int, default=4600)
    options.add_argument("--endpoints", type=int, default=300)
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--database", help="an empty PostgreSQL database instead of SQLite")
    options.add_argument("--list", action="store_true", help="say what became of each feed")
    options.add_argument("--log", help="keep what the command logged in this file")
    given = options.parse_args()
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(8192, hard), hard))
    with tempfile.TemporaryDirectory() as folder:
        report, fates = run(
            Path(folder),
            feeds=given.feeds,
            endpoints=given.endpoints,
            seed=given.seed,
            database=given.database,
            patient=True,
        )
        if given.log:
            Path(given.log).write_bytes((Path(folder) / "log").read_bytes())
    if given.list:
        for name, fate in fates.items():
            sys.stdout.write(f"{name}: {fate}\n".encode("ascii", "backslashreplace").decode())
    sys.stdout.write(json.dumps(asdict(report)) + "\n")
    return 0 if report.clean else 1


if __name__ == "__main__":
    sys.exit(main())
