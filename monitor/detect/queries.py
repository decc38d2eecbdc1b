"""Queries: which of a lexicon's topics an article tells of by a query, and where it says so.

* A query is decided of the whole article by `monitor.query`, as a search decides it.
* Each word it looks for has a term of its own, all with the query's id: so a quote can be told for
  every word that was asked for, however often it stands.
* Only a query one of whose gates an automaton has met is asked at all.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from monitor.detect.places import Owner, Place
from monitor.model import Role
from monitor.query.piece import Piece
from monitor.query.rules import gates, read_rule
from monitor.query.standing import standing
from monitor.query.terms import find
from monitor.query.tree import phrases

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from monitor.detect.places import Text
    from monitor.detect.terms import TermIndex
    from monitor.model import Term, Topic
    from monitor.query.tree import Node, Phrase

_NEVER: Final = datetime.min.replace(tzinfo=UTC)  # a topic's query asks for no time


@dataclass(frozen=True, slots=True)
class _Query:
    """A query with its gates, and the number of its term for each phrase that it looks for."""

    node: Node
    gates: frozenset[Phrase]
    numbers: dict[Phrase, int]


class Queries:
    """The queries of *topics*; built once, used from any thread.

    *terms* and *owners* are of the same length, their numbers counting on from *first*.
    *siblings* are by each such number all those of its query.
    """

    def __init__(self, topics: Iterable[Topic], first: int) -> None:
        self.terms: list[Term] = []
        self.owners: list[Owner] = []
        self.siblings: dict[int, Sequence[int]] = {}
        self._queries: list[_Query] = []
        for topic, term in ((it, term) for it in topics for term in it.queries):
            node = read_rule(term.text)
            asked = dict.fromkeys(phrases(node))
            numbers = range(first + len(self.terms), first + len(self.terms) + len(asked))
            self.terms += [term] * len(asked)
            self.owners += [Owner(Role.TOPIC, topic.key)] * len(asked)
            self.siblings |= dict.fromkeys(numbers, numbers)
            of_phrase = dict(zip(asked, numbers, strict=True))
            self._queries.append(_Query(node, gates(node) or frozenset(), of_phrase))

    @property
    def gates(self) -> list[Phrase]:
        """The gates of all queries, each once."""
        return list(dict.fromkeys(gate for query in self._queries for gate in query.gates))

    def answered(self, texts: Sequence[Text], index: TermIndex) -> Iterator[Place]:
        """Yield a place for each word with which title and summary answer a query."""
        piece = _piece(texts)
        for query in self._queries:
            if any(text.reading.stands(query.gates) for text in texts):
                for field, phrase, start, end in standing(query.node, piece):
                    yield _place(texts[field], query.numbers[phrase], start, end, index)

    def others(self, word: Place, places: Iterable[Place]) -> list[Place]:
        """Return the nearest of *places* that counts for each other word of the query of *word*.

        None if *word* is no query's.
        """
        siblings = self.siblings.get(word.term, ())
        nearest: dict[int, Place] = {}
        for place in places if siblings else ():
            if place.term in siblings and place.term != word.term and not place.problem:
                best = nearest.get(place.term, place)
                nearest[place.term] = min(best, place, key=lambda it: _apart(it, word))
        return sorted(nearest.values())

    def unanswered(self, texts: Sequence[Text], index: TermIndex) -> Iterator[Place]:
        """Yield a place for each word of a query that is not answered, which is its problem."""
        piece = _piece(texts)
        for query in self._queries:
            if standing(query.node, piece):
                continue
            for text in texts:
                for phrase, number in query.numbers.items():
                    for span in find(phrase, text.folded.text, 0, len(text.folded.text)):
                        place = _place(text, number, *span, index)
                        yield place._replace(problem="the rest of its query is not answered")


def _apart(one: Place, two: Place) -> tuple[bool, bool, int]:
    """Return how far two places are from each other, to be compared."""
    return one.field != two.field, one.sentence != two.sentence, abs(one.start - two.start)


def _piece(texts: Sequence[Text]) -> Piece:
    title, summary = (text.text for text in texts)
    return Piece(title, summary, "", None, _NEVER)


def _place(text: Text, term: int, start: int, end: int, index: TermIndex) -> Place:
    """Return a place; what runs over the end of its sentence stands in the one it begins in."""
    sentence = text.sentences.number(start)
    end = min(end, text.sentences.span(sentence)[1])
    eater = text.reading.eater(index.unless[term], start, end)
    problem = f'part of "{eater}"' if eater else None
    return Place(text.number, sentence, start, end, term, problem)
