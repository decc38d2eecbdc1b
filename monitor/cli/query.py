"""What `monitor hits`, `monitor stories` and `monitor articles` have in common."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from monitor.cli import config_path, declare
from monitor.cli.listing import chosen_format, count, format_option, instant, output_option, show
from monitor.errors import UsageError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable, Mapping, Sequence

    from sqlalchemy import Connection

    from monitor.digest.names import Names
    from monitor.query import Node
    from monitor.store.queries import Listing
    from monitor.store.searches import Search

OPTIONS = ("company", "topic", "stage", "since", "until", "min_score", "limit")


def add_query(
    commands: argparse._SubParsersAction[argparse.ArgumentParser],
    name: str,
    purpose: str,
) -> argparse.ArgumentParser:
    """Add the command *name* with the options that limit a list."""
    command = declare(commands, name, purpose)
    command.add_argument("--company", metavar="KEY", help="of this company, such as alibaba")
    command.add_argument("--topic", metavar="KEY", help="about this topic, such as antitrust")
    command.add_argument("--stage", metavar="KEY", help="at this stage, such as fine")
    command.add_argument("--since", type=instant, metavar="WHEN", help="30d, or 2026-11-01")
    command.add_argument("--until", type=instant, metavar="WHEN", help="before this instant")
    command.add_argument(
        "--search",
        metavar="QUERY",
        help="words, phrases, operators and fields: see the guide; @NAME is a saved one",
    )
    command.add_argument("--min-score", type=float, metavar="0..1", help="at least this sure")
    how_listed(command)
    return command


def how_listed(command: argparse.ArgumentParser, *, inherited: bool = False) -> None:
    """Add the options that say in which order, how many and where to; see `format_option`."""
    command.add_argument(
        "--sort",
        choices=("newest", "relevance"),
        default="newest",
        help="of a search: the newest article first, or the best of the newest 1000",
    )
    command.add_argument("--limit", type=count, metavar="N", help="at most so many, the newest")
    format_option(command, inherited=inherited)
    output_option(command)


def run_query(args: argparse.Namespace, listing_name: str, shown: Sequence[str]) -> int:
    """Print the rows of a listing that *args* let through."""
    from monitor.app import App
    from monitor.query import parse
    from monitor.store.engine import reading

    text: str | None = args.search
    saved = text[1:] if text is not None and text.startswith("@") else None
    if text is None and args.sort == "relevance":
        raise UsageError("--sort relevance needs a --search to be relevant to")
    query = None if text is None or saved is not None else parse(text, now=datetime.now(UTC))
    with App.load(config_path(args)) as app, reading(app.store) as connection:
        if saved is not None:
            query = parse(saved_search(connection, saved).query, now=datetime.now(UTC))
        _say_what_is_unknown(args, app.names)
        say_slips(connection, app.names, query)
        show_answers(connection, args, listing_name, shown, query)
    return 0


def show_answers(
    connection: Connection,
    args: argparse.Namespace,
    listing_name: str,
    shown: Sequence[str],
    query: Node | None,
) -> None:
    """Print the rows of a listing that *args* let through, and that answer *query* if it is one."""
    from monitor.store import queries
    from monitor.store.answers import answers

    listing: Listing = getattr(queries, listing_name)
    wanted = queries.Filter(**{name: getattr(args, name, None) for name in OPTIONS})
    rows: Iterable[Mapping[str, Any]]
    if query is None:
        rows = queries.rows(connection, listing, wanted)
    else:
        rows = answers(connection, listing, query, wanted, ranked=args.sort == "relevance")
    kinds = {name: kind.python_type for name, kind in listing.columns.items()}
    show(rows, list(kinds), chosen_format(args), shown=shown, output=args.output, kinds=kinds)


def saved_search(connection: Connection, name: str) -> Search:
    """Return the saved search of that name. Raises UsageError if there is none."""
    from monitor.config.values import did_you_mean
    from monitor.store import searches

    found = searches.find_named(connection, name)
    if found is None:
        hint = did_you_mean(name, searches.names(connection)) or "; see `monitor searches`"
        raise UsageError(f"no saved search is called {name!r}{hint}")
    return found


def _say_what_is_unknown(args: argparse.Namespace, names: Names) -> None:
    """Say on stderr what is not configured: it may be a slip, or have been watched once."""
    from monitor.config.values import did_you_mean

    for option, known in names.by_field.items():
        word = getattr(args, option, None)
        if word is not None and word not in known:
            hint = did_you_mean(word, known) or f"; there are: {', '.join(known)}"
            print(f'monitor: no {option} is called "{word}" now{hint}', file=sys.stderr)


def say_slips(connection: Connection, names: Names, query: Node | None) -> None:
    """Say on stderr which fields of *query* nothing can have, as far as is known."""
    from monitor.query.slips import slips
    from monitor.store.browse import names_of_feeds

    if query is None:
        return
    known = {**names.by_field, "feed": names_of_feeds(connection)}
    for slip in slips(query, known):
        hint = f'; did you mean "{slip.meant}"?' if slip.meant else ""
        print(f'monitor: no {slip.field} is called "{slip.value}" now{hint}', file=sys.stderr)
