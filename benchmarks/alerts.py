"""How long an alert takes: from the moment a feed shows a story until it is handed over.

The real service polls twelve feeds on loopback every five seconds; each story appears in all of
them at once. A mail server, a chat (Apprise) and a webhook, on loopback too, take note of when they
get it. Run with the development environment: `.venv/bin/python benchmarks/alerts.py 12`.
"""

from __future__ import annotations

import signal
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from statistics import median
from threading import Lock, Thread
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from receiver import Receiver
from smtpserver import SmtpServer

FEEDS = 12
PATIENCE_S = 60
NAMES = ("Alibaba", "Tencent", "Baidu", "Xiaomi", "Huawei", "Ant Group")
TITLES = (
    "SAMR fines {} 300 million yuan for abuse of dominance in antitrust ruling",
    "Hong Kong IPO of {} suspended by regulator",
)
CONFIG = """\
companies: [alibaba, tencent, baidu, xiaomi, huawei, ant]
feeds:
{feeds}
polling: {{interval: 5s, min_interval: 5s}}
network: {{allow_private: [127.0.0.0/8]}}
channels:
  chat: {{apprise: "json://127.0.0.1:{chat}/x"}}
  hook: {{webhook: "http://127.0.0.1:{hook}/", secret: whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIz}}
subscriptions:
  - name: desk
    to: [desk@example.com, chat, hook]
    every: 30d
    alert: {{min_stage: suspension, at_most: 100}}
delivery: {{from: m@desk.example, smtp: {{host: 127.0.0.1, port: {smtp}, security: none}}}}
"""


class Newsroom:
    """Shows the same stories in every feed; *shown_at* is when each was first asked for."""

    def __init__(self) -> None:
        self.stories: list[tuple[str, str]] = []
        self.shown_at: dict[str, float] = {}
        self._lock = Lock()
        newsroom = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body = newsroom.feed(self.path)
                self.send_response(200)
                self.send_header("Content-Type", "application/rss+xml")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        Thread(target=self.server.serve_forever, daemon=True).start()

    def feed(self, path: str) -> bytes:
        """Return the feed at *path*, newest story first."""
        with self._lock:
            for title, _ in self.stories:
                self.shown_at.setdefault(title, time.time())
            items = "".join(
                f"<item><guid>{path}{number}</guid><title>{title}</title><pubDate>{at}</pubDate>"
                f"<link>https://news.example.org{path}/{number}</link></item>"
                for number, (title, at) in enumerate(self.stories)
            )
        return f'<rss version="2.0"><channel><title>{path}</title>{items}</channel></rss>'.encode()

    def publish(self, title: str) -> None:
        """Show another story from now on."""
        with self._lock:
            self.stories.append((title, format_datetime(datetime.now(UTC))))


def main() -> None:
    """Tell of as many stories as are asked for, at most twelve, and print the seconds each took."""
    count = min(int(sys.argv[1]), len(NAMES) * len(TITLES)) if sys.argv[1:] else 6
    newsroom = Newsroom()
    with SmtpServer() as smtp, Receiver() as chat, Receiver() as hook:
        at = f"http://127.0.0.1:{newsroom.server.server_address[1]}"
        feeds = "\n".join(f"  - {{url: '{at}/f{n}', id: f{n}}}" for n in range(FEEDS))
        ports = {"chat": chat.port, "hook": hook.port, "smtp": smtp.settings().port}
        folder = Path(tempfile.mkdtemp(prefix="alerts-"))
        (folder / "config.yaml").write_text(CONFIG.format(feeds=feeds, **ports), "utf-8")
        with (folder / "log").open("wb") as log:
            service = subprocess.Popen(
                [sys.executable, "-m", "monitor", "run"], cwd=folder, stderr=log
            )
        try:
            time.sleep(10)  # until it has polled once
            boxes: dict[str, list[Any]] = {
                "mail": smtp.taken,
                "chat": chat.taken,
                "hook": hook.taken,
            }
            took = [_one(newsroom, number, boxes) for number in range(count)]
        finally:
            service.send_signal(signal.SIGTERM)
            service.wait(20)
    for way in boxes:
        seconds = sorted(it[way] for it in took if way in it)
        middle, slowest = median(seconds), seconds[-1]
        print(f"{way}: {len(seconds)} of {count}, p50 {middle:.2f} s, max {slowest:.2f} s")


def _one(newsroom: Newsroom, number: int, boxes: dict[str, list[Any]]) -> dict[str, float]:
    """Publish a story and return the seconds from its first fetch to each way's taking it."""
    title = TITLES[number // len(NAMES)].format(NAMES[number % len(NAMES)])
    before = {way: len(box) for way, box in boxes.items()}
    newsroom.publish(title)
    taken: dict[str, float] = {}
    deadline = time.time() + PATIENCE_S
    while len(taken) < len(boxes) and time.time() < deadline:
        for way, box in boxes.items():
            if len(box) > before[way] and way not in taken:
                taken[way] = time.time()
        time.sleep(0.02)
    shown_at = newsroom.shown_at[title]
    return {way: at - shown_at for way, at in taken.items()}


if __name__ == "__main__":
    main()
