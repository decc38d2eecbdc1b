"""Printing lists: `--format`, `--output`, and the options that limit a list.

The default is a table on a terminal and NDJSON in a pipe. Instants are UTC, ISO 8601. Text from
feeds loses control characters before it reaches a terminal, and a CSV cell that a spreadsheet
would take for a formula gets an apostrophe in front.
"""

from __future__ import annotations

import argparse
import csv
import json
import re
import sys
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from io import StringIO
from itertools import islice
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TextIO

from monitor.errors import InputError, UsageError
from monitor.store.paged import Rows
from monitor.text.cells import safe_cell, safe_cells
from monitor.text.html import one_line

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from rich.console import Console

    _Way = Callable[[Sequence[Any]], Sequence[Any]]

FORMATS = ("table", "json", "ndjson", "csv")
FILES = ("parquet", "xlsx")  # formats that only a file can have
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
NARROW = 18  # columns between the first and the last of a table; more ends in an ellipsis
WIDE = 32  # what the last column of a table needs beside the others, or it stands below them
GAP = 2
_SOON: Final = 20  # rows that are waited for before they are written, where they come one by one
_TO_THE_SECOND: Final = len("2026-11-23T08:00:00")


def format_option(command: argparse.ArgumentParser, *, inherited: bool = False) -> None:
    """Add `--format` to *command*; *inherited* if the command above it has the option as well."""
    command.add_argument(
        "--format",
        choices=FORMATS,
        default=argparse.SUPPRESS if inherited else None,
        help="default: table on a terminal, ndjson in a pipe",
    )


def output_option(command: argparse.ArgumentParser) -> None:
    """Let the list of *command* go to a file, in formats that only a file can have as well."""
    form = next(action for action in command._actions if action.dest == "format")  # noqa: SLF001 - argparse has no other way to it
    form.choices = (*FORMATS, *FILES)
    form.help = f"{form.help}; of a file: what its name ends in"
    command.add_argument(
        "--output", type=Path, metavar="FILE", help="write to this file; parquet and xlsx need one"
    )


def instant(text: str) -> datetime:
    """Read `30d` (that long ago), `2026-11-01` or an ISO 8601 instant; UTC unless it says else."""
    ago = re.fullmatch(r"([0-9]{1,6})([smhdw])", text)
    try:
        if ago:
            return datetime.now(UTC) - timedelta(**{_UNITS[ago[2]]: int(ago[1])})
        found = datetime.fromisoformat(text)
        return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        raise argparse.ArgumentTypeError(
            f"{text!r} is neither a time ago (30d, 12h) nor a date (2026-11-01)"
        ) from None


def count(text: str) -> int:
    """Read a number of rows, at least 1: databases differ on what a negative limit means."""
    if not re.fullmatch("0*[1-9][0-9]{0,8}", text):
        raise argparse.ArgumentTypeError(f"{text!r} is no number from 1 to 999999999")
    return int(text)


def chosen_format(args: argparse.Namespace) -> str:
    """Return the format *args* ask for, or the default for where the list goes."""
    form: str | None = args.format
    output: Path | None = getattr(args, "output", None)
    if form is None and output is not None:
        form = output.suffix.lstrip(".").lower()
        if form not in {*FORMATS, *FILES}:
            raise UsageError(f"{output} does not end in a format: add --format")
    return form or ("table" if sys.stdout.isatty() else "ndjson")


def show(
    rows: Iterable[Mapping[str, Any]],
    columns: Sequence[str],
    form: str,
    *,
    shown: Sequence[str],
    output: Path | None = None,
    kinds: Mapping[str, type] | None = None,
) -> None:
    """Print *rows* with *columns* to stdout, or into the file *output*, which is there when whole.

    A table has only the columns in *shown*, JSON is made in memory, everything else a few rows at a
    time as they are read. *kinds* are the types of columns, where they are known.
    """
    if output is None:
        if form in FILES:
            raise UsageError(f"--format {form} needs a file: --output FILE.{form}")
        _print(rows, columns, form, shown, sys.stdout, kinds)
        return
    part = output.with_name(f"{output.name}.part")
    try:
        if form in FILES:
            from monitor.cli.export import WRITERS

            WRITERS[form](rows, columns, part, kinds or {})
        else:
            with part.open("w", encoding="utf-8", newline="") as file:
                _print(rows, columns, form, shown, file, kinds)
        part.replace(output)
    finally:
        part.unlink(missing_ok=True)


def _print(
    rows: Iterable[Mapping[str, Any]],
    columns: Sequence[str],
    form: str,
    shown: Sequence[str],
    file: TextIO,
    kinds: Mapping[str, type] | None,
) -> None:
    if form == "table":
        _table(rows, shown, file)
    elif form == "csv":
        csv.writer(file, lineterminator="\n").writerow(columns)
        for page in _lines(rows, columns, _CELLS, kinds or {}, _cells):
            lines = StringIO()
            csv.writer(lines, lineterminator="\n").writerows(page)
            file.write(lines.getvalue())
    elif form == "ndjson":
        json_of = json.JSONEncoder(ensure_ascii=False).encode
        for page in _lines(rows, columns, _PLAIN, kinds or {}, _plainly):
            plain = (json_of(dict(zip(columns, row, strict=True))) for row in page)
            file.write("\n".join([*plain, ""]))
    elif form == "json":
        listed = [{name: _plain(row[name]) for name in columns} for row in rows]
        file.write(json.dumps(listed, ensure_ascii=False, indent=2) + "\n")
    else:
        raise InputError(f"unknown format {form!r}")


def _lines(
    rows: Iterable[Mapping[str, Any]],
    columns: Sequence[str],
    ways: Mapping[type, _Way],
    kinds: Mapping[str, type],
    otherwise: _Way,
) -> Iterator[Iterable[tuple[Any, ...]]]:
    """Yield pages of *rows* whose values are written in the *ways* of their *kinds*.

    That is done column by column, since a million rows have many values; and a page is written at
    once, even where the interpreter buffers nothing.
    """
    chosen = [ways.get(kinds.get(name, object), otherwise) for name in columns]
    for page in _columns(rows, columns):
        yield zip(*(way(values) for way, values in zip(chosen, page, strict=True)), strict=True)


def _columns(
    rows: Iterable[Mapping[str, Any]], columns: Sequence[str]
) -> Iterator[list[Sequence[Any]]]:
    if isinstance(rows, Rows) and list(rows.columns) == list(columns):
        for read in rows.pages:
            yield list(zip(*read, strict=True))
        return
    ahead = iter(rows)
    while page := list(islice(ahead, _SOON)):
        yield [[row[name] for row in page] for name in columns]


def instant_text(at: datetime | None) -> str | None:
    """Return an instant as commands print it: UTC, ISO 8601, to the second."""
    if at is None:
        return None
    if at.tzinfo is not UTC:
        at = at.astimezone(UTC)
    return at.isoformat("T", "seconds")[:_TO_THE_SECOND] + "Z"


def _plain(value: Any) -> Any:  # noqa: ANN401 - whatever a column holds
    if value is None or isinstance(value, str | int):
        return value
    if isinstance(value, datetime):
        return instant_text(value)
    if isinstance(value, float):
        return value if isfinite(value) else str(Decimal(value))  # for which JSON has no number
    if isinstance(value, Decimal) and value.is_finite():
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, bytes):
        return value.hex()
    return value if isinstance(value, list | dict) else str(value)


def _cells(values: Sequence[Any]) -> list[Any]:
    return [safe_cell(it) if isinstance(it, str) else _plain(it) for it in values]


def _plainly(values: Sequence[Any]) -> list[Any]:
    return [_plain(it) for it in values]


def _instants(values: Sequence[datetime | None]) -> list[str | None]:
    return [instant_text(it) for it in values]


def _as_they_are(values: Sequence[Any]) -> Sequence[Any]:
    return values


# How the values of a column of a known kind are written, as JSON and as cells of CSV.
_PLAIN: Final[dict[type, _Way]] = {
    int: _as_they_are,
    float: _as_they_are,
    str: _as_they_are,
    datetime: _instants,
}
_CELLS: Final[dict[type, _Way]] = {**_PLAIN, str: safe_cells}


def _table(rows: Iterable[Mapping[str, Any]], shown: Sequence[str], file: TextIO) -> None:
    from rich.cells import cell_len
    from rich.console import Console
    from rich.table import Table

    console = Console(file=file, markup=False, highlight=False, emoji=False)
    cells = [[_shown(row[name]) for name in shown] for row in rows]
    widths = [max(map(cell_len, column)) for column in zip(shown, *cells, strict=True)]
    widths[1:-1] = [min(width, NARROW) for width in widths[1:-1]]
    needed = sum(widths[:-1]) + GAP * len(widths[1:]) + min(widths[-1], WIDE)
    if len(shown) > 1 and needed > console.width:
        _stacked(console, cells, shown, widths)
    else:
        table = Table(box=None, header_style="bold", pad_edge=False)
        for name, width in zip(shown[:-1], widths, strict=False):
            table.add_column(name, no_wrap=True, max_width=width)
        table.add_column(shown[-1], overflow="fold", ratio=1)
        for line in cells:
            table.add_row(*line)
        console.print(table)
    if not cells:
        console.print("nothing found")


def _stacked(
    console: Console, cells: list[list[str]], shown: Sequence[str], widths: list[int]
) -> None:
    """Print the columns that fit, and what the others say in lines of their own below."""
    from rich.padding import Padding
    from rich.text import Text

    fit = 1
    while fit < len(shown) - 1 and sum(widths[: fit + 1]) + GAP * fit <= console.width:
        fit += 1

    def beside(line: Sequence[str], style: str) -> None:
        text = Text((" " * GAP).join(map(_cell_of, line[:fit], widths)).rstrip(), style)
        console.print(text, overflow="fold")

    beside(shown, "bold")
    for line in cells:
        beside(line, "")
        rest = zip(shown[fit:-1], line[fit:-1], strict=True)
        for below in ("  ".join(f"{name} {cell}" for name, cell in rest if cell), line[-1]):
            if below:
                console.print(Padding(Text(below, overflow="fold"), (0, 0, 0, 2 * GAP)))


def _cell_of(text: str, width: int) -> str:
    from rich.cells import cell_len, set_cell_size

    if cell_len(text) > width:
        text = set_cell_size(text, width - 1).rstrip() + "…"
    return set_cell_size(text, width)


def _shown(value: Any) -> str:  # noqa: ANN401 - whatever a column holds
    if isinstance(value, datetime):
        return f"{value.astimezone(UTC):%Y-%m-%d %H:%M}"
    if isinstance(value, float):
        return f"{value:.2f}"
    return "" if value is None else one_line(str(value))
