"""The process that works aside: takes one work after another, and tells what comes of it.

* It gives way to everything else on the machine, and is the first to go when memory is short.
* A thread takes in: it ends the process at once when the other end is gone, whatever is under way.
* What a work raises is logged here and told as far as it can cross; the next work goes on.
"""

from __future__ import annotations

import os
import pickle
import resource
from collections.abc import Iterator
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path
from queue import SimpleQueue
from threading import Thread
from typing import Any, Final

from monitor import logs
from monitor.app import App
from monitor.errors import MonitorError
from monitor.text.html import one_line

NICE: Final = 10
_FIRST_TO_GO: Final = "500"  # of 1000: half of all memory is added to what it seems to take

log = logs.get_logger()


def main(pipe: int) -> None:
    """Do what comes through the socket *pipe*: first the configuration, then work, pickled."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with suppress(OSError):  # where either is forbidden, we are treated like all others
        os.nice(NICE)
        Path("/proc/self/oom_score_adj").write_text(_FIRST_TO_GO, "ascii")
    works: SimpleQueue[bytes] = SimpleQueue()
    both = Connection(pipe)
    Thread(target=_take, args=(both, works), daemon=True).start()
    config = pickle.loads(works.get())  # noqa: S301 - from our parent
    logs.set_up(config.logging.level, config.logging.format)
    with App(config) as app:
        while True:
            _do(app, works.get(), both)


def _take(pipe: Connection, works: SimpleQueue[bytes]) -> None:
    while True:
        try:
            works.put(pipe.recv_bytes())
        except (EOFError, OSError):
            os._exit(0)  # nobody wants to know any more


def _do(app: App, work: bytes, pipe: Connection) -> None:
    try:
        made = pickle.loads(work)(app)  # noqa: S301 - from our parent
        for told in made if isinstance(made, Iterator) else (made,):
            pipe.send(("told", told))
        last: tuple[str, Any] = ("done", None)
    except BrokenPipeError:
        os._exit(0)
    except Exception as error:
        log.exception("work behind a page failed")
        last = ("failed", _fit(error))
    pipe.send(last)


def _fit(error: Exception) -> Exception:
    """Return *error*, or one that says the same, if it cannot cross."""
    try:
        there: Exception = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own
    except Exception:  # noqa: BLE001 - whatever a library's exception makes of itself
        return MonitorError(one_line(f"{type(error).__name__}: {error}"))
    return there
