"""`monitor web`: the pages alone, for when `monitor run` is not to serve them."""

from __future__ import annotations

import signal
import sys
from typing import TYPE_CHECKING

from monitor.cli import config_path, declare
from monitor.errors import UsageError

if TYPE_CHECKING:
    import argparse


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declare the command."""
    command = declare(commands, "web", "serve web pages and what mails link to, until SIGTERM")
    command.add_argument(
        "--host", metavar="HOST", help="address to listen at, in place of the one in web.listen"
    )
    command.add_argument("--port", metavar="PORT", help="port to listen at, likewise")
    command.set_defaults(work=_web)


def _web(args: argparse.Namespace) -> int:
    # As for `monitor run`: until the pages stand, a stop is just the end.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    from monitor import threads
    from monitor.app import App
    from monitor.config.values import read_listen
    from monitor.config.web import USUAL_LISTEN, split_listen
    from monitor.web.server import serve_alone

    threads.share_heap()
    threads.take_short_turns()
    with App.load(config_path(args)) as app:
        host, port = split_listen(app.config.web.listen or USUAL_LISTEN)
        host = args.host or host
        shown = f"[{host}]" if ":" in host and not host.startswith("[") else host
        try:
            listen = read_listen(f"{shown}:{args.port or port}")
        except ValueError as error:
            raise UsageError(f"--host and --port: {error}") from None
        return serve_alone(app, listen)
