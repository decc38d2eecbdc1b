"""`monitor deliveries`: what became of each, trying them again, the very mail, and a test."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from monitor.cli import config_path, declare
from monitor.cli.listing import chosen_format, count, format_option, instant, show
from monitor.errors import InputError, UsageError
from monitor.model import DeliveryStatus

if TYPE_CHECKING:
    import argparse

    from monitor.app import App
    from monitor.model import Mail

SHOWN = ("delivery_id", "slot", "status", "recipient", "last_error")


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declare the command."""
    command = declare(commands, "deliveries", "list deliveries, or have them tried again")
    command.set_defaults(work=_list)
    _list_options(command)
    actions = command.add_subparsers(metavar="ACTION")
    listed = declare(actions, "list", "show what became of each delivery, newest first")
    _list_options(listed)
    listed.set_defaults(work=_list)
    retry = declare(actions, "retry", "have deliveries tried again at once by the service")
    retry.add_argument("ids", nargs="*", type=count, metavar="ID", help="number of the delivery")
    retry.add_argument(
        "--failed", action="store_true", help="all that were refused or have been given up"
    )
    retry.set_defaults(work=_retry)
    message = declare(actions, "message", "write the mail to stdout as it was sent, byte for byte")
    message.add_argument("id", type=count, metavar="ID", help="number of the delivery")
    message.set_defaults(work=_message)
    attempt = declare(actions, "try", "send a test to an address or a channel, past the outbox")
    attempt.add_argument("to", metavar="ADDRESS|CHANNEL", help="a mail address or a channel's name")
    attempt.set_defaults(work=_try)


def _list_options(command: argparse.ArgumentParser) -> None:
    import argparse

    absent = argparse.SUPPRESS  # else the action's default would hide what stands before it
    command.add_argument(
        "--status",
        action="append",
        choices=[str(status) for status in DeliveryStatus],
        default=absent,
        help="with this status; may be given several times",
    )
    command.add_argument("--subscription", metavar="NAME", default=absent, help="of this one")
    command.add_argument(
        "--since", type=instant, metavar="WHEN", default=absent, help="slots since 30d, 2026-11-01"
    )
    command.add_argument(
        "--limit", type=count, metavar="N", default=absent, help="at most so many, the newest"
    )
    format_option(command, inherited=True)


def _list(args: argparse.Namespace) -> int:
    from monitor.app import App
    from monitor.store import queries
    from monitor.store.engine import reading

    wanted = queries.Filter(
        status=tuple(args.status) if "status" in args else None,
        subscription=getattr(args, "subscription", None),
        since=getattr(args, "since", None),
        limit=getattr(args, "limit", None),
    )
    args.format = getattr(args, "format", None)
    with App.load(config_path(args)) as app, reading(app.store) as connection:
        rows = queries.rows(connection, queries.DELIVERIES, wanted)
        show(rows, list(queries.DELIVERIES.columns), chosen_format(args), shown=SHOWN)
    return 0


def _retry(args: argparse.Namespace) -> int:
    from monitor.app import App
    from monitor.store import deliveries

    if bool(args.ids) == args.failed:
        raise UsageError("name the deliveries to try again, or say --failed")
    with App.load(config_path(args)) as app, app.store.begin() as connection:
        ids = deliveries.ended_badly(connection) if args.failed else args.ids
        told = deliveries.retry(connection, ids, now=app.clock.now())
    refused = {number: why for number, why in told.items() if why is not None}
    for number in told:
        print(f"{number}: {refused.get(number, 'due now')}")
    if args.failed and not told:
        print("none was refused or given up")
    return 1 if refused else 0


def _message(args: argparse.Namespace) -> int:
    from monitor.app import App
    from monitor.store import deliveries
    from monitor.store.engine import reading

    with App.load(config_path(args)) as app, reading(app.store) as connection:
        raw = deliveries.message(connection, args.id)
        pruned_at = deliveries.pruned_at(connection, args.id)
    if pruned_at is not None:
        raise InputError(
            f"delivery {args.id}: its mail was deleted by retention on {pruned_at:%Y-%m-%d}"
        )
    if raw is None:
        raise InputError(f"delivery {args.id} does not exist, or nothing was sent for it")
    sys.stdout.buffer.write(raw)
    return 0


def _try(args: argparse.Namespace) -> int:
    from monitor.app import App
    from monitor.errors import MailError
    from monitor.model import is_address

    with App.load(config_path(args)) as app:
        channels = app.config.channels
        if not is_address(args.to) and args.to not in channels:
            known = ", ".join(channels) or "none"
            raise UsageError(f"no channel is called {args.to!r}; there are: {known}")
        try:
            app.ways.send(_test_mail(args.to, app), lambda _head, _body: None)
        except MailError as error:
            print(f"{args.to}: {error}")
            return 1
        finally:
            app.ways.rest()
    print(f"{args.to}: taken")
    return 0


def _test_mail(to: str, app: App) -> Mail:
    from uuid import uuid4

    from monitor.deliver.message import address_of
    from monitor.digest.brief import DIGEST, brief
    from monitor.model import Mail

    now, subject = app.clock.now(), "[Monitor] a test: this is how you are reached"
    domain = address_of(app.config.delivery.sender).rpartition("@")[2]
    return Mail(
        message_id=f"<{uuid4().hex}@{domain}>",
        recipient=to,
        list_name="test",
        date=now,
        subject=subject,
        text="Digests and alerts will arrive here.\n",
        html="<!DOCTYPE html><p>Digests and alerts will arrive here.</p>\n",
        brief=brief(DIGEST, "test", now, now, stories=(), subject=subject),
    )
