"""`monitor demo`: sample feeds on loopback, through the whole line, to a digest in `outbox/`.

Works in the current directory: a fresh database and the configuration used in `demo/`, the mail
in `outbox/`.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from monitor.cli import declare

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

    from monitor.app import App

FOLDER = Path("demo")
CONFIG = """\
# What `monitor demo` ran with. The feeds were served on loopback while it ran: nothing answers
# there now, so ask what is stored, with `monitor hits --config demo/config.yaml` and the like.
companies: [alibaba, ant, tencent, xiaomi, huawei, baidu]
topics: [antitrust, ipo, listing]
feeds:
{feeds}
subscriptions:
  - name: demo
    to: [desk@example.com]
    at: "07:30"
    timezone: Asia/Hong_Kong
network:
  allow_private: [127.0.0.0/8]
database: sqlite:///demo/monitor.db
logging:
  level: error
"""
NAMES = {
    "broken": "Sample broken feed (demo)",
    "caijing": "示例财经（演示）",
    "gazette": "Sample gazette (demo)",
    "mixed": "Sample mixed news (demo)",
    "wire": "Sample wire (demo)",
}


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declare the command."""
    command = declare(commands, "demo", "run the bundled sample feeds through the whole line")
    command.set_defaults(work=_demo)


def _demo(_args: argparse.Namespace) -> int:
    from monitor.app import App
    from monitor.demo.server import serving

    FOLDER.mkdir(exist_ok=True)
    for old in FOLDER.glob("monitor.db*"):
        old.unlink()
    with serving() as addresses:
        feeds = "\n".join(
            f"  - {{id: {name}, name: {NAMES[name]}, url: '{url}'}}"
            for name, url in addresses.items()
        )
        path = FOLDER / "config.yaml"
        path.write_text(CONFIG.format(feeds=feeds), encoding="utf-8")
        with App.load(path, environ={}) as app:
            digest = _run_line(app)
            _show_hits(app)
    print(f"\nAsk more of what was found: monitor explain 1 --config {path}")
    print(f"\nThe digest is in {digest.parent}/. Open this in a browser:\n{digest}")
    return 0


def _run_line(app: App) -> Path:
    """Take the line's steps one by one, with a progress bar; return the digest's HTML file."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    from monitor.deliver.folder import FolderMailer
    from monitor.pipeline.group import group_new

    console = Console(file=sys.stderr)
    columns = (TextColumn("{task.description:<42}"), BarColumn(), MofNCompleteColumn())
    mailer = app.mailer
    if not isinstance(mailer, FolderMailer):
        raise TypeError("the demonstration delivers into a folder")
    slot = app.clock.now()
    steps: dict[str, Callable[[], object]] = {
        "preparing the database": app.prepare,
        "polling, reading and matching the feeds": lambda: app.poll_step.poll_due(),  # noqa: PLW0108 - built only when its turn comes
        "grouping hits into stories": lambda: group_new(app.store),
        "composing the digest": lambda: app.compose_step.compose_now(app.subscriptions[0], slot),
        "delivering it": app.deliver_due,
    }
    with Progress(*columns, console=console, disable=not sys.stderr.isatty()) as progress:
        task = progress.add_task("", total=len(steps))
        for name, step in steps.items():
            progress.update(task, description=name)
            step()
            progress.advance(task)
        progress.update(task, description="done")
    return mailer.last_html


def _show_hits(app: App) -> None:
    from monitor.cli import hits, listing
    from monitor.store import queries
    from monitor.store.engine import reading

    with reading(app.store) as connection:
        rows = queries.rows(connection, queries.HITS, queries.Filter())
        listing.show(rows, list(queries.HITS.columns), "table", shown=hits.SHOWN)
