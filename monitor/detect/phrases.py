"""Phrases: how a spelling is written, and what is no phrase.

* "antitrust" is those words, "monopol*" a word with any ending, "abuse ... dominance" one part
  and then the other in one sentence, with at most GAP characters between.
* There are no regular expressions: a phrase is found in linear time and an analyst can read it.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from monitor.text.folding import fold
from monitor.text.words import is_bare, is_idle, is_letter

GAP: Final = 40  # characters between two parts of a phrase
_GAP: Final = re.compile(r"\s*(?:\.\.\.|…)\s*")
_PATTERN: Final = re.compile(r"[\\|^\[\]{}\n]|\(\?|\.[*+]|[)\]][*+?]")
_STEM: Final = 3  # fewest letters before "*"; "a*" would take half the dictionary
_ENDS_IN_STEM: Final = re.compile(rf"\w{{{_STEM}}}$")
_PARTS: Final = 3
_LONGEST: Final = 200  # characters


@lru_cache(maxsize=8192)
def folded(text: str) -> str:
    """Return *text* folded; of one spelling it is asked half a dozen times on the way to a term."""
    return fold(text).text


@lru_cache(maxsize=8192)
def phrase_parts(text: str) -> tuple[str, ...]:
    """Return the parts of a phrase between its "...", in order; each may end in "*".

    Raises ValueError with a sentence for the operator if *text* is no phrase.
    """
    if _PATTERN.search(text):
        raise ValueError(
            'looks like a regular expression; write words, "monopol*" or "abuse ... power"'
        )
    if len(text) > _LONGEST:
        raise ValueError(f"is longer than {_LONGEST} characters")
    parts = split(text)
    if len(parts) > _PARTS:
        raise ValueError(f'has more than {_PARTS} parts between "..."')
    for part in parts:
        words = folded(part.removesuffix("*")).strip()
        if not any(map(str.isalnum, words)):
            raise ValueError("is empty" if len(parts) == 1 else 'is empty on a side of "..."')
        if is_bare(words):
            raise ValueError("is a single letter or digit: it would be found everywhere")
        if "*" in part[:-1]:
            raise ValueError('has a "*" that is not at the end of a word before "..." or the end')
        if part.endswith("*") and not (_ENDS_IN_STEM.search(words) and is_letter(words[-1])):
            raise ValueError(f'has a "*" after fewer than {_STEM} letters')
    if all(is_idle(word) for part in parts for word in folded(part).split()):
        raise ValueError("is only words that stand in every text")
    return parts


def split(text: str) -> tuple[str, ...]:
    """Return what `phrase_parts` does, of a text that is known to be a phrase."""
    if "..." not in text and "…" not in text:
        return (text.strip(),)
    return tuple(_GAP.split(text.strip()))


def may_hold(phrase: str, text: str) -> bool:
    """Return whether something written as *text* may stand inside *phrase* at all."""
    whole = whole_of(phrase)
    return whole is None or all(part in whole for part in parts_of(text))


def whole_of(phrase: str) -> str | None:
    """Return the folded *phrase*; None for one in several parts, between which anything stands."""
    return None if len(phrase_parts(phrase)) > 1 else folded(phrase)


def parts_of(text: str) -> tuple[str, ...]:
    """Return the folded parts of a phrase, without their "*"."""
    return tuple(folded(part.removesuffix("*")).strip() for part in phrase_parts(text))
