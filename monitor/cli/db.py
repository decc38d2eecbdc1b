"""`monitor db`: care of the database."""

from __future__ import annotations

import sys
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from monitor.cli import config_path, declare
from monitor.errors import StoreError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

    from monitor.app import App

SILENCE = timedelta(minutes=1)  # a running service beats every ten seconds


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declare the command and its actions."""
    command = declare(
        commands, "db", "upgrade, check, back up, restore, prune or index the database"
    )
    actions = command.add_subparsers(metavar="ACTION", required=True)

    def action(name: str, purpose: str, work: Callable[[App, argparse.Namespace], int]) -> None:
        made = declare(actions, name, purpose)
        made.set_defaults(work=lambda args: _with_database(args, work))
        if name in {"backup", "restore"}:
            made.add_argument("file", type=Path, metavar="FILE", help="the backup")
        if name == "restore":
            made.add_argument(
                "--replace", action="store_true", help="even if the database holds something"
            )
        if name == "index":
            made.add_argument("--anew", action="store_true", help="empty the search index first")

    action("upgrade", "bring the database to the schema of this version", _upgrade)
    action("check", "say whether the database is there, and whether it is whole", _check)
    action("backup", "copy the whole database into a new file, while it is in use", _backup)
    action("restore", "put a backup in the place of what the database holds", _restore)
    action("prune", "delete what is older than `retention` keeps it", _prune)
    action("index", "put into the search index what is missing there", _index)


def _with_database(args: argparse.Namespace, work: Callable[[App, argparse.Namespace], int]) -> int:
    from monitor.app import App
    from monitor.store.engine import usable

    with App.load(config_path(args)) as app, usable(app.database_url):
        return work(app, args)


def _shown(app: App) -> str:
    return app.engine.url.render_as_string(hide_password=True)


def _upgrade(app: App, _args: argparse.Namespace) -> int:
    from monitor.store import migrate
    from monitor.store.schema import SCHEMA

    before = migrate.upgrade(app.engine)
    was = "" if before == SCHEMA else f", was {before or 'empty'}"
    print(f"{_shown(app)}: at {SCHEMA}{was}")
    return 0


def _check(app: App, _args: argparse.Namespace) -> int:
    from monitor.store import migrate
    from monitor.store.schema import SCHEMA

    migrate.require(app.engine)
    flaws = migrate.integrity(app.engine)
    print(f"{_shown(app)}: at {SCHEMA}, " + ("; ".join(flaws) or "whole"))
    return 1 if flaws else 0


def _backup(app: App, args: argparse.Namespace) -> int:
    from monitor.store import migrate
    from monitor.store.backup import backup

    migrate.require(app.engine)
    size = backup(app.engine, args.file)
    print(f"{args.file}: {size:,} bytes, whole")
    return 0


def _restore(app: App, args: argparse.Namespace) -> int:
    from monitor.store import migrate
    from monitor.store.backup import hold_back, restore

    _require_rest(app)
    restore(app.engine, args.file, replace=args.replace)
    migrate.upgrade(app.engine)
    with app.engine.begin() as connection:
        held = hold_back(connection)
    print(f"{_shown(app)}: restored from {args.file}")
    if held:
        print(
            f"{held} deliveries were still to be made and may have been made since: "
            "`monitor deliveries --status unsure` lists them, `retry` sends one"
        )
    return 0


def _require_rest(app: App) -> None:
    """Raise StoreError if a service works on the database."""
    from monitor.store import migrate, workers
    from monitor.store.engine import reading
    from monitor.store.schema import SCHEMA

    if migrate.revision(app.engine) != SCHEMA:
        return  # no service of this version runs on it
    with reading(app.engine) as connection:
        beat_at = workers.last_beat(connection)
    if beat_at is not None and app.clock.now() - beat_at <= SILENCE:
        raise StoreError(f"a service runs on {_shown(app)}: stop it first")


def _prune(app: App, _args: argparse.Namespace) -> int:
    for what, deleted in app.prune().items():
        print(f"{_shown(app)}: {deleted} old {what} deleted")
    return 0


def _index(app: App, args: argparse.Namespace) -> int:
    from rich.console import Console
    from rich.progress import Progress

    from monitor.pipeline.index import fill
    from monitor.store import index

    with app.store.begin() as connection:
        if args.anew:
            index.empty(connection)
        missing = index.missing(connection)
    total = 0
    console = Console(file=sys.stderr)
    with Progress(console=console, disable=not sys.stderr.isatty()) as progress:
        task = progress.add_task("indexing", total=missing)
        for done in fill(app.store):
            progress.advance(task, done)
            total += done
    print(f"{_shown(app)}: {total} articles put into the search index")
    return 0
