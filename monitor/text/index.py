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
from typing import TYPE_CHECKING, Final

from monitor.text.patterns import lazy
from monitor.text.words import SOLID

if TYPE_CHECKING:
    from collections.abc import Sequence

    from monitor.text.folding import Together

CUT: Final = 1  # the version of these rules

LONGEST: Final = 255  # letters of a word that count: a database's own limit is in bytes

_PARTS: Final = lazy(r"[\x00-/:-`{-\x7f]+")  # ASCII signs that are no letter or digit
_WORD: Final = lazy(rf"[^\W_{SOLID}]+")
_SOLID: Final = lazy(f"[{SOLID}]")
# Texts are cut together, with a capital between two: what is folded has none.
_END: Final = "A"
_NO_WORD: Final = lazy(rf"[\W_{SOLID}]+")
_NOT_SOLID: Final = lazy(f"[^{SOLID}{_END}]+")
_SEAM: Final = lazy(f"(?s:{_END} {_END}.)")  # and what came of the end and a first one
_BLANK: Final = ord(" ")
_UTF32: Final = 4  # bytes of a code point
_UNIT: Final = next(code for code in "IL" if array(code).itemsize == _UTF32)
_CODEC: Final = f"utf-32-{sys.byteorder[0]}e"


Ready = tuple[tuple[str, bool], ...]  # texts that are to be cut, and whether they stand as they are


def index_words(*texts: str) -> str:
    """Return the words of *texts*, with blanks or other ASCII signs between, repeats and all.

    ASCII text is given back as it is: an index cuts it where there is no letter or digit, and
    heeds no case.
    """
    return cut([ready(*texts)])[0]


def ready(*texts: str) -> Ready:
    """Return *texts* made ready for `cut`: folded, where an index cannot take them as they are."""
    return tuple(map(_ready, texts))


def ready_together(texts: Sequence[str], folded: Together) -> Ready:
    """Return what `ready` gives of *texts*, which were *folded* already."""
    pairs = zip(texts, folded.parts, strict=True)
    if folded.is_even:
        return tuple([(text, True) if text.isascii() else (part, False) for text, part in pairs])
    return tuple([(text, True) if _is_plain(text) else (part, False) for text, part in pairs])


def _is_plain(text: str) -> bool:
    return text.isascii() and text.replace("\n", " ").isprintable()  # as nearly all of ASCII is


def _ready(text: str) -> tuple[str, bool]:
    if _is_plain(text):
        return text, True
    from monitor.text.folding import fold  # slow to import: a poll without news does without

    folded = fold(text)
    # Where ASCII was taken out from the midst of a word, the word is another now.
    return (text, True) if text.isascii() and folded.starts is None else (folded.text, False)


def cut(several: Sequence[Ready]) -> list[str]:
    """Return what `index_words` gives of each of *several*: cutting them at once is quicker."""
    words = [[text for text, _ in texts] for texts in several]
    solid: list[tuple[int, int]] = []
    for at, texts in enumerate(several):
        for which, (text, plain) in enumerate(texts):
            if plain:
                continue
            if _SOLID.search(text):
                solid.append((at, which))
            else:
                words[at][which] = " ".join(_WORD.findall(text))
    if solid:
        folded = [words[at][which] for at, which in solid]
        apart = _NO_WORD.sub(" ", f" {_END} ".join(folded)).split(_END)
        runs = _NOT_SOLID.sub(" ", f" {_END}".join(folded)).replace(f"{_END} ", _END).strip()
        pairs = _SEAM.split(_pairs(runs))
        for (at, which), its_words, its_pairs in zip(solid, apart, pairs, strict=True):
            words[at][which] = f"{its_words} {its_pairs}"
    return [uncut(*its) for its in words]


def cut_some(several: Sequence[Ready]) -> list[str | None]:
    """Return what `cut` gives of those that it changes; None stands for `uncut` of the others."""
    changing = [at for at, texts in enumerate(several) if not all(plain for _, plain in texts)]
    words: list[str | None] = [None] * len(several)
    for at, found in zip(changing, cut([several[at] for at in changing]), strict=True):
        words[at] = found
    return words


def uncut(*texts: str) -> str:
    """Return the words of *texts* that an index takes as they are."""
    return "\n".join(texts)


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
