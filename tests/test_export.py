"""Lists as files: the same rows in every format, whole or not at all, in bounded memory."""

import csv
import json
from contextlib import redirect_stdout
from datetime import UTC, date, datetime
from decimal import Decimal
from io import StringIO
from itertools import islice

import openpyxl
import pytest
from pyarrow import parquet
from stored import put

from monitor.cli import export, main
from monitor.cli.listing import show
from monitor.errors import InputError, UsageError
from monitor.pipeline.group import group_new
from monitor.store.paged import Rows

AT = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
ROWS = [
    {"id": 1, "title": "=1+1", "amount": None, "at": AT, "on": None},
    {"id": 2, "title": "蚂蚁集团", "amount": 2.5, "at": AT, "on": date(2026, 11, 20)},
    {"id": 3, "title": "https://example.org/", "amount": 3.0, "at": None, "on": None},
]
COLUMNS = list(ROWS[0])
KINDS = {"id": int, "title": str, "amount": float, "at": datetime, "on": date}


def written(rows, path, **more):
    show(rows, COLUMNS, path.suffix[1:], shown=COLUMNS, output=path, **more)
    return path


def test_parquet(tmp_path):
    """Numbers, instants and days keep their kinds, and what is not known is null."""
    table = parquet.read_table(written(ROWS, tmp_path / "a.parquet"))

    assert table.to_pylist() == ROWS
    assert str(table.schema.field("at").type) == "timestamp[us, tz=UTC]"


def test_parquet_of_nothing(tmp_path):
    """An empty list is a file with columns, of the kinds they have."""
    table = parquet.read_table(written([], tmp_path / "a.parquet", kinds=KINDS))

    assert (table.column_names, table.num_rows) == (COLUMNS, 0)
    assert str(table.schema.field("amount").type) == "double"


def test_parquet_in_parts(tmp_path):
    """A long list is written part by part; a value that does not fit is told, and no file left."""
    path = tmp_path / "a.parquet"
    export.write_parquet(ROWS, COLUMNS, path, KINDS, at_once=2)
    assert parquet.ParquetFile(path).num_row_groups == 2
    path.unlink()
    with pytest.raises(InputError, match="one type"):
        written([*ROWS[:2], {**ROWS[2], "id": "three"}], path)

    assert list(tmp_path.iterdir()) == []


def test_xlsx(tmp_path):
    """A text is text, be it a formula or an address; instants are UTC."""
    sheet = openpyxl.load_workbook(written(ROWS, tmp_path / "a.xlsx")).active
    rows = [[cell.value for cell in row] for row in sheet.iter_rows()]

    assert rows[0] == COLUMNS
    assert rows[1][:4] == [1, "=1+1", None, AT.replace(tzinfo=None)]
    assert rows[2][4] == datetime(2026, 11, 20)  # noqa: DTZ001 - a day as a sheet has it
    assert sheet["B2"].data_type == "s"
    assert sheet["B4"].hyperlink is None


def test_xlsx_of_more_than_a_sheet(tmp_path):
    """What does not fit on one sheet goes on on the next, below the same heading."""
    path = tmp_path / "a.xlsx"
    export.write_xlsx(ROWS, COLUMNS, path, {}, at_once=2)
    book = openpyxl.load_workbook(path)

    assert [sheet.max_row for sheet in book] == [3, 2]
    assert [sheet["A1"].value for sheet in book] == ["id", "id"]


def test_a_text_too_long_for_a_cell_is_told(tmp_path):
    """Nothing is cut off in silence: the row is named, with what to use, and no file is left."""
    with pytest.raises(InputError, match=r"row 1: a text of 40000 .* use csv"):
        written([{**ROWS[0], "title": "x" * 40_000}], tmp_path / "a.xlsx")

    assert list(tmp_path.iterdir()) == []


def test_a_file_is_there_when_whole(tmp_path):
    """A list that breaks off leaves the former file as it was."""
    path = written(ROWS, tmp_path / "a.csv")
    before = path.read_bytes()

    def breaks():
        yield ROWS[0]
        raise InputError("gone")

    with pytest.raises(InputError):
        written(breaks(), path)
    assert path.read_bytes() == before
    assert [it.name for it in tmp_path.iterdir()] == ["a.csv"]


@pytest.mark.parametrize("form", ["csv", "json", "ndjson"])
def test_numbers_that_are_none(form, tmp_path):
    """What is no number is a word in every format: JSON stays JSON, and nothing fails at it."""
    line = [float("nan"), float("-inf"), Decimal("NaN"), Decimal("Infinity"), Decimal("1e400"), 0.5]
    columns = [f"c{at}" for at in range(len(line))]
    path = tmp_path / f"a.{form}"
    row = dict(zip(columns, line, strict=True))
    show([row], columns, form, shown=columns, output=path)

    text = path.read_text("utf-8")
    words = ["NaN", "-Infinity", "NaN", "Infinity"]
    if form == "csv":
        assert next(csv.reader([text.splitlines()[1]])) == [*words, f"{10**400}", "0.5"]
    else:

        def fail(word):
            raise AssertionError(f"{word} is no JSON")

        read = json.loads(text, parse_constant=fail)
        [found] = read if form == "json" else [read]
        assert list(found.values()) == [*words, 10**400, 0.5]


def test_a_format_that_needs_a_file():
    """Parquet and XLSX are not written to a terminal."""
    with pytest.raises(UsageError, match=r"--output FILE\.xlsx"):
        show(ROWS, COLUMNS, "xlsx", shown=COLUMNS)


@pytest.mark.parametrize("form", ["csv", "ndjson"])
def test_pages_are_lines_like_rows_that_come_one_by_one(form, tmp_path):
    """However rows come, and whether or not their kinds are known, the file has the same bytes."""
    many = [{**ROWS[number % 3], "id": number} for number in range(95)]
    plain = [tuple(row.values()) for row in many]

    def by_pages(*sizes):
        left = iter(plain)
        return Rows(COLUMNS, (list(islice(left, size)) for size in sizes))

    texts = {
        written(rows, tmp_path / f"a.{form}", **more).read_text("utf-8")
        for more in ({}, {"kinds": KINDS})
        for rows in (many, by_pages(95), by_pages(50, 1, 44))
    }
    assert len(texts) == 1
    second = texts.pop().splitlines()[-94]
    if form == "csv":
        assert second == "1,蚂蚁集团,2.5,2026-11-23T08:00:00Z,2026-11-20"
    else:
        at = {"at": "2026-11-23T08:00:00Z", "on": "2026-11-20"}
        assert json.loads(second) == {"id": 1, "title": "蚂蚁集团", "amount": 2.5, **at}


@pytest.mark.parametrize("form", ["csv", "ndjson"])
def test_columns_that_a_list_has_in_another_order(form, tmp_path):
    """Pages are written by the names that are asked for, not by where a value stands."""
    rows = Rows(COLUMNS[::-1], iter([[tuple(row.values())[::-1] for row in ROWS]]))

    assert (
        written(rows, tmp_path / f"a.{form}").read_bytes()
        == written(ROWS, tmp_path / f"b.{form}").read_bytes()
    )


@pytest.mark.parametrize("form", ["csv", "ndjson"])
def test_who_reads_a_slow_list_has_its_first_rows_soon(form):
    """Rows that come one by one are written a few at a time, not when a long page is full."""
    out = StringIO()

    def slowly():
        for number in range(60):
            if number == 30:
                assert "蚂蚁集团" in out.getvalue()
            yield ROWS[number % 3]

    with redirect_stdout(out):
        show(slowly(), COLUMNS, form, shown=COLUMNS)
    assert out.getvalue().count("蚂蚁集团") == 20


def test_the_commands_write_files(empty_database, engine, tmp_path):
    """The format is what the file's name ends in; all give the same hits, on both databases."""
    put(engine)
    group_new(engine)
    config = tmp_path / "config.yaml"
    config.write_text(
        f"companies: [alibaba]\ntopics: [ipo]\nfeeds: []\ndatabase: {empty_database}\n", "utf-8"
    )
    for name in ("hits.csv", "hits.ndjson", "hits.parquet", "hits.xlsx"):
        with pytest.raises(SystemExit) as ended:
            main(["--config", str(config), "hits", "--output", str(tmp_path / name)])
        assert ended.value.code == 0
    sheet = openpyxl.load_workbook(tmp_path / "hits.xlsx").active
    titles = [
        [row["title"] for row in csv.DictReader((tmp_path / "hits.csv").read_text().splitlines())],
        [json.loads(it)["title"] for it in (tmp_path / "hits.ndjson").read_text().splitlines()],
        parquet.read_table(tmp_path / "hits.parquet").column("title").to_pylist(),
        [row[11].value for row in list(sheet.iter_rows())[1:]],
    ]

    assert titles == [["Brook plans IPO", "Acme fined in antitrust probe"]] * 4
    with pytest.raises(SystemExit) as ended:
        main(["--config", str(config), "hits", "--output", str(tmp_path / "hits.doc")])
    assert ended.value.code == 2
