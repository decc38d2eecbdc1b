"""Terms: where in a folded text each spelling stands.

* A Latin spelling stands between characters that are no Latin letters or digits; a Han spelling
  stands anywhere, since Chinese has no blanks between words. Python's word boundary will not do:
  Han letters are word characters to it, so it finds no "IPO" in "蚂蚁IPO暂缓".
* A spelling with `case: true` wants its capitals; one all in capitals takes lower-case letters
  glued behind ("IPOs"). In a field all in capitals they say nothing and are not asked for.
* A spelling inside one of its `unless` phrases is found, and marked as excluded by it.
* One automaton finds every literal of every phrase in one pass (Aho and Corasick, 1975).
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from sys import maxsize
from typing import TYPE_CHECKING, NamedTuple
from unicodedata import normalize

from ahocorasick_rs import AhoCorasick, Implementation, MatchKind

from monitor.detect.phrases import GAP, split
from monitor.text.folding import fold
from monitor.text.words import is_letter

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from monitor.model import Term
    from monitor.query.tree import Phrase as Gate
    from monitor.text.folding import Folded, Together

Span = tuple[int, int]
Phrase = tuple[int, ...]  # numbers of its literals, in order


class Found(NamedTuple):
    """A term found: its number among the terms given, its span in the folded text.

    *excluded* is the `unless` phrase it stands in, as written in the lexicon.
    """

    term: int
    start: int
    end: int
    excluded: str | None = None


class _Literal(NamedTuple):
    """One part of a phrase: what the automaton looks for and what must stand around it."""

    text: str  # folded
    capitals: str | None  # the part as written, if its case counts
    any_ending: bool


class TermIndex:
    """Finds many terms in a text at once; built once, used from any thread."""

    def __init__(
        self, terms: Sequence[Term], others: Sequence[Term] = (), gates: Iterable[Gate] = ()
    ) -> None:
        """Index *terms*, and the *gates* of queries, each of one part.

        Behind the terms, by number, come *others*: what is said of them, they are not looked for.
        """
        self.literals: list[_Literal] = []
        self._number_of: dict[_Literal, int] = {}
        self._known: dict[tuple[str, bool], Phrase] = {}
        self._lists: dict[tuple[str, ...], list[Phrase]] = {}
        self.phrases = [self._phrase(term.text, case=term.case) for term in terms]
        whole = [*terms, *others]
        self.unless = [[(text, self._phrase(text)) for text in term.unless] for term in whole]
        self.needs = [self._phrases(term.needs) for term in whole]
        self.without = [self._phrases(term.without) for term in whole]
        self.near = [term.near for term in whole]
        self.gates = {
            gate: self._number(_Literal(gate.parts[0], None, gate.prefix)) for gate in gates
        }
        self.by_first: dict[int, list[int]] = {}
        for number, phrase in enumerate(self.phrases):
            self.by_first.setdefault(phrase[0], []).append(number)
        by_text: dict[str, list[int]] = {}
        for number, literal in enumerate(self.literals):
            by_text.setdefault(literal.text, []).append(number)
        self._patterns = [
            (*_edges(text), [(number, self.literals[number]) for number in numbers])
            for text, numbers in by_text.items()
        ]
        self._automaton = AhoCorasick(
            list(by_text), MatchKind.Standard, implementation=Implementation.ContiguousNFA
        )
        for made in (self._known, self._lists, self._number_of):  # they were for the making of it
            made.clear()

    def _phrases(self, texts: tuple[str, ...]) -> list[Phrase]:
        known = self._lists.get(texts)
        if known is None:  # many terms have the same needs
            known = self._lists[texts] = [self._phrase(text) for text in texts]
        return known

    def _phrase(self, text: str, *, case: bool = False) -> Phrase:
        known = self._known.get((text, case))
        if known is None:
            known = tuple(self._literal(part, case=case) for part in split(text))
            self._known[text, case] = known
        return known

    def _literal(self, part: str, *, case: bool) -> int:
        stem = part.removesuffix("*")
        folded = fold(stem).text.strip()
        return self._number(_Literal(folded, stem if case else None, part.endswith("*")))

    def _number(self, literal: _Literal) -> int:
        if literal not in self._number_of:
            self._number_of[literal] = len(self.literals)
            self.literals.append(literal)
        return self._number_of[literal]

    def read(self, original: str, folded: Folded) -> Reading:
        """Return what of the lexicon stands in *original*, whose folding is *folded*."""
        places: dict[int, list[Span]] = {}
        text = folded.text
        shouted = original.isupper()
        for pattern, start, end in self._automaton.find_matches_as_indexes(text, overlapping=True):
            begins, ends, literals = self._patterns[pattern]
            if begins and start and is_letter(text[start - 1]):
                continue
            goes_on = ends and end < len(text) and is_letter(text[end])
            for number, literal in literals:
                if literal.capitals and not shouted:
                    stop = _end_in_capitals(
                        literal.capitals, original, folded.span(start, end), end
                    )
                elif goes_on:
                    stop = _end_of_word(text, end) if literal.any_ending else 0
                else:
                    stop = end
                if stop:
                    places.setdefault(number, []).append((start, stop))
        return Reading(self, places)


class Sieve:
    """Tells quickly that none of some terms stands in a text; what it lets through may have none.

    Nearly every text names no watched company, and of those that do most tell of no topic. It looks
    for their words alone, some of a lexicon's thousands of literals, and without what it takes to
    say where each stands.
    """

    def __init__(self, index: TermIndex, terms: Iterable[int], gates: Iterable[int] = ()) -> None:
        """Sieve for *terms*, by number, and *gates*, by that of the literal."""
        firsts = {index.literals[index.phrases[term][0]] for term in terms}
        firsts |= {index.literals[literal] for literal in gates}
        endings = {it.text: it.any_ending or it.capitals is not None for it in firsts}
        for literal in firsts:
            endings[literal.text] |= literal.any_ending or literal.capitals is not None
        # Of each: whether a letter before it, or behind it, makes it part of another word.
        self._edges = [
            (begins, ends and not any_ending)
            for text, any_ending in endings.items()
            for begins, ends in (_edges(text),)
        ]
        # The other implementation is a quarter quicker, and takes 5 MB in each process.
        self._automaton = AhoCorasick(
            list(endings), MatchKind.Standard, implementation=Implementation.ContiguousNFA
        )

    def lets_through(self, text: str) -> bool:
        """Return False only if `TermIndex.read` would find none of the terms in a folded *text*."""
        if not self._automaton.find_matches_as_strings(text):  # quicker still: no places
            return False
        return any(True for _ in self._places(text))

    def among(self, texts: Together) -> set[int]:
        """Return the numbers of those of *texts* that it lets through."""
        return {bisect_right(texts.starts, place) - 1 for place in self._places(texts.text)}

    def _places(self, text: str) -> Iterator[int]:
        """Yield where words start that may be among the terms."""
        for pattern, start, end in self._automaton.find_matches_as_indexes(text, overlapping=True):
            begins, ends = self._edges[pattern]
            if begins and start and is_letter(text[start - 1]):
                continue
            if not (ends and end < len(text) and is_letter(text[end])):
                yield start


def _edges(text: str) -> tuple[bool, bool]:
    """Return whether a literal begins, and whether it ends, with a letter of a word."""
    return is_letter(text[0]), is_letter(text[-1])


def _end_of_word(text: str, end: int) -> int:
    """Return where the word ends that goes on at *end*."""
    while end < len(text) and is_letter(text[end]):
        end += 1
    return end


def _end_in_capitals(capitals: str, original: str, span: Span, end: int) -> int:
    """Return *end*, or 0 if the capitals differ or a word goes on; "IPOs" goes on, as an IPO."""
    quote, after = original[slice(*span)], original[span[1] : span[1] + 1]
    if _plain(quote) != _plain(capitals):
        return 0
    goes_on = is_letter(quote[-1]) and is_letter(after or " ")
    return 0 if goes_on and not (capitals.isupper() and after.islower()) else end


def _plain(text: str) -> str:
    return "".join(normalize("NFKC", text).split())


class Reading:
    """What of a lexicon stands in one text. Spans are of the folded text, in order."""

    __slots__ = ("_index", "_places", "_spans")

    def __init__(self, index: TermIndex, places: dict[int, list[Span]]) -> None:
        self._index = index
        self._places = places
        self._spans: dict[Phrase, list[Span]] = {}

    def terms(self) -> Iterator[Found]:
        """Yield every term found, excluded ones marked; grouped by term, then by place."""
        places = self._places
        for literal in places:
            for term in self._index.by_first.get(literal, ()):
                spans = self.spans(self._index.phrases[term])
                unless = self._index.unless[term] if spans else None
                eaters = self._eaters(unless) if unless else []
                for start, end in spans:
                    excluded = _eaten(eaters, start, end) if eaters else None
                    yield Found(term, start, end, excluded)

    def spans(self, phrase: Phrase) -> list[Span]:
        """Return where *phrase* stands."""
        if len(phrase) == 1:
            return self._places.get(phrase[0], [])
        if phrase not in self._spans:
            spans = self._places.get(phrase[0], [])
            for part in phrase[1:]:
                spans = _joined(spans, self._places.get(part, []))
            self._spans[phrase] = spans
        return self._spans[phrase]

    def _eaters(self, unless: Iterable[tuple[str, Phrase]]) -> list[tuple[str, list[Span]]]:
        return [
            (text, eater)
            for text, phrase in unless
            if phrase[0] in self._places and (eater := self.spans(phrase))
        ]

    def eater(self, unless: Iterable[tuple[str, Phrase]], start: int, end: int) -> str | None:
        """Return which of *unless* stands around what is between *start* and *end*, if any."""
        return _eaten(self._eaters(unless), start, end)

    def stands(self, gates: Iterable[Gate]) -> bool:
        """Return whether one of a query's gates stands in the text."""
        return any(self._index.gates[gate] in self._places for gate in gates)

    def need_met(self, found: Found, start: int, end: int) -> bool:
        """Return whether a need of what was *found* stands between *start* and *end*, and near."""
        if near := self._index.near[found.term]:
            start, end = max(start, found.start - near), min(end, found.end + near)
        return self._any_stands(self._index.needs[found.term], start, end)

    def is_barred(self, term: int, start: int, end: int) -> bool:
        """Return whether what *term* must not stand with is between *start* and *end*."""
        return self._any_stands(self._index.without[term], start, end)

    def _any_stands(self, phrases: Iterable[Phrase], start: int, end: int) -> bool:
        return any(
            (at := bisect_left(spans, (start, 0))) < len(spans) and spans[at][1] <= end
            for phrase in phrases
            if phrase[0] in self._places and (spans := self.spans(phrase))
        )


def _joined(heads: list[Span], tails: list[Span]) -> list[Span]:
    """Return head and tail as one span, for each tail that has a head at most GAP before it."""
    ends = [end for _, end in heads]
    joined = []
    for start, end in tails:
        at = bisect_right(ends, start) - 1
        if at >= 0 and start - ends[at] <= GAP:
            joined.append((heads[at][0], end))
    return joined


def _eaten(eaters: list[tuple[str, list[Span]]], start: int, end: int) -> str | None:
    for text, spans in eaters:
        at = bisect_right(spans, (start, maxsize)) - 1  # of those that start here or before, the
        if at >= 0 and spans[at][1] >= end:  # last ends last
            return text
    return None
