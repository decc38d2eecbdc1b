"""Marking quotes in a text: letters under them that stay in line, in Chinese too.

A Han character takes two cells of a terminal and a combining mark none, so letters are counted
in cells. A text is wrapped to a width, each line with its marks below; where nothing is marked
for long, the text is left out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from rich.cells import get_character_cell_size

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

MARGIN: Final = 120  # characters shown on either side of what is marked
GAP: Final = "[...]"


class Mark(NamedTuple):
    """A quote of a text, in code points, and the letter that stands under it."""

    start: int
    end: int
    letter: str


def marked(text: str, marks: Sequence[Mark], *, width: int) -> list[str]:
    """Return lines of at most *width* cells: of *text*, each followed by the marks under it.

    A line without marks has none below. Control characters become blanks. Where marks overlap,
    the first of them shows.
    """
    shown = "".join(char if char.isprintable() else " " for char in text)
    letters = [" "] * len(text)
    for mark in reversed(marks):
        letters[mark.start : mark.end] = mark.letter * (mark.end - mark.start)
    lines: list[str] = []
    for first, last in _windows(marks, len(text)):
        if first:
            lines.append(GAP)
        for start, end in _wrapped(shown, first, last, width):
            lines.append(shown[start:end].rstrip())
            below = "".join(
                letters[at] * get_character_cell_size(shown[at]) for at in range(start, end)
            ).rstrip()
            lines += [below] if below else []
    if lines and marks and max(mark.end for mark in marks) + MARGIN < len(text):
        lines.append(GAP)
    return lines


def _windows(marks: Sequence[Mark], length: int) -> Iterator[tuple[int, int]]:
    """Yield the parts of a text to be shown: what is marked with a margin, or its beginning."""
    first, last = 0, min(length, 2 * MARGIN)
    if marks:
        last = 0
        first = max(0, min(mark.start for mark in marks) - MARGIN)
    for mark in sorted(marks):
        if mark.start - MARGIN > last > first:
            yield first, last
            first = mark.start - MARGIN
        last = max(last, min(length, mark.end + MARGIN))
    if last > first:
        yield first, last


def _wrapped(text: str, first: int, last: int, width: int) -> Iterator[tuple[int, int]]:
    """Yield lines of *text* from *first* to *last*, broken at blanks where there are any."""
    start = first
    while start < last:
        end, cells, blank = start, 0, 0
        while end < last and cells + get_character_cell_size(text[end]) <= width:
            cells += get_character_cell_size(text[end])
            end += 1
            if text[end - 1] == " ":
                blank = end
        if end < last and blank > start:
            end = blank
        end = max(end, start + 1)
        yield start, end
        start = end
