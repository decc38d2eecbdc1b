"""Listings: a table is readable however narrow the terminal."""

import pytest
from rich.cells import cell_len

from monitor.cli.listing import show

ROWS = [
    {
        "id": "a-feed-with-a-long-name",
        "state": "failing",
        "publisher": "Harbour Post, evening",
        "title": "阿里巴巴被罚" * 9,
    },
    {"id": "b", "state": "", "publisher": "", "title": "Tencent is fined"},
]
COLUMNS = list(ROWS[0])


@pytest.fixture
def table(monkeypatch, capsys):
    def shown(width, rows=ROWS, columns=COLUMNS):
        monkeypatch.setenv("COLUMNS", str(width))
        show(rows, columns, "table", shown=columns)
        return capsys.readouterr().out.splitlines()

    return shown


@pytest.mark.parametrize("width", [20, 40, 60, 80, 100, 200])
def test_every_width(table, width):
    """No line is wider than the terminal, no id and no title is cut, and each is there once."""
    lines = table(width)

    assert max(map(cell_len, lines)) <= width
    text = "".join("".join(lines).split())
    for row in ROWS:
        assert text.count(row["id"]) >= 1
        assert text.count(row["title"].replace(" ", "")) == 1


def test_one_row_a_line_where_there_is_room(table):
    """On a wide terminal a row is a line; between the first and the last column cells are cut."""
    head, first, second = table(200)

    assert head.split() == COLUMNS
    assert first.split("  ")[:3] == ["a-feed-with-a-long-name", "failing", "Harbour Post, eve…"]
    assert "Tencent is fined" in second


def test_what_does_not_fit_stands_below(table):
    """On a narrow one the columns that fit come first, the others below them by name."""
    head, first, below, *_ = table(36)

    assert head.split() == ["id", "state"]
    assert first.split() == ["a-feed-with-a-long-name", "failing"]
    assert below.strip() == "publisher Harbour Post, evening"


@pytest.mark.parametrize("width", [20, 200])
def test_nothing(table, width):
    """An empty list says so, and one column alone is printed once."""
    assert table(width, rows=[])[-1] == "nothing found"
    assert [line.strip() for line in table(width, columns=["state"])] == ["state", "failing", ""]
