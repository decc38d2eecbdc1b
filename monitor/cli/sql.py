"""`monitor sql`: one query on the views, which only reads."""

from __future__ import annotations

import sys
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from monitor.cli import config_path, declare
from monitor.cli.listing import chosen_format, count, format_option, output_option, show

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator, Sequence

LIMIT = 1000


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declare the command."""
    command = declare(commands, "sql", "ask the database one question in SQL, which only reads")
    command.add_argument("query", metavar="QUERY", help="a SELECT, or - to read it from stdin")
    rows = command.add_mutually_exclusive_group()
    rows.add_argument(
        "--limit", type=count, default=LIMIT, metavar="N", help=f"rows at most (default: {LIMIT})"
    )
    rows.add_argument("--all", action="store_true", help="all rows, however many")
    command.add_argument(
        "--timeout", type=count, default=60, metavar="SECONDS", help="end it then (default: 60)"
    )
    format_option(command)
    output_option(command)
    command.set_defaults(work=_sql)


def _sql(args: argparse.Namespace) -> int:
    from monitor.app import App
    from monitor.store import migrate
    from monitor.store.sql import asking

    query = sys.stdin.read() if args.query == "-" else args.query
    with App.load(config_path(args)) as app:
        migrate.require(app.engine)
        with asking(app.engine, query, within=timedelta(seconds=args.timeout)) as (columns, rows):
            limited = _Limited(rows, columns, None if args.all else args.limit)
            show(limited, columns, chosen_format(args), shown=columns, output=args.output)
    if limited.cut:
        print(
            f"monitor: there are more rows: these are the first {args.limit}; "
            "--all gives them all, --limit N more",
            file=sys.stderr,
        )
    return 0


class _Limited:
    """The first rows as mappings; *cut* says afterwards whether there were more."""

    def __init__(
        self, rows: Iterator[Sequence[Any]], columns: Sequence[str], limit: int | None
    ) -> None:
        self._rows, self._columns, self._limit = rows, columns, limit
        self.cut = False

    def __iter__(self) -> Iterator[dict[str, Any]]:
        for number, row in enumerate(self._rows):
            if number == self._limit:
                self.cut = True
                return
            yield dict(zip(self._columns, row, strict=True))
