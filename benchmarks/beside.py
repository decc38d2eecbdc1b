"""What readers have worked out behind the pages while benchmarks/pages.py asks for others."""

from __future__ import annotations

import http.client
import re
import time
from contextlib import closing, contextmanager
from html import unescape
from threading import Event, Thread
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from monitor.text.counted import counted

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

LOOK_S = 1.0  # a reader's page loads itself again every two


class _Reader:
    def __init__(self, port: int, cookie: str) -> None:
        self._port, self._cookie = port, cookie
        self.done = 0

    def ask(self, path: str, form: dict[str, str] | None = None) -> http.client.HTTPResponse:
        headers = {"Cookie": self._cookie}
        if form is not None:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        with closing(http.client.HTTPConnection("127.0.0.1", self._port, timeout=120)) as to:
            to.request("POST" if form else "GET", path, form and urlencode(form), headers)
            answer = to.getresponse()
            self.text = answer.read().decode()
            return answer

    def wait(self, path: str, stop: Event) -> None:
        """Look at *path* until it loads itself no more."""
        while self.ask(path).headers["Refresh"] and not stop.wait(LOOK_S):
            pass
        self.done += 1

    def preview(self, subscriptions: Sequence[str], stop: Event) -> None:
        """Look at what is worked out of verdicts, then at one subscription after another."""
        paths = ["/review/proposals?days=365", "/review/precision?days=365"]
        for path in paths + [f"/subscriptions/{it}" for it in subscriptions]:
            if stop.is_set():
                return
            self.wait(path, stop)

    def backtest(self, stop: Event) -> None:
        """Have a backtest done, and another, and so on; the last is ended."""
        self.ask("/rules/")
        fields = {
            "form": re.search(r'name="form" value="([^"]+)"', self.text),
            "rules": re.search(r'class="code">([^<]*)</textarea>', self.text),
        }
        form = {name: unescape(it[1]) for name, it in fields.items() if it}
        while not stop.is_set():
            begun = self.ask("/rules/", {**form, "do": "backtest", "days": "30"})
            there = begun.headers["Location"] or ""
            assert begun.status == http.client.SEE_OTHER, self.text  # noqa: S101 - too many articles
            self.wait(there, stop)
            self.ask(there, {"form": form["form"]})


@contextmanager
def worked_out(port: int, cookie: str, subscriptions: Sequence[str]) -> Iterator[None]:
    """Have previews made and backtests done, all the time; print how many at the end."""
    stop, one, other = Event(), _Reader(port, cookie), _Reader(port, cookie)
    threads = [
        Thread(target=one.preview, args=(subscriptions, stop)),
        Thread(target=other.backtest, args=(stop,)),
    ]
    for it in threads:
        it.start()
    time.sleep(3 * LOOK_S)  # until both are under way
    try:
        yield
    finally:
        stop.set()
        for it in threads:
            it.join()
        pages, backtests = counted(one.done, "page"), counted(other.done, "backtest")
        print(f"meanwhile worked out: {pages}, {backtests}")
