"""Our end of the process that works aside: work goes to it, and what it tells comes back.

* Started with the first work, by whoever needs it; killed and made anew when it is silent for
  DEADLINE with work in hand. That it was killed, or died, is told to whoever asked for the work.
* It is a program of its own in a process group of its own: it shares no lock with us, and Ctrl-C
  at a terminal does not reach it. It ends with us, whose end of the pipe then closes.
"""

from __future__ import annotations

import json
import pickle
import signal
import subprocess
import sys
from datetime import timedelta
from multiprocessing.connection import Pipe
from threading import Lock
from typing import TYPE_CHECKING, Any, Final

from monitor.errors import ProcessDied

if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from multiprocessing.connection import Connection

    from monitor.app import App
    from monitor.config import Config

DEADLINE: Final = timedelta(minutes=3)  # for the next thing it tells, its start included
_END_S: Final = 10.0  # for one that has closed its pipe to be gone
_START: Final = (  # with our search path, which is not always the environment's
    "import json, sys; sys.path[:] = json.loads(sys.argv[1]);"
    "from monitor.web.aside.main import main; main(int(sys.argv[2]))"
)


class Aside:
    """A process that works aside, on one configuration. One thread works with it at a time."""

    def __init__(self, config: Config, *, deadline: timedelta = DEADLINE) -> None:
        self._config = config
        self._deadline_s = deadline.total_seconds()
        self._lock = Lock()  # on what follows
        self._process: subprocess.Popen[bytes] | None = None
        self._closed = False
        self._pipe: Connection | None = None

    def do(self, work: Callable[[App], object]) -> Generator[Any]:
        """Yield what *work* returns there; if that is an iterator, each thing it yields.

        All of it must be fit to pickle. What *work* raises is raised here, ProcessDied if the
        process ended before its work or took too long. An iterator that is closed early ends it.
        """
        done = False
        try:
            pipe = self._ready()
            pipe.send_bytes(pickle.dumps(work))
            while True:
                if not pipe.poll(self._deadline_s):
                    said = f"was ended: it told nothing for {self._deadline_s:g} s"
                    raise ProcessDied(f"the process that works behind the pages {said}")
                kind, told = pipe.recv()
                if kind == "told":
                    yield told
                    continue
                done = True
                if kind == "failed":
                    raise told
                return
        except (EOFError, OSError) as error:
            if done:
                raise
            raise ProcessDied(f"the process that works behind the pages {self._end()}") from error
        finally:
            if not done:
                self.end()

    def end(self) -> None:
        """End the process, if there is one; by the thread that works with it."""
        with self._lock:
            process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait()
        if self._pipe is not None:
            self._pipe.close()
            self._pipe = None

    def close(self) -> None:
        """End it for good, from any thread: what is under way fails with ProcessDied."""
        with self._lock:
            self._closed = True
            if self._process is not None:
                self._process.kill()

    def _ready(self) -> Connection:
        with self._lock:
            here = self._process is not None and self._process.poll() is None
        if self._pipe is not None and here:
            return self._pipe
        self.end()
        with self._lock:
            if self._closed:
                raise ProcessDied("the process that works behind the pages was told to end")
            self._pipe, theirs = Pipe()
            with theirs:
                self._process = subprocess.Popen(  # noqa: S603 - ourselves
                    [
                        sys.executable,
                        "-P",
                        "-c",
                        _START,
                        json.dumps(sys.path),
                        str(theirs.fileno()),
                    ],
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    pass_fds=(theirs.fileno(),),
                    process_group=0,
                )
        self._pipe.send_bytes(pickle.dumps(self._config))
        return self._pipe

    def _end(self) -> str:
        with self._lock:
            process = self._process
        if process is None:  # pragma: no cover - it was there when it was asked
            return "is gone"
        try:
            code = process.wait(_END_S)
        except subprocess.TimeoutExpired:
            return "closed its pipe"
        return f"was killed ({signal.Signals(-code).name})" if code < 0 else f"ended ({code})"
