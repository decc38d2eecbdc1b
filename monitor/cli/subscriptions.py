"""`monitor subscriptions`: who gets which, who has left, and taking people off or back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from monitor.cli import config_path, declare
from monitor.cli.listing import chosen_format, format_option, show
from monitor.errors import UsageError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator
    from typing import Any

    from sqlalchemy import Connection

    from monitor.app import App

COLUMNS = ("subscription", "recipient", "state", "since", "by", "configured")
SHOWN = ("subscription", "state", "by", "since", "recipient")


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declare the command."""
    purpose = "list who gets which subscription, or take somebody off or back"
    command = declare(commands, "subscriptions", purpose)
    format_option(command)
    command.set_defaults(work=_list)
    actions = command.add_subparsers(metavar="ACTION")
    listed = declare(actions, "list", "show who gets which subscription, and who has left")
    format_option(listed, inherited=True)
    listed.set_defaults(work=_list)
    for action, purpose in (
        ("leave", "let a recipient get nothing more of a subscription"),
        ("allow", "let a recipient who left get a subscription again"),
    ):
        change = declare(actions, action, purpose)
        change.add_argument("subscription", metavar="NAME", help="of the subscription")
        change.add_argument("recipient", metavar="RECIPIENT", help="address, or name of a channel")
        change.set_defaults(work=_change, action=action)


def _list(args: argparse.Namespace) -> int:
    from monitor.app import App
    from monitor.store.engine import reading

    with App.load(config_path(args)) as app, reading(app.store) as connection:
        show(_rows(app, connection), list(COLUMNS), chosen_format(args), shown=SHOWN)
    return 0


def _rows(app: App, connection: Connection) -> Iterator[dict[str, Any]]:
    from monitor.store import suppressions

    away = {(row.subscription, row.recipient): row for row in suppressions.in_force(connection)}
    for subscription in app.subscriptions:
        for recipient in subscription.recipients:
            left = away.pop((subscription.name, suppressions.same(recipient)), None)
            yield {
                "subscription": subscription.name,
                "recipient": recipient,
                "state": "left" if left else "gets it",
                "since": left.left_at if left else None,
                "by": left.left_by if left else None,
                "configured": True,
            }
    for left in away.values():
        yield {
            "subscription": left.subscription,
            "recipient": left.recipient,
            "state": "left",
            "since": left.left_at,
            "by": left.left_by,
            "configured": False,
        }


def _change(args: argparse.Namespace) -> int:
    from monitor.app import App
    from monitor.model import LeftBy
    from monitor.store import suppressions

    name, recipient = args.subscription, args.recipient
    with App.load(config_path(args)) as app, app.store.begin() as connection:
        now, by = app.clock.now(), LeftBy.OPERATOR
        if args.action == "allow":
            if not suppressions.come_back(connection, name, recipient, now=now, by=by):
                raise UsageError(f"{recipient} has not left {name!r}")
            print(f"{recipient} gets {name} again, from the next digest on")
            return 0
        known = [it for it in app.subscriptions if it.name == name]
        if not known:
            names = ", ".join(it.name for it in app.subscriptions) or "none"
            raise UsageError(f"no subscription is called {name!r}; there are: {names}")
        if suppressions.same(recipient) not in map(suppressions.same, known[0].recipients):
            raise UsageError(f"{recipient} is not among the recipients of {name}")
        done = suppressions.leave(connection, name, recipient, now=now, by=by)
        print(f"{recipient} {'gets' if done else 'got'} nothing more of {name}")
    return 0
