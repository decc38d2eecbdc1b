"""The sample feeds, served on loopback. Their dates are made when they are asked for.

In a sample, `{{-95m}}` stands for that long ago in RFC 822 form, `{{iso -95m}}` for the same in
RFC 3339 form. The Chinese sample leaves as GB18030, with nothing but its XML declaration to say so.
"""

from __future__ import annotations

import re
import threading
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

FEEDS = Path(__file__).parent / "feeds"
CHARSETS = {"caijing": "gb18030"}
_AGO = re.compile(r"\{\{(iso )?-(\d+)([mh])\}\}")


def sample(name: str, now: datetime) -> bytes:
    """Return the bytes of the sample feed *name* as they would be served at *now*."""

    def date(found: re.Match[str]) -> str:
        ago = timedelta(**{"minutes" if found[3] == "m" else "hours": int(found[2])})
        then = (now - ago).astimezone(UTC)
        return f"{then:%Y-%m-%dT%H:%M:%SZ}" if found[1] else format_datetime(then)

    text = (FEEDS / f"{name}.xml").read_text(encoding="utf-8")
    return _AGO.sub(date, text).encode(CHARSETS.get(name, "utf-8"))


@contextmanager
def serving() -> Iterator[dict[str, str]]:
    """Serve the samples on a free port of 127.0.0.1; give name -> address."""
    names = sorted(path.stem for path in FEEDS.glob("*.xml"))
    with ThreadingHTTPServer(("127.0.0.1", 0), _Handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        port = server.server_address[1]
        yield {name: f"http://127.0.0.1:{port}/{name}.xml" for name in names}
        server.shutdown()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        name = self.path.strip("/").removesuffix(".xml")
        if not re.fullmatch(r"[a-z]+", name) or not (FEEDS / f"{name}.xml").is_file():
            self.send_error(404)
            return
        body = sample(name, datetime.now(UTC))
        self.send_response(200)
        self.send_header("Content-Type", "text/html" if name == "broken" else "application/xml")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name it overrides
        """Keep the terminal for the demonstration."""
