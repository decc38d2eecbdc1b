"""With which of its words a text answers a query: what a topic's query quotes."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from itertools import chain, starmap
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from monitor.query.evaluate import holds, within
from monitor.query.terms import find
from monitor.query.tree import And, Near, Or, Phrase, Sentence

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from monitor.query.evaluate import Range
    from monitor.query.piece import Piece, Text
    from monitor.query.tree import Node

_Word: TypeAlias = "tuple[Text, Phrase, int, int]"


class Standing(NamedTuple):
    """Where a phrase stands that a query looks for: in the title, 0, or the summary, 1.

    *start* and *end* are of the folded text.
    """

    field: int
    phrase: Phrase
    start: int
    end: int


def standing(node: Node, piece: Piece) -> list[Standing]:
    """Return the words with which *piece* answers *node*; none if it does not.

    If a sentence answers by itself, only those of such sentences; else those of all. Takes time
    in proportion to the texts.
    """
    whole = [(text, *text.whole) for text in piece.texts]
    if not holds(node, piece, whole):
        return []
    sentences = [(text, *it) for text in piece.texts for it in text.sentences]
    alone = [[it] for it in sentences if holds(node, piece, [it])]
    number = {id(text): field for field, text in enumerate(piece.texts)}
    return [
        Standing(number[id(text)], phrase, start, end)
        for scope in alone or [whole]
        for text, phrase, start, end in _words(node, piece, scope)
    ]


def _words(node: Node, piece: Piece, scope: Sequence[Range]) -> Iterator[_Word]:
    """Yield what makes *node* hold in *scope*, where it holds."""
    match node:
        case Phrase():
            yield from chain.from_iterable(_stands(node, *place) for place in scope)
        case And(items) | Or(items):
            for item in items:
                if isinstance(node, And) or holds(item, piece, scope):
                    yield from _words(item, piece, scope)
        case Near():
            yield from chain.from_iterable(_near(node, *place) for place in scope)
        case Sentence(item):
            for sentence in chain.from_iterable(starmap(within, scope)):
                if holds(item, piece, [sentence]):
                    yield from _words(item, piece, [sentence])
        case _:  # what must not be there
            return


def _stands(node: Phrase, text: Text, start: int, end: int) -> Iterator[_Word]:
    for first, last in find(node, text.folded, start, end):
        yield text, node, first, last


def _near(node: Near, text: Text, start: int, end: int) -> Iterator[_Word]:
    """Yield the words of either side that have one of the other near."""
    left, right = (
        [
            (bisect_left(text.units, first), bisect_left(text.units, last), term, first, last)
            for term in side
            for first, last in find(term, text.folded, start, end)
        ]
        for side in (node.left, node.right)
    )
    for side, other in ((left, right), (right, left)):
        starts = sorted(first for first, *_ in other)
        ends = sorted(last for _, last, *_ in other)
        for first, last, term, *span in side:
            follows = bisect_left(ends, first - node.words) < bisect_right(ends, first)
            leads = bisect_left(starts, last) < bisect_right(starts, last + node.words)
            if follows or leads:
                yield text, term, span[0], span[1]
