"""Stopping on SIGTERM or SIGINT: heard at once, and over within ten seconds, whatever happens."""

from __future__ import annotations

import os
import signal
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

from monitor import logs

if TYPE_CHECKING:
    from collections.abc import Iterator

LAST_S = 8.5  # after a stop, when something still holds us up: a database another process locked

log = logs.get_logger()


@contextmanager
def heeding_signals(stop: threading.Event) -> Iterator[None]:
    """Set *stop* on SIGTERM or SIGINT, whatever the main thread is doing.

    Python runs a handler between two steps of the main thread. That is late while it waits inside
    SQLite; and if the handler fails, as a log line does that is written within another, the signal
    is lost. The wake-up descriptor has neither fault: it is written to at once, by the C handler.
    """
    source, sink = os.pipe()
    os.set_blocking(sink, False)
    numbers = (signal.SIGTERM, signal.SIGINT)
    sink_before = signal.set_wakeup_fd(sink, warn_on_full_buffer=False)
    before = {number: signal.signal(number, lambda *_: None) for number in numbers}
    watcher = threading.Thread(target=_watch, args=(source, stop), name="signals", daemon=True)
    watcher.start()
    try:
        yield
    finally:
        signal.set_wakeup_fd(sink_before)
        for number, handler in before.items():
            signal.signal(number, handler)
        os.close(sink)
        watcher.join()
        os.close(source)


def _watch(source: int, stop: threading.Event) -> None:
    """Heed the first signal; the last resort counts from there. Ends when the pipe is closed."""
    while number := os.read(source, 1):
        if not stop.is_set():
            log.info("stopping", signal=signal.Signals(number[0]).name)
            stop.set()
            last = threading.Timer(LAST_S, _leave)
            last.daemon = True
            last.start()


def _leave() -> None:
    """End the process as it is. What it had claimed is taken over, as after a power cut."""
    log.warning("stop cut short", after_s=LAST_S)
    os._exit(0)
