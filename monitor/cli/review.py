"""`monitor review`: an analyst's verdict on a hit, and what verdicts say of the rules."""

from __future__ import annotations

import argparse
import getpass
from typing import Final

from monitor.cli import config_path, declare
from monitor.cli.listing import chosen_format, count, format_option, instant, show
from monitor.errors import InputError, UsageError
from monitor.model import Review, Verdict
from monitor.text.html import one_line

VERDICTS = ", ".join(Verdict)
PRECISION: Final = "precision"  # in place of a hit
BY: Final = ("company", "topic", "stage", "feed", "spelling")


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declare the command."""
    command = declare(commands, "review", "give a verdict on a hit, or show what verdicts say")
    command.add_argument(
        "hit",
        type=_hit,
        metavar="HIT_ID",
        help=f"number of the hit; or `{PRECISION}`: how often hits were right, by verdicts",
    )
    command.add_argument(
        "verdict", type=_verdict, nargs="?", metavar="VERDICT", help=f"of a hit: {VERDICTS}"
    )
    command.add_argument("--note", metavar="TEXT", help="why")
    command.add_argument("--who", metavar="NAME", help="whose verdict it is (default: the user)")
    command.add_argument(
        "--by", choices=BY, default=BY[0], help=f"of what, with {PRECISION} (default: {BY[0]})"
    )
    command.add_argument(
        "--since", type=instant, metavar="WHEN", help="verdicts given since then: 90d (all)"
    )
    format_option(command)
    command.set_defaults(work=_work)


def _hit(text: str) -> int | None:
    return None if text == PRECISION else count(text)


def _verdict(text: str) -> Verdict:
    try:
        return Verdict(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is none of {VERDICTS}") from None


def _work(args: argparse.Namespace) -> int:
    if args.hit is None:
        return _precision(args)
    if args.verdict is None:
        raise UsageError(f"a hit is given a verdict: one of {VERDICTS}")
    return _review(args)


def _precision(args: argparse.Namespace) -> int:
    from monitor.app import App
    from monitor.store.engine import reading
    from monitor.store.precision import precision

    if args.verdict is not None or args.note is not None or args.who is not None:
        raise UsageError(f"{PRECISION} only shows: it takes no verdict, note or name")
    with App.load(config_path(args)) as app, reading(app.store) as connection:
        found = precision(connection, args.by, since=args.since)
    columns = (args.by, "precision", "verdicts", "relevant", "duplicate", "irrelevant")
    rows = (
        {
            args.by: it.key,
            "precision": round(it.precision, 3),
            "verdicts": it.verdicts,
            "relevant": it.relevant,
            "duplicate": it.duplicate,
            "irrelevant": it.irrelevant,
        }
        for it in found
    )
    show(rows, columns, chosen_format(args), shown=columns)
    return 0


def _review(args: argparse.Namespace) -> int:
    from monitor.app import App
    from monitor.store import reviews

    who = one_line(args.who if args.who is not None else getpass.getuser())
    if not who:
        raise UsageError("--who names nobody")
    with App.load(config_path(args)) as app:
        review = Review(args.hit, args.verdict, who, app.clock.now(), args.note)
        with app.store.begin() as connection:
            number = reviews.add(connection, review)
    if number is None:
        raise InputError(f"hit {args.hit} does not exist")
    print(f"review {number}: hit {args.hit} is {args.verdict}, says {who}")
    return 0
