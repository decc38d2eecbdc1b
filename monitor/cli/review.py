"""`monitor review`: an analyst's verdict on a hit, kept for good."""

from __future__ import annotations

import argparse
import getpass

from monitor.cli import config_path, declare
from monitor.cli.listing import count
from monitor.errors import InputError, UsageError
from monitor.model import Review, Verdict
from monitor.text.html import one_line

VERDICTS = ", ".join(Verdict)


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declare the command."""
    command = declare(commands, "review", "give a verdict on a hit")
    command.add_argument("hit", type=count, metavar="HIT_ID", help="number of the hit")
    command.add_argument("verdict", type=_verdict, metavar="VERDICT", help=VERDICTS)
    command.add_argument("--note", metavar="TEXT", help="why")
    command.add_argument("--who", metavar="NAME", help="whose verdict it is (default: the user)")
    command.set_defaults(work=_review)


def _verdict(text: str) -> Verdict:
    try:
        return Verdict(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is none of {VERDICTS}") from None


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
