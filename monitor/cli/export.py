"""Lists as files of other programs: Parquet and XLSX, a part at a time, in bounded memory.

The libraries are the extra `export`; each is imported when its format is asked for.
"""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from decimal import Decimal
from itertools import chain, islice
from typing import TYPE_CHECKING, Any, Final

from monitor.errors import InputError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    Rows = Iterable[Mapping[str, Any]]

ABSENT: Final = "{form} needs a library: pip install 'regulatory-monitor[export]'"
_AT_ONCE: Final = 10_000  # rows of one part
_SHEET: Final = 1_048_575  # rows of a sheet below its heading
_CELL: Final = 32_767  # characters of a cell


def write_parquet(
    rows: Rows,
    columns: Sequence[str],
    path: Path,
    kinds: Mapping[str, type],
    *,
    at_once: int = _AT_ONCE,
) -> None:
    """Write *rows* to *path*. A column not in *kinds* has the type of its first values.

    Raises InputError for a later value that does not fit: nothing is guessed or left out.
    """
    try:
        import pyarrow as pa
        from pyarrow import parquet
    except ImportError:
        raise UsageError(ABSENT.format(form="parquet")) from None
    ahead = iter(rows)
    first = list(islice(ahead, at_once))
    seen = {name: {type(row[name]) for row in first} - {type(None)} for name in columns}
    known = {name: {kinds[name]} if name in kinds else seen[name] for name in columns}
    schema = pa.schema([(name, _arrow_type(pa, known[name])) for name in columns])
    with parquet.ParquetWriter(path, schema, compression="zstd") as writer:
        part = first
        while True:
            data = {name: [_value(row[name]) for row in part] for name in columns}
            try:
                writer.write_table(pa.table(data, schema=schema))
            except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
                raise InputError(f"parquet takes one type for a column: {error}") from error
            part = list(islice(ahead, at_once))
            if not part:
                return


def _arrow_type(pa: Any, kinds: set[type]) -> Any:  # noqa: ANN401 - pyarrow ships no types
    if kinds == {bool}:
        return pa.bool_()
    if kinds == {int}:
        return pa.int64()
    if kinds and kinds <= {int, float, Decimal}:
        return pa.float64()
    if kinds == {datetime}:
        return pa.timestamp("us", tz="UTC")
    return pa.date32() if kinds == {date} else pa.string()


def _value(value: Any) -> Any:  # noqa: ANN401 - whatever a column holds
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, bytes):
        return value.hex()
    return json.dumps(value, ensure_ascii=False) if isinstance(value, list | dict) else value


def write_xlsx(
    rows: Rows,
    columns: Sequence[str],
    path: Path,
    _kinds: Mapping[str, type],
    *,
    at_once: int = _SHEET,
) -> None:
    """Write *rows* to *path*, a sheet for each million or so. Text is never a formula or a link.

    Raises InputError for a text that is longer than a cell may be.
    """
    try:
        import xlsxwriter
    except ImportError:
        raise UsageError(ABSENT.format(form="xlsx")) from None
    options = {
        "constant_memory": True,
        "strings_to_formulas": False,
        "strings_to_urls": False,
        "strings_to_numbers": False,
        "remove_timezone": True,
        "default_date_format": "yyyy-mm-dd hh:mm:ss",
    }
    with xlsxwriter.Workbook(path, options) as book:
        heading = book.add_format({"bold": True})
        ahead = iter(rows)
        while True:
            sheet = book.add_worksheet()
            sheet.freeze_panes(1, 0)
            sheet.write_row(0, 0, columns, heading)
            for number, row in enumerate(islice(ahead, at_once), 1):
                for at, name in enumerate(columns):
                    _write_cell(sheet, number, at, _value(row[name]))
            more = next(ahead, None)
            if more is None:
                return
            ahead = chain([more], ahead)


def _write_cell(sheet: Any, row: int, at: int, value: Any) -> None:  # noqa: ANN401 - see above
    if isinstance(value, datetime):
        value = value.astimezone(UTC).replace(microsecond=0)
    elif isinstance(value, str):
        if len(value) > _CELL:
            raise InputError(
                f"row {row}: a text of {len(value)} characters does not fit into a cell of XLSX, "
                f"which takes {_CELL}: use csv, ndjson or parquet"
            )
        sheet.write_string(row, at, value)
        return
    sheet.write(row, at, value)


WRITERS: Final = {"parquet": write_parquet, "xlsx": write_xlsx}
