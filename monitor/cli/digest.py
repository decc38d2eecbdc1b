"""`monitor digest`: what a subscription would be sent now, sending it now, or what it was sent."""

from __future__ import annotations

import sys
import tempfile
import time
import webbrowser
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from monitor.cli import config_path, declare
from monitor.errors import MonitorError, StoreError, UsageError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from monitor.app import App
    from monitor.model import Rendered, Subscription

PATIENCE_S = 30  # with a service beside that hands over what this made
BROWSER = "browser"  # what --preview without a file means


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declare the command."""
    from monitor.cli.listing import format_option

    purpose = "show the digest that would be sent now, or send it"
    command = declare(commands, "digest", purpose)
    command.add_argument("--subscription", metavar="NAME", help="this one")
    how = command.add_mutually_exclusive_group()
    how.add_argument(
        "--preview",
        metavar="FILE.html|-",
        nargs="?",
        const=BROWSER,
        help="write the HTML part there instead of showing the text part (- is stdout); "
        "without a file, open it in a browser",
    )
    how.add_argument(
        "--send",
        action="store_true",
        help="make the digest now and deliver it; without, nothing is stored",
    )
    how.add_argument(
        "--show",
        metavar="NAME@SLOT",
        help="show a digest as it was made, such as daily@2026-11-23T23:30",
    )
    command.add_argument(
        "--hits", action="store_true", help="list all hits of the digest instead of its text"
    )
    format_option(command)
    command.set_defaults(work=_digest)


def _digest(args: argparse.Namespace) -> int:
    from monitor.app import App

    if args.hits and (args.send or args.preview):
        raise UsageError("--hits lists; it goes with neither --send nor --preview")
    with App.load(config_path(args)) as app:
        if args.show is not None:
            _show(app, args)
            return 0
        chosen = _choose(app.subscriptions, args.subscription, several=args.send)
        if args.send:
            return _send(app, chosen)
        made = app.compose_step.make(chosen[0], app.clock.now())
        if args.hits:
            _list(app, args, made.hits)
        elif args.preview is None:
            _print(made.rendered)
        else:
            _preview(chosen[0], args.preview, made.rendered)
    return 0


def _print(rendered: Rendered) -> None:
    print(f"Subject: {rendered.subject}\n\n{rendered.text}", end="")
    for file in rendered.attachments:
        print(f"\nAttached: {file.name}, {len(file.content):,} bytes")


def _preview(subscription: Subscription, target: str, rendered: Rendered) -> None:
    """Show the HTML part: on stdout, in a file, or in a browser if there is one."""
    if target == "-":
        sys.stdout.write(rendered.html)
        return
    if target != BROWSER:
        _write(Path(target), rendered.html)
        return
    path = Path(tempfile.mkdtemp(prefix="monitor-")) / f"digest-{subscription.name}.html"
    _write(path, rendered.html)
    if sys.stdout.isatty():
        webbrowser.open(path.as_uri())


def _show(app: App, args: argparse.Namespace) -> None:
    from monitor.store import digests
    from monitor.store.engine import reading

    name, minute = _place(args.show)
    with reading(app.store) as connection:
        found = digests.frozen(connection, name, minute)
    if found is None:
        raise UsageError(f"no digest {args.show!r}: `monitor deliveries` lists names and slots")
    if args.hits:
        _list(app, args, found.hits)
    elif found.pruned_at is not None:
        raise UsageError(
            f"digest {args.show} was deleted by retention on {found.pruned_at:%Y-%m-%d};"
            " --hits lists what it reported"
        )
    else:
        _print(found.rendered)


def _place(written: str) -> tuple[str, datetime]:
    """Return the name and the minute in "daily@2026-11-23T23:30+00:00"; UTC unless it says else."""
    name, _, slot = written.rpartition("@")
    try:
        at = datetime.fromisoformat(slot)
    except ValueError:
        raise UsageError(
            f"{written!r} is no NAME@SLOT, such as daily@2026-11-23T23:30+00:00"
        ) from None
    at = at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)
    return name, at.replace(second=0, microsecond=0)


def _list(app: App, args: argparse.Namespace, hits: Sequence[int]) -> None:
    from monitor.cli import listing
    from monitor.store import due
    from monitor.store.engine import reading

    with reading(app.store) as connection:
        rows = (dict(zip(due.LISTED, row, strict=True)) for row in due.listed(connection, hits))
        shown = ("hit_id", "company", "topic", "stage", "publisher", "title")
        listing.show(rows, due.LISTED, listing.chosen_format(args), shown=shown)


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

    app.prepare()
    group_new(app.store)
    slot = app.clock.now()
    for subscription in subscriptions:
        try:
            app.compose_step.compose_now(subscription, slot)
        except IntegrityError as clash:
            name = subscription.name
            message = f"{name}: its digest is being made by another process; see `monitor digest`"
            raise StoreError(message) from clash
    app.deliver_due()
    outcomes = _outcomes(app, slot)
    if not outcomes:
        print("nothing new, and no mail is wanted then")
    for name, recipient, status, error in outcomes:
        print(f"{name} to {recipient}: {status}" + (f" ({error})" if error else ""))
    return 0 if all(status == "sent" for _, _, status, _ in outcomes) else 1


def _outcomes(app: App, slot: datetime) -> list[tuple[str, str, str, str | None]]:
    """Return what became of the deliveries of *slot*; wait for a service that took some of them."""
    from monitor.model import DeliveryStatus
    from monitor.store import deliveries
    from monitor.store.engine import reading

    until = time.monotonic() + PATIENCE_S
    while True:
        with reading(app.store) as connection:
            outcomes = deliveries.of_slot(connection, slot)
        begun = {DeliveryStatus.WAITING, DeliveryStatus.HANDING_OVER}
        open_ones = [status for _, _, status, error in outcomes if status in begun and not error]
        if not open_ones or time.monotonic() > until:
            return outcomes
        time.sleep(0.2)
