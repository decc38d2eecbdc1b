"""Wrapping: text folded into lines of so many columns, of which Han take two."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from typing import TYPE_CHECKING

from rich.cells import cell_len

if TYPE_CHECKING:
    from collections.abc import Iterator

WIDTH = 72  # columns of the text part

_NOT_FIRST = frozenset("、。，．：；！？）〕］｝〉》」』】’”…—·%％,.;:!?)]}*")
_NOT_LAST = frozenset("（〔［｛〈《「『【‘“([{*")
_BLANK = re.compile(r"\s+")


def wrap(text: str, first: str = "", rest: str = "", width: int = WIDTH) -> str:
    """Return *text* folded into lines of at most *width* columns, of which Han take two.

    Lines begin with *first*, then *rest*. Chinese breaks between any two characters but before a
    closing mark and after an opening one; a word longer than a line is cut.
    """
    lines: list[str] = []
    line, used = first, cell_len(first)
    margin = used
    for atom in _atoms(text, width - max(cell_len(first), cell_len(rest))):
        wide = cell_len(atom)
        if used + cell_len(atom.rstrip()) > width and used > margin:
            lines.append(line.rstrip())
            line, used = rest, cell_len(rest)
            margin = used
        line += atom
        used += wide
    return "\n".join([*lines, line.rstrip()])


def _atoms(text: str, width: int) -> Iterator[str]:
    """Yield the unbreakable parts of *text*, each with the blank that follows it."""
    atom, wide = "", 0
    line = _BLANK.sub(" ", text.strip())
    if line.isascii():
        yield from _words(line, width)
        return
    for char in line:
        cells = _cells(char)
        if atom and (_may_break(atom[-1], char) or (char != " " and wide + cells > width)):
            yield atom
            atom, wide = "", 0
        atom += char
        wide += cells
    if atom:
        yield atom


def _words(line: str, width: int) -> Iterator[str]:
    """Yield the atoms of plain ASCII, which are its words."""
    words = line.split(" ")
    for number, word in enumerate(words, start=1):
        cut = word
        while len(cut) > width:
            yield cut[:width]
            cut = cut[width:]
        yield cut if number == len(words) else f"{cut} "


def _may_break(before: str, after: str) -> bool:
    if before == " ":
        return True
    if after == " " or after in _NOT_FIRST or before in _NOT_LAST:
        return False
    return _is_wide(before) or _is_wide(after)


@lru_cache(maxsize=20_000)
def _cells(char: str) -> int:
    return cell_len(char)


@lru_cache(maxsize=20_000)
def _is_wide(char: str) -> bool:
    return unicodedata.east_asian_width(char) in "WF"
