"""`monitor audit`: what was known when, and who was told; and whether the record is whole."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from monitor.cli import config_path, declare
from monitor.cli.listing import chosen_format, count, format_option, instant, show
from monitor.errors import InputError, UsageError
from monitor.text.counted import counted

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

    from sqlalchemy import Connection

    from monitor.store.trail import Event

EVENT = ("at", "event", "subject", "who", "detail")
KNOWN = ("story_id", "topic", "stage", "known_since", "hits", "told_at", "told", "headline")


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declare the command."""
    purpose = "say what was known when, and who was told"
    command = declare(commands, "audit", purpose)
    actions = command.add_subparsers(metavar="ACTION", required=True)
    for thing in ("story", "hit", "digest"):
        trail = declare(actions, thing, f"list all that is recorded of a {thing}, oldest first")
        trail.add_argument("id", type=count, metavar="ID", help=f"number of the {thing}")
        format_option(trail)
        trail.set_defaults(work=_trail, thing=thing)
    known = declare(actions, "company", "list the stories of a company as they were known then")
    known.add_argument("company", metavar="COMPANY", help="key of the company")
    known.add_argument(
        "--at", type=instant, metavar="WHEN", help="then: 30d, 2026-11-20T10:00 (default: now)"
    )
    format_option(known)
    known.set_defaults(work=_known)
    verify = declare(actions, "verify", "look whether the audit chain is whole, and all it records")
    verify.add_argument("--anchor", metavar="HASH", help="a hash noted earlier, to be looked for")
    verify.set_defaults(work=_verify)


def _trail(args: argparse.Namespace) -> int:
    from monitor.app import App
    from monitor.store import trail
    from monitor.store.engine import reading

    find: Callable[[Connection, int], list[Event] | None] = getattr(trail, f"of_{args.thing}")
    with App.load(config_path(args)) as app, reading(app.store) as connection:
        events = find(connection, args.id)
    if events is None:
        raise InputError(f"there is no {args.thing} {args.id}")
    show(map(asdict, events), list(EVENT), chosen_format(args), shown=EVENT)
    return 0


def _known(args: argparse.Namespace) -> int:
    from monitor.app import App
    from monitor.store import trail
    from monitor.store.engine import reading

    with App.load(config_path(args)) as app, reading(app.store) as connection:
        watched = [company.key for company in app.lexicon.companies]
        stories = trail.known_at(connection, args.company, args.at or app.clock.now())
    if not stories and args.company not in watched:
        raise UsageError(f"{args.company!r} is not watched; there are: {', '.join(watched)}")
    rows = (asdict(story) | {"told": ", ".join(story.told)} for story in stories)
    show(rows, list(KNOWN), chosen_format(args), shown=KNOWN)
    return 0


def _verify(args: argparse.Namespace) -> int:
    from monitor.app import App
    from monitor.store import audit
    from monitor.store.engine import reading

    with App.load(config_path(args)) as app, reading(app.store) as connection:
        found = audit.verify(connection, anchor=args.anchor)
    for flaw in found.flaws:
        print(flaw)
    whole = "not whole" if found.flaws else "whole"
    print(f"{counted(found.links, 'link')}, {whole}; the newest is {found.head or 'none'}")
    return 1 if found.flaws else 0
