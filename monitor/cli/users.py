"""`monitor users`: who may log in to the pages, and as what."""

from __future__ import annotations

import argparse
import getpass
import sys
from typing import TYPE_CHECKING

from monitor.cli import config_path, declare
from monitor.cli.listing import chosen_format, format_option, show
from monitor.errors import UsageError
from monitor.model import UserRole

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import Connection

COLUMNS = ("name", "role", "password", "made_at")


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declare the command."""
    command = declare(commands, "users", "list who may log in to the pages, or change that")
    format_option(command)
    command.set_defaults(work=_list)
    actions = command.add_subparsers(metavar="ACTION")
    listed = declare(actions, "list", "show who may log in, and as what")
    format_option(listed, inherited=True)
    listed.set_defaults(work=_list)
    roles = [str(role) for role in UserRole]
    for action, purpose, change in (
        ("add", "let somebody log in; the password is read from the terminal or stdin", _add),
        ("role", "give a user another role", _role),
        ("password", "give a user another password, read likewise; log them out", _password),
        ("remove", "let a user log in no more; log them out", _remove),
    ):
        one = declare(actions, action, purpose)
        one.add_argument("name", metavar="NAME", help="of the user")
        if action == "add":
            one.add_argument("--role", choices=roles, default="reader", help="default: reader")
            one.add_argument(
                "--no-password",
                action="store_true",
                help="for somebody whom the proxy in web.proxy names",
            )
        if action == "role":
            one.add_argument("role", type=_a_role, metavar="ROLE", help=", ".join(roles))
        one.set_defaults(work=lambda args, change=change: _change(args, change))


def _a_role(text: str) -> UserRole:
    try:
        return UserRole(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is none of {', '.join(UserRole)}") from None


def _list(args: argparse.Namespace) -> int:
    from monitor.app import App
    from monitor.store import users
    from monitor.store.engine import reading

    with App.load(config_path(args)) as app, reading(app.store) as connection:
        rows = [
            {
                "name": user.name,
                "role": str(user.role),
                "password": "yes" if user.password else "no",
                "made_at": user.made_at,
            }
            for user in users.listed(connection)
        ]
        show(rows, list(COLUMNS), chosen_format(args), shown=COLUMNS)
    return 0


def _change(
    args: argparse.Namespace,
    change: Callable[[argparse.Namespace, str], Callable[[Connection], str]],
) -> int:
    from monitor.app import App
    from monitor.store import users

    name = users.canonical_name(args.name)
    with App.load(config_path(args)) as app:
        args.now = app.clock.now()
        _ = app.store  # a database that cannot be used is told before a password is asked for
        made = change(args, name)
        with app.store.begin() as connection:
            print(made(connection))
    return 0


def _add(args: argparse.Namespace, name: str) -> Callable[[Connection], str]:
    from monitor.store import users

    role = UserRole(args.role)
    password = None if args.no_password else _hash()

    def made(connection: Connection) -> str:
        users.add(connection, name, role, password, now=args.now)
        return f"{name} may log in, as {role}"

    return made


def _role(args: argparse.Namespace, name: str) -> Callable[[Connection], str]:
    from monitor.store import users

    role = args.role

    def made(connection: Connection) -> str:
        users.change_role(connection, name, role)
        return f"{name} is {role} from the next request on"

    return made


def _password(_args: argparse.Namespace, name: str) -> Callable[[Connection], str]:
    from monitor.store import users

    password = _hash()

    def made(connection: Connection) -> str:
        users.change_password(connection, name, password)
        return f"{name} has another password, and is logged out everywhere"

    return made


def _remove(_args: argparse.Namespace, name: str) -> Callable[[Connection], str]:
    from monitor.store import users

    def made(connection: Connection) -> str:
        users.remove(connection, name)
        return f"{name} is removed, and logged out everywhere"

    return made


def _hash() -> str:
    """Return the hash of the password that is typed, or stands in the first line of stdin."""
    from monitor import passwords

    if sys.stdin.isatty():
        given = getpass.getpass("Password: ")
        if getpass.getpass("Password again: ") != given:
            raise UsageError("the two passwords are not the same")
    else:
        given = sys.stdin.readline().rstrip("\r\n")
    return passwords.hash_password(passwords.read_password(given))
