"""Marks under quotes: in line in any script, within the width, nothing marked left out."""

from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from monitor.cli.marks import GAP, Mark, marked


def test_letters_stand_under_their_quote():
    """A letter stands under each character of a quote."""
    assert marked("Alibaba fined", [Mark(0, 7, "C"), Mark(8, 13, "S")], width=80) == [
        "Alibaba fined",
        "CCCCCCC SSSSS",
    ]


def test_a_han_character_is_two_cells_wide():
    """Under Chinese, two letters stand for a character, so that all stays in line."""
    text, below = marked("对阿里巴巴罚款", [Mark(1, 5, "C"), Mark(5, 7, "S")], width=80)

    assert below == "  CCCCCCCCSSSS"
    assert cell_len(text) == len(below)


def test_control_characters_do_not_reach_the_terminal():
    """An escape sequence of a feed is shown as blanks, and moves nothing."""
    assert marked("A\x1b[2J\tB", [Mark(6, 7, "C")], width=80) == ["A [2J B", "      C"]


def test_far_quotes_are_shown_without_what_is_between():
    """Of a long text only the surroundings of the quotes are shown."""
    text = "Acme " + "x " * 5000 + "IPO" + " y" * 5000
    lines = marked(text, [Mark(0, 4, "C"), Mark(10005, 10008, "T")], width=80)

    assert len(lines) < 20
    assert lines.count(GAP) == 2
    assert [line.strip() for line in lines if set(line) <= set("CT ")] == ["CCCC", "TTT"]


@given(
    st.text(st.sampled_from("ab 阿里é\u0301\n"), max_size=400),
    st.lists(st.tuples(st.integers(0, 400), st.integers(1, 9)), max_size=5),
    st.integers(2, 60),
)
def test_nothing_marked_is_lost(text, places, width):
    """Every marked cell has its letter, and no line is wider than asked for."""
    marks = [
        Mark(start, min(len(text), start + size), "C")
        for start, size in places
        if start < len(text)
    ]
    lines = marked(text, marks, width=width)
    places = {at for mark in marks for at in range(mark.start, mark.end)}
    shown = "".join(char if char.isprintable() else " " for char in text)
    wanted = sum(cell_len(shown[at]) for at in places)

    assert sum(line.count("C") for line in lines) == wanted
    assert all(cell_len(line) <= max(width, len(GAP)) for line in lines)
