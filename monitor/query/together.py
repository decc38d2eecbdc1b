"""Many parts of queries, asked of one text after the other: what is alike is looked for once.

* A text is written as its words with a blank between, so that each phrase is one string in it; one
  automaton finds those of all parts in one pass (Aho and Corasick, 1975).
* For a phrase that is the answer. NEAR and SENTENCE are decided where all stands that they take.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from ahocorasick_rs import AhoCorasick, MatchKind

from monitor.query.evaluate import matches
from monitor.query.terms import is_solid, spaced
from monitor.query.tree import And, Near, Or, Phrase, Sentence

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from monitor.query.piece import Piece
    from monitor.query.tree import Node

_Needs = list[set[int]]  # of each, one of these strings has to stand there


class Together:
    """The parts *nodes*, each asked of titles and summaries."""

    def __init__(self, nodes: Sequence[Node]) -> None:
        self._strings: dict[str, int] = {}
        self._phrases: dict[int, list[int]] = {}  # which are answered, by the string
        self._others: list[tuple[int, Node, _Needs]] = []
        for at, node in enumerate(nodes):
            needs = self._needs(node)
            if isinstance(node, Phrase) and len(needs) == 1:
                self._phrases.setdefault(needs[0].pop(), []).append(at)
            else:
                self._others.append((at, node, needs))
        self._automaton = AhoCorasick(list(self._strings), MatchKind.Standard)

    def answered(self, piece: Piece) -> list[int]:
        """Return which of the parts *piece* answers, by number, in no order."""
        text = "\n".join(spaced(text.folded) for text in piece.texts)
        standing = {it[0] for it in self._automaton.find_matches_as_indexes(text, overlapping=True)}
        found = [at for number in standing for at in self._phrases.get(number, ())]
        for at, node, needs in self._others:
            if not any(map(standing.isdisjoint, needs)) and matches(node, piece):
                found.append(at)
        return found

    def _needs(self, node: Node) -> _Needs:
        """Return what has to stand in a text that answers *node*; for most phrases that is all."""
        match node:
            case Phrase():
                return [{self._number(string)} for string in _strings(node)]
            case And(items):
                return [need for item in items for need in self._needs(item)]
            case Or(items):
                return self._either(items)
            case Near(left, right):
                return [*self._either(left), *self._either(right)]
            case Sentence(item):
                return self._needs(item)
            case _:
                return []

    def _either(self, items: Iterable[Node]) -> _Needs:
        needs = [self._needs(item) for item in items]
        return [set().union(*(it[0] for it in needs))] if all(needs) else []

    def _number(self, string: str) -> int:
        return self._strings.setdefault(string, len(self._strings))


def _strings(term: Phrase) -> list[str]:
    """Return the strings of a spaced text that stand where *term* does.

    One says it all, but for runs of Han in a row, between which there may be a blank or none.
    """
    solid = [is_solid(part) for part in term.parts]
    if any(one and two for one, two in pairwise(solid)):
        return [part for part, han in zip(term.parts, solid, strict=True) if han]
    before = "" if solid[0] else " "
    behind = "" if solid[-1] or term.prefix else " "
    return [before + " ".join(term.parts) + behind]
