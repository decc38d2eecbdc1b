"""The words of an article as a search index takes them.

* Latin words and numbers as they are; of Han, kana and Hangul each overlapping pair, and the first
  and last character of a run by itself, so that `反*` finds every 反.
* Two texts that fold alike give the same words, so traditional characters find simplified ones.
* An index of these words narrows a search down; `monitor.query` decides on the text itself. It may
  therefore hold too much, never too little.
* Whoever changes what words a text gives counts `CUT` up, and has articles indexed anew.
"""

from __future__ import annotations

import sys
from array import array
from typing import Final

from monitor.text.patterns import lazy
from monitor.text.words import SOLID

CUT: Final = 1  # the version of these rules

LONGEST: Final = 255  # letters of a word that count: a database's own limit is in bytes

_RUN: Final = lazy(f"([{SOLID}]+)")
_PARTS: Final = lazy(r"[\x00-/:-`{-\x7f]+")  # ASCII signs that are no letter or digit
_WORD: Final = lazy(rf"[^\W_{SOLID}]+")
_BLANK: Final = ord(" ")
_UTF32: Final = 4  # bytes of a code point
_UNIT: Final = next(code for code in "IL" if array(code).itemsize == _UTF32)
_CODEC: Final = f"utf-32-{sys.byteorder[0]}e"


def index_words(*texts: str) -> str:
    """Return the words of *texts*, with blanks or other ASCII signs between, repeats and all.

    ASCII text is given back as it is: an index cuts it where there is no letter or digit, and
    heeds no case.
    """
    return "\n".join(map(_words_of, texts))


def _words_of(text: str) -> str:
    if text.isascii() and text.replace("\n", " ").isprintable():  # as nearly all such are
        return text
    from monitor.text.folding import fold  # slow to import: a poll without news does without

    folded = fold(text)
    if text.isascii() and folded.starts is None:  # nothing was taken out from the midst of a word
        return text
    parts = _RUN.split(folded.text)  # runs stand at the odd places
    words = " ".join(_WORD.findall(" ".join(parts[::2])))
    return f"{words} {_pairs(' '.join(parts[1::2]))}" if len(parts) > 1 else words


def distinct_words(words: str) -> list[str]:
    """Return the different words in what `index_words` gave, in lower case, none too long."""
    return list({word[:LONGEST] for word in _PARTS.split(words.lower()) if word})


def _pairs(runs: str) -> str:
    """Return every two neighbours in *runs*, apart: "反垄断 罚" gives "反垄 垄断 断   罚 罚 ".

    By slices of code points, which takes a tenth of the time of a loop over the characters.
    """
    first = array(_UNIT, f"{runs} ".encode(_CODEC))
    pairs = array(_UNIT, [_BLANK]) * (3 * len(first))
    pairs[0::3] = first
    pairs[1::3] = first[1:] + array(_UNIT, [_BLANK])
    return pairs.tobytes().decode(_CODEC)
