"""`monitor review`: an analyst's verdict on a hit, what verdicts say of the rules, and propose."""

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
PROPOSALS: Final = "proposals"
BY: Final = ("company", "topic", "stage", "feed", "spelling")


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declare the command."""
    command = declare(commands, "review", "give a verdict on a hit, or show what verdicts say")
    command.add_argument(
        "hit",
        type=_hit,
        metavar="HIT_ID",
        help=f"number of the hit; or `{PRECISION}`: how often hits were right, by verdicts; "
        f"or `{PROPOSALS}`: what rejected hits share, and a rule against it",
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
        "--min", type=count, metavar="N", help=f"rejected hits at least, with {PROPOSALS} (10)"
    )
    command.add_argument(
        "--since", type=instant, metavar="WHEN", help="verdicts given since then: 90d (all)"
    )
    format_option(command)
    command.set_defaults(work=_work)


def _hit(text: str) -> int | str:
    return text if text in {PRECISION, PROPOSALS} else count(text)


def _verdict(text: str) -> Verdict:
    try:
        return Verdict(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is none of {VERDICTS}") from None


def _work(args: argparse.Namespace) -> int:
    if isinstance(args.hit, str):
        if args.verdict is not None or args.note is not None or args.who is not None:
            raise UsageError(f"{args.hit} only shows: it takes no verdict, note or name")
        return _precision(args) if args.hit == PRECISION else _proposals(args)
    if args.verdict is None:
        raise UsageError(f"a hit is given a verdict: one of {VERDICTS}")
    return _review(args)


def _precision(args: argparse.Namespace) -> int:
    from monitor.app import App
    from monitor.store.engine import reading
    from monitor.store.precision import precision

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


def _proposals(args: argparse.Namespace) -> int:
    from monitor.app import App
    from monitor.config.proposed import Proposer
    from monitor.detect.contexts import LEAST, shared_contexts
    from monitor.store.engine import reading
    from monitor.store.judged import judged

    with App.load(config_path(args)) as app:
        with reading(app.store) as connection:
            found = judged(connection, since=args.since)
        proposer = Proposer(app.config)
        contexts = shared_contexts(
            found,
            args.min or LEAST,
            writable=lambda key: proposer.propose(key) is not None,
        )
    columns = ("kind", "of", "context", "rejected", "kept", "share", "yaml", "hits", "lost")
    rows = (
        {
            "kind": it.key.kind,
            "of": it.key.of,
            "context": it.key.phrase,
            "rejected": len(it.rejected),
            "kept": len(it.kept),
            "share": round(it.share, 3),
            "yaml": proposed.addition,
            "hits": list(it.rejected),
            "lost": list(it.kept),
        }
        for it in contexts
        if (proposed := proposer.propose(it.key)) is not None
    )
    show(rows, columns, chosen_format(args), shown=columns[:6])
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
