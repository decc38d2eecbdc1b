"""`monitor searches`: queries that are kept under names, and asked again."""

from __future__ import annotations

import getpass
import re
import shlex
from dataclasses import asdict
from datetime import UTC, datetime
from importlib import import_module
from typing import TYPE_CHECKING, Final

from monitor.cli import config_path, declare
from monitor.cli.listing import chosen_format, format_option, show
from monitor.cli.query import how_listed, saved_search, say_slips, show_answers
from monitor.errors import UsageError
from monitor.text.html import one_line

if TYPE_CHECKING:
    import argparse

COLUMNS: Final = ("search_id", "name", "query", "kind", "who", "made_at", "changed_at")
SHOWN: Final = ("name", "kind", "who", "query")
NAME: Final = re.compile(r"[^\x00-\x20\x7f]([^\x00-\x1f\x7f]{0,98}[^\x00-\x20\x7f])?")


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declare the command."""
    command = declare(commands, "searches", "list saved searches, save one, run or remove it")
    format_option(command)
    command.set_defaults(work=_list)
    actions = command.add_subparsers(metavar="ACTION")
    listed = declare(actions, "list", "show all saved searches")
    format_option(listed, inherited=True)
    listed.set_defaults(work=_list)
    made = declare(actions, "add", "save a search")
    made.add_argument("name", metavar="NAME", help="no other has; --search @NAME asks it")
    made.add_argument("query", metavar="QUERY", help="words, phrases, operators and fields")
    kinds = ("articles", "hits", "stories")
    made.add_argument("--kind", choices=kinds, default="articles", help="what answers it")
    made.add_argument("--who", metavar="NAME", help="who saves it (default: the user)")
    made.set_defaults(work=_add)
    run = declare(actions, "run", "list what answers a saved search now, as its kind is listed")
    run.add_argument("name", metavar="NAME", help="of the search")
    how_listed(run, inherited=True)
    run.set_defaults(work=_run)
    gone = declare(actions, "remove", "forget a saved search")
    gone.add_argument("name", metavar="NAME", help="of the search")
    gone.set_defaults(work=_remove)


def _list(args: argparse.Namespace) -> int:
    from monitor.app import App
    from monitor.store import searches
    from monitor.store.engine import reading

    with App.load(config_path(args)) as app, reading(app.store) as connection:
        rows = (asdict(it) for it in searches.every(connection))
        show(rows, list(COLUMNS), chosen_format(args), shown=SHOWN)
    return 0


def _add(args: argparse.Namespace) -> int:
    from monitor.app import App
    from monitor.query import parse
    from monitor.store import searches

    if not NAME.fullmatch(args.name):
        raise UsageError("a name has 1 to 100 characters on one line, no blank at either end")
    who = one_line(args.who if args.who is not None else getpass.getuser())
    if not who:
        raise UsageError("--who names nobody")
    parse(args.query, now=datetime.now(UTC))
    with App.load(config_path(args)) as app, app.store.begin() as connection:
        wanted = {"name": args.name, "query": args.query, "kind": args.kind}
        number = searches.add(connection, **wanted, who=who, now=app.clock.now())
    if number is None:
        raise UsageError(f"another saved search is called {args.name!r}")
    print(f"saved: monitor searches run {shlex.quote(args.name)}")
    return 0


def _run(args: argparse.Namespace) -> int:
    from monitor.app import App
    from monitor.query import parse
    from monitor.store.engine import reading

    with App.load(config_path(args)) as app, reading(app.store) as connection:
        search = saved_search(connection, args.name)
        shown = import_module(f"monitor.cli.{search.kind}").SHOWN
        query = parse(search.query, now=datetime.now(UTC))
        say_slips(connection, app.names, query)
        show_answers(connection, args, search.kind.upper(), shown, query)
    return 0


def _remove(args: argparse.Namespace) -> int:
    from monitor.app import App
    from monitor.store import searches

    with App.load(config_path(args)) as app, app.store.begin() as connection:
        searches.remove(connection, saved_search(connection, args.name).search_id)
    print(f"{args.name} is forgotten")
    return 0
