"""Clauses: what in a sentence is told as news of a company, and what beside it.

* A clause ends at a comma, a bracket, a colon, a semicolon or a dash, and before words such as
  "while", "after" and "whose". Commas inside numbers end nothing.
* A clause is background if it opens like one ("after its 2014 debut", "compared with", 此前), or
  if it names a year well before the one the text appeared in.
* Companies that only the joints of a list part are named together.
* Each clause is searched once for each thing asked of it, however often that is: linear time.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from datetime import MAXYEAR
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_BREAK: Final = re.compile(
    r",(?!\d{3})|[;:()\[\]\"]|(?<=\s)-(?=\s)|--"
    r"|(?<=\s)(?=(?:while|whereas|after|since|following|whose|which|who|as|amid|but|because|before"
    r"|when|where|than|despite|surpassing|exceeding|topping|dépassant|compared|days?|weeks?|months?|years?)\s)"
    r"|(?=继|此前|而|但|相比|不及|仅次于)"
)
_BACKGROUND: Final = re.compile(
    r"\s*(?:(?:just |only |even |and )?"
    r"(?:after|since|following|than|before|despite|compared|surpassing|exceeding|topping|dépassant"
    r"|(?:days?|weeks?|months?|years?) (?:after|before|ago)|previously|earlier|last year|similar to"
    r"|nach|seit|après|depuis)(?![a-z])"
    r"|继|此前|曾|去年|前年|早前|相比|不及|仅次于|自从?(?:\d{4}年)?(?:[^,]{0,6})(?:以来|后))"
)
_AFTER: Final = re.compile(r"\s*(?:just |only )?(?:after|following)(?![a-z])")
_RELATIVE: Final = re.compile(r"\s*(?:which|who|whose|where|when)(?![a-z])")
_OTHER_TIME: Final = re.compile(
    r"(?<![a-z])(?:last year|(?:a|two|three|\d{1,2}) years? (?:ago|earlier|before)|previously"
    r"|times the)(?![a-z])|此前|曾经|去年|前年|年前"
)
_YEAR: Final = re.compile(r"(?<![\d.,$€£¥-])((?:19|20)\d\d)(?![\d%-]|[,.]\d|年度)")
_LIST: Final = re.compile(
    r"(?:[ ,.、/&+()'\"-]|and|or|und|et|y|与|和|及|以及|跟|或"
    r"|ltd|inc|corp|co|group|holdings?|limited|集团|公司|控股){0,24}"
)


class Named(NamedTuple):
    """A company named in a sentence: its key and its span in the folded field."""

    key: str
    start: int
    end: int


class Clauses:
    """The clauses of one sentence of a folded text, and the companies named in them.

    *year* is the one the text appeared in, if known.
    """

    __slots__ = (
        "_asked",
        "_cuts",
        "_group_of",
        "_keys",
        "_named",
        "_starts",
        "_text",
        "_within",
        "_year",
        "_years",
    )

    def __init__(
        self, text: str, span: tuple[int, int], named: Iterable[Named], year: int | None
    ) -> None:
        self._text = text
        self._year = year
        self._cuts = [span[0]]
        for cut in (*(it.end() for it in _BREAK.finditer(text, *span)), span[1]):
            if len(self._cuts) > 1 and text[self._cuts[-1] : cut].isspace():
                self._cuts.pop()
            self._cuts.append(cut)
        self._named = sorted(named, key=lambda it: it.start)
        groups = _grouped(text, self._named)
        self._keys = [frozenset(it.key for it in group) for group in groups]
        self._group_of = [number for number, group in enumerate(groups) for _ in group]
        self._starts = [group[0].start for group in groups]
        self._within: dict[int, frozenset[str]] = {}  # by where a clause starts
        self._years: dict[int, int] = {}
        self._asked: dict[tuple[int, re.Pattern[str]], bool] = {}

    def span(self, at: int) -> tuple[int, int]:
        """Return the clause that holds position *at*."""
        cuts = self._cuts
        number = bisect_right(cuts, at, 1, len(cuts) - 1)
        return cuts[number - 1], cuts[number]

    def holds(self, at: int, cue: re.Pattern[str]) -> bool:
        """Return whether *cue* is found in the clause that holds *at*."""
        start, end = self.span(at)
        if (start, cue) not in self._asked:
            self._asked[start, cue] = cue.search(self._text, start, end) is not None
        return self._asked[start, cue]

    def is_background(self, at: int) -> bool:
        """Return whether what stands at *at* is told as something earlier or of another size."""
        start, end = self.span(at)
        if _BACKGROUND.match(self._text, start, end) or self.holds(at, _OTHER_TIME):
            return True
        if _RELATIVE.match(self._text, start, end) and start > self._cuts[0]:
            before, stop = self.span(start - 1)
            if _BACKGROUND.match(self._text, before, stop):
                return True
        return self._year is not None and self._latest(start, end) < self._year - 1

    def _latest(self, start: int, end: int) -> int:
        """Return the latest year that a clause names, one far ahead if it names none."""
        if start not in self._years:
            found = (int(year[1]) for year in _YEAR.finditer(self._text, start, end))
            self._years[start] = max(found, default=MAXYEAR)
        return self._years[start]

    def opens_after(self, at: int) -> bool:
        """Return whether the clause that holds *at* opens with "after" or "following"."""
        return _AFTER.match(self._text, *self.span(at)) is not None

    def within(self, at: int) -> frozenset[str]:
        """Return the companies named in the clause that holds *at*, or listed with one that is."""
        start, end = self.span(at)
        if start not in self._within:
            first, last = (bisect_left(self._named, it, key=_start) for it in (start, end))
            groups = {*self._group_of[first:last]}
            self._within[start] = frozenset().union(*(self._keys[group] for group in groups))
        return self._within[start]

    def before(self, at: int) -> frozenset[str]:
        """Return the companies of the list named last before *at*, none if none is."""
        number = bisect_right(self._starts, at) - 1
        return self._keys[number] if number >= 0 else frozenset()

    def after(self, at: int) -> tuple[frozenset[str], int]:
        """Return the companies of the list named first after *at*, and where it starts."""
        number = bisect_right(self._starts, at)
        if number == len(self._keys):
            return frozenset(), at
        return self._keys[number], self._starts[number]


def _start(named: Named) -> int:
    return named.start


def _grouped(text: str, named: Sequence[Named]) -> list[list[Named]]:
    """Return the companies, those of one list together."""
    groups: list[list[Named]] = []
    for one in named:
        end = groups[-1][-1].end if groups else 0
        if groups and _LIST.fullmatch(text, end, max(end, one.start)):
            groups[-1].append(one)
        else:
            groups.append([one])
    return groups
