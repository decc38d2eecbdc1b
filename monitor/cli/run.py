"""`monitor run`: the service."""

from __future__ import annotations

import signal
import sys
from typing import TYPE_CHECKING

from monitor.cli import config_path, declare

if TYPE_CHECKING:
    import argparse


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declare the command."""
    purpose = "run the service: poll, match, group and send digests, until SIGTERM"
    command = declare(commands, "run", purpose)
    command.set_defaults(work=_run)


def _run(args: argparse.Namespace) -> int:
    # Until the service stands there is nothing to finish or hand back: a stop is just the end. As
    # a container's first process we would not even be stopped without a handler of our own.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    from monitor import threads
    from monitor.app import App
    from monitor.worker import serve

    threads.share_heap()
    threads.take_short_turns()
    with App.load(config_path(args)) as app:
        return serve(app)
