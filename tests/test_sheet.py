"""The list of all hits: whole, harmless to a spreadsheet, and small enough or not there."""

import csv
import zipfile
from datetime import UTC, datetime
from io import BytesIO, StringIO

import pytest

from monitor.deliver.message import body_octets
from monitor.digest.sheet import encoded, line, sheet
from monitor.model import Attachment, Rendered

COLUMNS = ("hit_id", "title")


def lines(count, title="Alibaba fined in case {}"):
    return [line((n, title.format(n))) for n in range(count)]


def read(attachment):
    content = attachment.content
    if attachment.kind == "application/zip":
        with zipfile.ZipFile(BytesIO(content)) as archive:
            content = archive.read("hits.csv")
    return list(csv.reader(StringIO(content.decode("utf-8-sig"))))


@pytest.mark.parametrize(
    "words",
    ["=cmd|' /C calc'!A1", "+1", "-1", "@SUM(1)", "\t=1", "\r\n=1", " =1", "＝1", '=1,"=2'],
)
def test_no_cell_is_a_formula(words):
    """Whatever a feed says, a spreadsheet shows it and calculates nothing."""
    [[number, cell]] = csv.reader(StringIO(line((7, words)).decode()))

    assert number == "7"
    assert cell.startswith("'")
    assert cell.isprintable()


def test_cells():
    """Instants are UTC, what is not there is empty, and commas and quotes stay in their cell."""
    at = datetime(2026, 11, 24, 1, 2, 3, tzinfo=UTC)

    assert line((1, None, at, 'a "b", c')) == b'1,,2026-11-24T01:02:03Z,"a ""b"", c"\r\n'


@pytest.mark.parametrize(("room", "name"), [(10**6, "hits.csv"), (20_000, "hits.zip")])
def test_the_list_is_whole(room, name):
    """Plain or packed, the file has every hit, and takes no more room than there is."""
    made = sheet(COLUMNS, lines(2000), [], room)

    assert made.name == name
    assert read(made) == [
        list(COLUMNS),
        *([str(n), f"Alibaba fined in case {n}"] for n in range(2000)),
    ]
    mail = Rendered("", "", "", (made,))
    assert (
        body_octets(mail) - body_octets(Rendered("", "", "")) <= encoded(len(made.content)) <= room
    )


def test_fewer_columns_before_nothing():
    """Where all columns are too many, the fewest are tried; where those are, there is no file."""
    few = [line(("hit_id",)), *(line((n,)) for n in range(500))]
    long = lines(500, "{0} " + " ".join(f"{n * 7919 % 104729:x}{{0}}" for n in range(60)))

    assert read(sheet(COLUMNS, long, few, 3_000))[:2] == [["hit_id"], ["0"]]
    assert sheet(COLUMNS, long, few, 1_000) is None


def test_same_hits_same_bytes():
    """Every attempt sends the same file."""
    assert sheet(COLUMNS, lines(900), [], 9_000) == sheet(COLUMNS, lines(900), [], 9_000)
    assert isinstance(sheet(COLUMNS, lines(900), [], 9_000), Attachment)
