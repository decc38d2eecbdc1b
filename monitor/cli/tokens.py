"""`monitor tokens`: what lets programs use the API."""

from __future__ import annotations

import argparse
import re
from datetime import timedelta
from typing import TYPE_CHECKING

from monitor.cli import config_path, declare
from monitor.cli.listing import chosen_format, format_option, show
from monitor.model import Scope

if TYPE_CHECKING:
    from monitor.app import App

COLUMNS = ("name", "scope", "state", "made_at", "expires_at", "revoked_at")


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declare the command."""
    command = declare(commands, "tokens", "list what lets programs use the API, or change that")
    format_option(command)
    command.set_defaults(work=_list)
    actions = command.add_subparsers(metavar="ACTION")
    listed = declare(actions, "list", "show all tokens, without their secrets")
    format_option(listed, inherited=True)
    listed.set_defaults(work=_list)
    made = declare(actions, "add", "make a token and print it, this once")
    made.add_argument("name", metavar="NAME", help="what it is for; stands under what it changes")
    scopes = [str(scope) for scope in Scope]
    made.add_argument("--scope", choices=scopes, default="read", help="default: read")
    made.add_argument(
        "--expires", type=_days, metavar="DAYS", help="how long it is good, such as 90d"
    )
    made.set_defaults(work=_add)
    revoked = declare(actions, "revoke", "let a token be good for nothing more")
    revoked.add_argument("name", metavar="NAME", help="of the token")
    revoked.set_defaults(work=_revoke)


def _days(text: str) -> timedelta:
    found = re.fullmatch("0*([1-9][0-9]{0,3})d", text)
    if not found:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of days such as 90d")
    return timedelta(days=int(found[1]))


def _list(args: argparse.Namespace) -> int:
    from monitor.app import App
    from monitor.store import tokens
    from monitor.store.engine import reading

    with App.load(config_path(args)) as app, reading(app.store) as connection:
        now = app.clock.now()
        rows = [
            {
                "name": token.name,
                "scope": str(token.scope),
                "state": token.state(now),
                "made_at": token.made_at,
                "expires_at": token.expires_at,
                "revoked_at": token.revoked_at,
            }
            for token in tokens.listed(connection)
        ]
        show(rows, list(COLUMNS), chosen_format(args), shown=COLUMNS)
    return 0


def _add(args: argparse.Namespace) -> int:
    from monitor.app import App

    with App.load(config_path(args)) as app:
        print(_made(app, args))
    return 0


def _made(app: App, args: argparse.Namespace) -> str:
    from monitor.store import tokens, users

    now = app.clock.now()
    until = None if args.expires is None else now + args.expires
    with app.store.begin() as connection:
        return tokens.add(
            connection,
            users.canonical_name(args.name),
            Scope(args.scope),
            now=now,
            expires_at=until,
        )


def _revoke(args: argparse.Namespace) -> int:
    from monitor.app import App
    from monitor.store import tokens, users

    name = users.canonical_name(args.name)
    with App.load(config_path(args)) as app, app.store.begin() as connection:
        tokens.revoke(connection, name, now=app.clock.now())
    print(f"{name} is revoked, from the next request on")
    return 0
