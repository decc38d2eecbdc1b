"""Where a text answers a query: spans to be marked, and a snippet around them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from monitor.query.terms import find
from monitor.query.tree import phrases
from monitor.text.folding import fold

if TYPE_CHECKING:
    from collections.abc import Sequence

    from monitor.query.tree import Node

WIDTH: Final = 160  # characters of a snippet
_LEAD: Final = 40  # of them before the first mark


@dataclass(frozen=True, slots=True)
class Snippet:
    """A part of a text on one line; *marks* are spans of `text`. *cut*: there is more on a side."""

    text: str
    marks: tuple[tuple[int, int], ...]
    cut_before: bool = False
    cut_behind: bool = False


def marks(node: Node, text: str) -> tuple[tuple[int, int], ...]:
    """Return the spans of *text* that *node* looks for, in order, none within another."""
    folded = fold(text)
    found = sorted(
        folded.span(start, end)
        for term in set(phrases(node))
        for start, end in find(term, folded.text, 0, len(folded.text))
    )
    merged: list[tuple[int, int]] = []
    for start, end in found:
        if merged and start < merged[-1][1]:
            merged[-1] = merged[-1][0], max(end, merged[-1][1])
        else:
            merged.append((start, end))
    return tuple(merged)


def snippet(node: Node, text: str, *, width: int = WIDTH) -> Snippet:
    """Return the part of *text* with the first mark, about *width* characters long."""
    spans = marks(node, text)
    first = max(0, spans[0][0] - _LEAD) if spans else 0
    start = min(first, max(0, len(text) - width))
    if start:  # begin with a whole word, if one begins soon
        blank = text.find(" ", start, spans[0][0] if spans else start)
        start = blank + 1 if blank >= 0 else start
    end = min(len(text), start + width)
    shown = text[start:end].replace("\n", " ")
    inside: Sequence[tuple[int, int]] = [
        (max(a, start) - start, min(b, end) - start) for a, b in spans if a < end and b > start
    ]
    return Snippet(shown, tuple(inside), cut_before=start > 0, cut_behind=end < len(text))
