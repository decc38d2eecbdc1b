"""`monitor db`: care of the database."""

from __future__ import annotations

from typing import TYPE_CHECKING

from monitor.cli import config_path, declare

if TYPE_CHECKING:
    import argparse


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declare the command."""
    purpose = "upgrade, check or prune the database"
    command = declare(commands, "db", purpose)
    command.add_argument(
        "action",
        choices=("upgrade", "check", "prune"),
        help="upgrade: bring it to the schema of this version; check: say whether it is there, "
        "and whether it is whole; prune: delete near-misses that are older than 30 days",
    )
    command.set_defaults(work=_db)


def _db(args: argparse.Namespace) -> int:
    from monitor.app import App
    from monitor.pipeline.prune import prune
    from monitor.store import migrate
    from monitor.store.engine import usable
    from monitor.store.schema import SCHEMA

    with App.load(config_path(args)) as app, usable(app.database_url):
        shown = app.engine.url.render_as_string(hide_password=True)
        if args.action == "upgrade":
            before = migrate.upgrade(app.engine)
            print(
                f"{shown}: at {SCHEMA}" + ("" if before == SCHEMA else f", was {before or 'empty'}")
            )
            return 0
        migrate.require(app.engine)
        if args.action == "prune":
            print(f"{shown}: {prune(app.sessions, now=app.clock.now())} old near-misses deleted")
            return 0
        flaws = migrate.integrity(app.engine)
        print(f"{shown}: at {SCHEMA}, " + ("; ".join(flaws) or "whole"))
        return 1 if flaws else 0
