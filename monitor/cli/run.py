"""`monitor run`: the service."""

from __future__ import annotations

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
    from monitor.app import App
    from monitor.worker import serve

    with App.load(config_path(args)) as app:
        return serve(app)
