"""Words and phrases in a folded text: how they are cut, and where they stand.

* A Latin word matches whole, Han anywhere: there is no blank to go by.
* Between the parts of a phrase may stand what is no word: "Ant-Group" is "ant group".
* Within a run of Han nothing may: 反垄断 is not in "反，垄断".
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from monitor.query.tree import Phrase
from monitor.text.folding import fold
from monitor.text.words import SOLID

if TYPE_CHECKING:
    from collections.abc import Iterator

_LETTER: Final = rf"[^\W_{SOLID}]"
_PART: Final = re.compile(rf"[{SOLID}]+|{_LETTER}+")
_BETWEEN: Final = rf"(?:[^\w{SOLID}]|_)"
_UNIT: Final = re.compile(rf"[{SOLID}]|{_LETTER}+")
_IS_SOLID: Final = re.compile(f"[{SOLID}]")
_REMEMBERED: Final = 4000  # more than a round of digests asks for at once


def phrase(text: str, *, prefix: bool = False) -> Phrase:
    """Return the phrase that *text* spells; it has no parts if nothing in it is a word."""
    parts = tuple(_PART.findall(fold(text).text))
    return Phrase(parts, prefix and bool(parts) and not is_solid(parts[-1]))


def is_solid(part: str) -> bool:
    """Return whether *part* is written without blanks, as Han is."""
    return _IS_SOLID.match(part) is not None


def find(term: Phrase, text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """Yield where *term* stands in `text[start:end]`, which is folded."""
    first = term.parts[0]
    at = text.find(first, start, end)  # far quicker than to look for the pattern everywhere
    if at < 0:
        return
    pattern = _pattern(term)
    while at >= 0:
        found = pattern.match(text, at, end)
        if found:
            yield found.span()
        at = text.find(first, found.end() if found else at + 1, end)


def stands(term: Phrase, text: str, start: int, end: int) -> bool:
    """Return whether *term* stands in `text[start:end]`, which is folded."""
    return next(find(term, text, start, end), None) is not None


@lru_cache(maxsize=_REMEMBERED)
def _pattern(term: Phrase) -> re.Pattern[str]:
    pattern = "" if is_solid(term.parts[0]) else f"(?<!{_LETTER})"
    before: str | None = None
    for part in term.parts:
        if before is not None:
            both_latin = not (is_solid(before) or is_solid(part))
            pattern += _BETWEEN + ("++" if both_latin else "*+")
        pattern += re.escape(part)
        before = part
    if term.prefix:
        pattern += f"{_LETTER}*+"
    elif not is_solid(term.parts[-1]):
        pattern += f"(?!{_LETTER})"
    return re.compile(pattern)


def spaced(text: str) -> str:
    """Return the words and runs of Han of a folded *text*, a blank around each."""
    return f" {' '.join(_PART.findall(text))} "


def units(text: str) -> list[int]:
    """Return where the words of a folded *text* start; each Han character counts as one."""
    return [found.start() for found in _UNIT.finditer(text)]
