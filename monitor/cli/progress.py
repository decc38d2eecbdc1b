"""A bar on stderr while stored articles are worked through; nothing unless that is a terminal."""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterator

    from monitor.app import App
    from monitor.store.texts import Chosen


def jobs_option(command: argparse.ArgumentParser) -> None:
    """Add `--jobs` to *command*."""
    from monitor.cli.listing import count

    command.add_argument(
        "--jobs", type=count, metavar="N", help="processes that match (default: one for each core)"
    )


@contextmanager
def working_through(
    app: App, chosen: Chosen, args: argparse.Namespace, what: str
) -> Iterator[tuple[int, Callable[[int], None]]]:
    """Give how many processes are to work, and what to call with the number of articles done."""
    from rich.console import Console
    from rich.progress import Progress

    from monitor.pipeline.match import PAGE
    from monitor.store import texts
    from monitor.store.engine import reading

    with reading(app.store) as connection:
        total = texts.count(connection, chosen)
    jobs = (args.jobs or os.cpu_count() or 1) if total > PAGE else 1
    console = Console(file=sys.stderr)
    with Progress(console=console, disable=not sys.stderr.isatty()) as progress:
        task = progress.add_task(what, total=total)
        yield jobs, lambda done: progress.advance(task, done)
