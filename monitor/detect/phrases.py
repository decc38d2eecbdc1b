"""Phrases: how a spelling is written, and what is no phrase.

* "antitrust" is those words, "monopol*" a word with any ending, "abuse ... dominance" one part
  and then the other in one sentence, with at most GAP characters between.
* There are no regular expressions: a phrase is found in linear time and an analyst can read it.
"""

from __future__ import annotations

import re
from typing import Final

from monitor.text import fold, is_letter

GAP: Final = 40  # characters between two parts of a phrase
_GAP: Final = re.compile(r"\s*(?:\.\.\.|…)\s*")
_PATTERN: Final = re.compile(r"[\\|^\[\]{}\n]|\(\?|\.[*+]|[)\]][*+?]")
_STEM: Final = 3  # fewest letters before "*"; "a*" would take half the dictionary
_PARTS: Final = 3


def phrase_parts(text: str) -> tuple[str, ...]:
    """Return the parts of a phrase between its "...", in order; each may end in "*".

    Raises ValueError with a sentence for the operator if *text* is no phrase.
    """
    if _PATTERN.search(text):
        raise ValueError(
            'looks like a regular expression; write words, "monopol*" or "abuse ... power"'
        )
    parts = tuple(_GAP.split(text.strip()))
    if len(parts) > _PARTS:
        raise ValueError(f'has more than {_PARTS} parts between "..."')
    for part in parts:
        folded = fold(part.removesuffix("*")).text.strip()
        if not any(char.isalnum() for char in folded):
            raise ValueError("is empty" if len(parts) == 1 else 'is empty on a side of "..."')
        if len(folded) == 1 and is_letter(folded):
            raise ValueError("is a single letter or digit: it would be found everywhere")
        stem = re.search(r"\w*$", folded)
        if "*" in part[:-1]:
            raise ValueError('has a "*" that is not at the end of a word before "..." or the end')
        if part.endswith("*") and not (stem and len(stem[0]) >= _STEM and is_letter(folded[-1])):
            raise ValueError(f'has a "*" after fewer than {_STEM} letters')
    return parts


def may_hold(phrase: str, text: str) -> bool:
    """Return whether something written as *text* may stand inside *phrase* at all."""
    parts = [fold(part.removesuffix("*")).text.strip() for part in phrase_parts(text)]
    whole = fold(phrase).text
    return len(phrase_parts(phrase)) > 1 or all(part in whole for part in parts)
