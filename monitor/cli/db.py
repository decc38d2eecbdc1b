"""`monitor db`: care of the database."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from monitor.cli import config_path, declare
from monitor.errors import InputError
from monitor.text.counted import counted

if TYPE_CHECKING:
    from collections.abc import Callable

    from monitor.app import App


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declare the command and its actions."""
    command = declare(
        commands, "db", "upgrade, check, back up, restore, copy, prune, index or count the database"
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
        if name == "copy":
            _target_options(made)
        if name == "index":
            made.add_argument("--anew", action="store_true", help="empty the search index first")

    action("upgrade", "bring the database to the schema of this version", _upgrade)
    action("check", "say whether the database is there, and whether it is whole", _check)
    action("backup", "copy the whole database into a new file, while it is in use", _backup)
    action("restore", "put a backup in the place of what the database holds", _restore)
    action("copy", "copy all of it into another database, and compare every row", _copy)
    action("prune", "delete what is older than `retention` keeps it", _prune)
    action("index", "put into the search index what is missing there", _index)
    action("count", "set right what feeds are said to have, where it is not so", _count)


def _target_options(command: argparse.ArgumentParser) -> None:
    target = command.add_mutually_exclusive_group(required=True)
    target.add_argument("--to", type=_address, metavar="URL", help="address of an empty database")
    target.add_argument(
        "--to-file", type=Path, metavar="FILE", help="a file that holds that address"
    )


def _address(given: str) -> str:
    from monitor.config.values import read_database

    try:
        return read_database(given)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


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
    from monitor.store import migrate, recounts
    from monitor.store.engine import reading
    from monitor.store.schema import SCHEMA

    migrate.require(app.engine)
    flaws = migrate.integrity(app.engine)
    with reading(app.engine) as connection:
        flaws += [f"{wrong} (`monitor db count`)" for wrong in recounts.wrong(connection)]
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
    from monitor.store import jobs, migrate, workers
    from monitor.store.backup import held_back, restore

    _require_rest(app)
    restore(app.engine, args.file, replace=args.replace)
    migrate.upgrade(app.engine)
    with app.engine.begin() as connection:
        held = held_back(connection)
        workers.leave_behind(connection, now=app.clock.now())
        if jobs.ready(connection):
            jobs.leave_behind(connection)
    print(f"{_shown(app)}: restored from {args.file}")
    if held:
        print(
            f"{counted(held, 'delivery was', 'deliveries were')} still to be made and may have "
            "been made since: "
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
        workers.require_rest(connection, now=app.clock.now())


def _copy(app: App, args: argparse.Namespace) -> int:
    from rich.console import Console
    from rich.progress import Progress

    from monitor.store.engine import open_engine, usable
    from monitor.store.transfer import transfer

    url = args.to or _address_in(args.to_file)
    target = open_engine(url)
    console = Console(file=sys.stderr)
    with (
        usable(url),
        Progress(console=console, disable=not sys.stderr.isatty()) as progress,
    ):
        task = progress.add_task("copying", total=None)

        def told(doing: str, rows: int, total: int) -> None:
            progress.update(task, description=doing, advance=rows, total=total)

        counts = transfer(app.engine, target, now=app.clock.now(), progress=told)
    for table, count in counts.items():
        print(f"{table}: {counted(count, 'row')}, the same in both")
    print(f"{target.url.render_as_string(hide_password=True)}: all that {_shown(app)} holds")
    print("Let `database` in the configuration name it, and start no service on the former again.")
    target.dispose()
    return 0


def _address_in(file: Path) -> str:
    try:
        return _address(file.read_text("utf-8").strip())
    except (OSError, UnicodeDecodeError, argparse.ArgumentTypeError) as error:
        raise InputError(f"{file}: {error}") from error


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
    print(f"{_shown(app)}: {counted(total, 'article')} put into the search index")
    return 0


def _count(app: App, _args: argparse.Namespace) -> int:
    from monitor.pipeline.recount import recount
    from monitor.store import migrate

    migrate.require(app.engine)
    wrong = recount(app.engine)
    for it in wrong:
        print(f"{it}: set right")
    if not wrong:
        print(f"{_shown(app)}: what feeds are said to have is so")
    return 0
