"""`monitor digest`: what a subscription would be sent now, or sending it now."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from monitor.cli import config_path, declare
from monitor.errors import MonitorError, StoreError, UsageError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from monitor.app import App
    from monitor.model import Subscription


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declare the command."""
    purpose = "show the digest that would be sent now, or send it"
    command = declare(commands, "digest", purpose)
    command.add_argument("--subscription", metavar="NAME", help="this one")
    how = command.add_mutually_exclusive_group()
    how.add_argument(
        "--preview",
        metavar="FILE.html|-",
        help="write the HTML part there instead of showing the text part (- is stdout)",
    )
    how.add_argument(
        "--send",
        action="store_true",
        help="make the digest now and deliver it; without, nothing is stored",
    )
    command.set_defaults(work=_digest)


def _digest(args: argparse.Namespace) -> int:
    from monitor.app import App

    with App.load(config_path(args)) as app:
        chosen = _choose(app.subscriptions, args.subscription, several=args.send)
        if args.send:
            return _send(app, chosen)
        made = app.compose_step.make(chosen[0], app.clock.now()).rendered
        if args.preview is None:
            print(f"Subject: {made.subject}\n\n{made.text}")
        elif args.preview == "-":
            sys.stdout.write(made.html)
        else:
            _write(Path(args.preview), made.html)
    return 0


def _write(path: Path, html: str) -> None:
    try:
        path.write_text(html, encoding="utf-8")
    except OSError as error:
        raise MonitorError(f"{path} cannot be written: {error.strerror}") from error
    print(path)


def _choose(
    subscriptions: Sequence[Subscription], name: str | None, *, several: bool
) -> Sequence[Subscription]:
    known = ", ".join(subscription.name for subscription in subscriptions)
    if name is not None:
        chosen = [subscription for subscription in subscriptions if subscription.name == name]
        if not chosen:
            raise UsageError(f"no subscription is called {name!r}; there are: {known or 'none'}")
        return chosen
    if not subscriptions:
        raise UsageError("the configuration has no subscriptions")
    if len(subscriptions) > 1 and not several:
        raise UsageError(f"say which with --subscription: {known}")
    return subscriptions


def _send(app: App, subscriptions: Sequence[Subscription]) -> int:
    from sqlalchemy.exc import IntegrityError

    from monitor.pipeline.group import group_new
    from monitor.store import deliveries
    from monitor.store.engine import reading

    app.prepare()
    group_new(app.sessions)
    slot = app.clock.now()
    for subscription in subscriptions:
        try:
            app.compose_step.compose_now(subscription, slot)
        except IntegrityError as clash:
            name = subscription.name
            message = f"{name}: its digest is being made by another process; see `monitor digest`"
            raise StoreError(message) from clash
    app.deliver_due()
    with reading(app.sessions) as session:
        outcomes = deliveries.of_slot(session, slot)
    if not outcomes:
        print("nothing new, and no mail is wanted then")
    for name, recipient, status, error in outcomes:
        print(f"{name} to {recipient}: {status}" + (f" ({error})" if error else ""))
    return 0 if all(status == "sent" for _, _, status, _ in outcomes) else 1
