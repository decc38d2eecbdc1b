"""Sentences: where a folded text may be cut.

* A sentence ends at 。 ! ? ; or a line break, and at a full stop before a blank.
* A full stop after an initial or an abbreviation ("U.S.", "Inc.", "v.") ends nothing.
* "!", "?" and ";" inside a Latin word or address ("watch?v=1", "Yahoo!Japan") end nothing.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

_END: Final = re.compile(
    r"[。\n!?;.]"  # first, so that a search skips to the next of them
    r"(?:(?<=[。\n])|(?<=[^\x00-\x7f][!?;])|(?<=[!?;])(?![a-z0-9=&/])"
    r"|(?<=\.)(?=[\"')\]]{0,4}(?:\s|$)))"
    r"[\"')\]」』》]{0,4}\s?"
)
_LAST_WORD: Final = re.compile("[ \\n(\"']")
_ABBREVIATIONS: Final = frozenset(
    re.findall(
        r"\S+",
        """adm bros co corp dept dr e.g est etc fig gen gov hon i.e inc jr llc ltd messrs mr mrs ms
        mt no nos plc pp prof pty rep rev sen sr st vs viz jan feb mar apr jun jul aug sep sept
        oct nov dec approx bn mn mrd mio mld mrds""",
    )
)


class Sentences:
    """The sentences of one folded text, by number from 0."""

    __slots__ = ("_ends", "_spans", "_text")

    def __init__(self, text: str) -> None:
        self._text = text
        self._ends = [*_ends(text), len(text)]
        self._spans: dict[int, tuple[int, int]] = {}  # of those asked for

    def number(self, at: int) -> int:
        """Return the number of the sentence that holds position *at*."""
        return bisect_right(self._ends, at)

    def span(self, number: int) -> tuple[int, int]:
        """Return where a sentence starts and ends, without the blanks around it."""
        if number not in self._spans:
            start = self._ends[number - 1] if number else 0
            sentence = self._text[start : self._ends[number]]
            start += len(sentence) - len(sentence.lstrip())
            self._spans[number] = start, start + len(sentence.strip())
        return self._spans[number]


def _ends(text: str) -> Iterator[int]:
    for end in _END.finditer(text):
        if text[end.start()] != "." or not _is_abbreviation(text, end.start()):
            yield end.end()


def _is_abbreviation(text: str, stop: int) -> bool:
    word = _LAST_WORD.split(text[max(0, stop - 12) : stop])[-1]
    return word in _ABBREVIATIONS or "." in word or (len(word) == 1 and word.isalpha())
