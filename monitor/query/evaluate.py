"""Whether a text answers a query, and how well. What both databases' answers are held against."""

from __future__ import annotations

import operator
from bisect import bisect_left, bisect_right
from itertools import islice
from typing import TYPE_CHECKING, Final, TypeAlias

from monitor.query.terms import find, stands
from monitor.query.tree import And, Compares, Is, Near, Not, Or, Phrase, Seen, Sentence

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from monitor.query.piece import Piece, Text
    from monitor.query.tree import Node

_COMPARED: Final = {
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
}
_IN_TITLE: Final = 3  # a word in the title says as much as so many in the summary
_REPEATS: Final = 3  # occurrences of one phrase in a text that count
_HALF: Final = 2  # so much gives half of what a phrase can give


Range: TypeAlias = "tuple[Text, int, int]"


def matches(node: Node, piece: Piece) -> bool:
    """Return whether *piece* answers the query of that tree."""
    return holds(node, piece, [(text, *text.whole) for text in piece.texts])


def holds(node: Node, piece: Piece, scope: Sequence[Range]) -> bool:  # noqa: PLR0911 - one line for each kind
    """Return whether *node* holds in *scope*: whole texts of *piece*, or a sentence of one."""
    match node:
        case Phrase():
            return any(stands(node, text.folded, start, end) for text, start, end in scope)
        case And(items):
            return all(holds(item, piece, scope) for item in items)
        case Or(items):
            return any(holds(item, piece, scope) for item in items)
        case Not(item):
            return not holds(item, piece, scope)
        case Near():
            return any(_near(node, *place) for place in scope)
        case Sentence(item):
            sentences = (it for text, start, end in scope for it in within(text, start, end))
            return any(holds(item, piece, [sentence]) for sentence in sentences)
        case _:
            return _known(node, piece)


def within(text: Text, start: int, end: int) -> Iterator[Range]:
    """Yield the sentences of `text[start:end]`, which is whole or one of them."""
    if (start, end) == text.whole:
        yield from ((text, *sentence) for sentence in text.sentences)
    else:
        yield text, start, end


def _known(node: Is | Seen | Compares, piece: Piece) -> bool:
    if isinstance(node, Seen):
        late_enough = node.since is None or piece.first_seen >= node.since
        return late_enough and (node.until is None or piece.first_seen < node.until)
    if isinstance(node, Is):
        return any(_is(node.name, value, piece) for value in node.values)
    number: float | None = getattr(piece.hit, node.name) if piece.hit else None
    if number is None or (node.currency and piece.hit and piece.hit.currency != node.currency):
        return False
    return bool(_COMPARED[node.sign](number, node.value))


def _is(name: str, value: str, piece: Piece) -> bool:
    if name == "feed":
        return piece.feed.lower() == value
    if name == "lang":
        language = (piece.language or "").lower()
        return language == value or language.startswith(f"{value}-")
    found: str | None = getattr(piece.hit, name) if piece.hit else None
    return found is not None and found.lower() == value.lower()


def _near(node: Near, text: Text, start: int, end: int) -> bool:
    left = _places(node.left, text, start, end)
    right = _places(node.right, text, start, end) if left else []
    return bool(right) and (_close(left, right, node.words) or _close(right, left, node.words))


def _places(terms: tuple[Phrase, ...], text: Text, start: int, end: int) -> list[tuple[int, int]]:
    """Return where one of *terms* stands, in words: the first, and the one behind the last."""
    whole = (start, end) == text.whole
    if whole and terms in text.places:  # as many filters ask for the same
        return text.places[terms]
    found = sorted(
        (bisect_left(text.units, first), bisect_left(text.units, last))
        for term in terms
        for first, last in find(term, text.folded, start, end)
    )
    if whole:
        text.places[terms] = found
    return found


def _close(
    before: Sequence[tuple[int, int]], behind: Sequence[tuple[int, int]], words: int
) -> bool:
    """Return whether one of *behind* begins at most *words* words after one of *before* ends."""
    starts = [first for first, _ in behind]
    return any(bisect_left(starts, last) < bisect_right(starts, last + words) for _, last in before)


def relevance(terms: Collection[Phrase], piece: Piece) -> float:
    """Return how much *piece* has of *terms*, what a query looks for: the more, the better.

    Each phrase counts by itself, and the more often it stands there the less each time adds: a
    text with all of them is better than one with many of one. A long text gains nothing by that.
    """
    title, summary = piece.texts
    score = 0.0
    for term in terms:
        weight = _IN_TITLE * _count(term, title.folded) + _count(term, summary.folded)
        score += weight / (weight + _HALF)
    return score


def _count(term: Phrase, text: str) -> int:
    return sum(1 for _ in islice(find(term, text, 0, len(text)), _REPEATS))
