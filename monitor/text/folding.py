"""Folding: text made fit to compare, with a map back to the original.

* One kind of letter, quote, dash and blank: NFKC, lower case, simplified Chinese (OpenCC).
* What only typesetting put in is left out: invisible characters, more blanks than one, blanks
  between Han characters or in "$ 2 billion", pinyin in brackets behind its character.
* Lengths change on the way ("ﬁ" becomes "fi"), so a `Folded` maps every span back.
* Folding goes by the character and its combining marks, so a part of a text folds as it does
  within; only blanks and what stands in brackets heed their neighbours.
* Everything takes linear time: no pattern here can try a place twice.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_right
from functools import cache, lru_cache
from itertools import accumulate
from typing import TYPE_CHECKING, Final, NamedTuple

from monitor.text.patterns import lazy
from monitor.text.simplified import simplified
from monitor.text.words import HAN

if TYPE_CHECKING:
    from collections.abc import Sequence


class Folded(NamedTuple):
    """A text made comparable. `text` is folded; `span` leads back to the original.

    *starts* and *ends* say, for each code point before any was left out, which original
    characters it came from; None stands for "the same place", which most texts are. *cuts* are
    the places in `text` before which some were left out, *gone* how many in all up to there.
    *seams* are the places where a blank between Han characters was: often a clause ends there.
    """

    text: str
    starts: tuple[int, ...] | None = None
    ends: tuple[int, ...] | None = None
    cuts: tuple[int, ...] = ()
    gone: tuple[int, ...] = ()
    seams: tuple[int, ...] = ()

    def span(self, start: int, end: int) -> tuple[int, int]:
        """Return the span of the original that `text[start:end]` came from; start < end."""
        first, last = start, end - 1
        if self.cuts:
            first, last = self._before_cuts(first), self._before_cuts(last)
        if self.starts is None or self.ends is None:
            return first, last + 1
        return self.starts[first], self.ends[last]

    def _before_cuts(self, at: int) -> int:
        cut = bisect_right(self.cuts, at)
        return at + self.gone[cut - 1] if cut else at


_QUOTES: Final = dict.fromkeys("‘’‚‛ʼ′`´", "'") | dict.fromkeys("“”„‟«»″", '"')
_DASHES: Final = dict.fromkeys("‐‑‒–—―−", "-")
_KEPT: Final = {"…": "…"} | _QUOTES | _DASHES
_VARIANT: Final = lazy(r"[\ufe00-\ufe0f\U000e0100-\U000e01ef]")  # selects a glyph
_LINE_ENDS: Final = frozenset("\n\r\u2028\u2029\x85\x0b\x0c")
_UNEVEN: Final = "\uffff"  # no character at all: Unicode promises that it never will be one

# UAX 15's stream-safe limit: normalising an endless run of marks takes quadratic time.
_MARKS: Final = (
    r"[\u0300-\u036f\u1160-\u11ff\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff"
    r"\u3099\u309a\ufe00-\ufe0f\ufe20-\ufe2f]"
)
_MARK: Final = lazy(_MARKS)
_CLUSTER: Final = lazy(rf"\S{_MARKS}{{0,30}}|\s")
_UNEVEN_RUN: Final = lazy(rf"[^{_UNEVEN}]?{_UNEVEN}+", re.DOTALL)  # with the letter before
_BREAK: Final = lazy(r"\r?\n\s*+")
_ON: Final = r"[a-z,;:)，、；：）]"  # so begins a line that belongs to the one above
_GOES_ON: Final = lazy(_ON)
_OPEN: Final = (",", "(", "，", "、", "（")  # so ends one that goes on below
# Looking for what may go on, or be left out, is far quicker than asking at each break and blank.
_MAY_GO_ON: Final = lazy(rf"\n(?:(?<=[\s{''.join(_OPEN)}]\n)|\s*+{_ON})")
_LOOSE_BREAK: Final = lazy(r"\n(?:(?<=[ \n]\n)|[ \n])")
_PINYIN: Final = (
    r"[a-zɑɡ]{0,4}[āáǎàēéěèīíǐìōóǒòūúǔùǖǘǚǜńňǹḿü][a-zɑɡ]{0,3}|me|men|le|zhe|zi|de|ne|ma"
)
# Each branch starts with a letter of its own, so that a search skips to the next of them.
_LEFT_OUT: Final = lazy(
    rf" (?:(?<=[{HAN}] ) *+(?:(?P<seam>(?=[{HAN}]))|(?=[0-9a-z]))"
    rf"|(?<=[0-9a-z%] ) *+(?=[{HAN}])|(?<=[$€£¥₩₹] ) *+(?=\d)|(?P<blanks>[ \n]++))"
    rf"|\n(?P<lines>[ \n]++)"
    rf"|\((?<=[{HAN}]\()(?:{_PINYIN})\)(?:\((?:{_PINYIN})\))*+(?: ++(?=[{HAN}0-9a-z]))?+"
)
_LEFT_OUT_OF_ASCII: Final = lazy(r" (?:(?<=\$ ) *+(?=\d)|(?P<blanks>[ \n]++))|\n[ \n]++")


class _FoldTable(dict[int, int | str]):
    """What each character folds to, worked out when first met; _UNEVEN if not to just one."""

    def __missing__(self, code: int) -> int | str:
        char = chr(code)
        folded = _fold_cluster(char)
        even = len(folded) == 1 and not _MARK.match(char)
        value = (code if folded == char else ord(folded)) if even else _UNEVEN
        if code < _REMEMBERED:
            self[code] = value
        return value


# What stays as it is, beside most Han characters; looking for the rest is quicker than a table.
_STAYS: Final = (
    re.escape("".join(map(chr, range(ord(" "), ord("A"))))) + r"\n\[\\\]^_a-z{|}~。、《》【】"
)
_LONG: Final = 64  # characters from which on looking is worth it
_RARE: Final = 16  # a text has this many characters for each different one that changes,
_FEW: Final = 128  # and no more of these than so many: each takes a pass

_NUL: Final = b"\0"  # no character folds to it
_REMEMBERED: Final = 0x20000  # the rest is rare, and a hostile text shall not fill the memory
_TABLE: Final = _FoldTable()
# Signs that stay as they are, whatever they stand beside, and no end of which is their beginning:
# so they are found where they were put, unless a text has them.
_SEAM: Final = "~|^"
_MARKED_SEAM: Final = lazy(re.escape(_SEAM) + _MARKS)  # a mark belongs to the sign before it
_AGAIN: Final = 4  # texts: detection and the search index fold the same ones, one after the other


@lru_cache(maxsize=_AGAIN)
def fold(text: str) -> Folded:
    """Return *text* folded for comparing: NFKC, lower case, simplified, plain quotes and blanks.

    A line break stays one unless the line plainly goes on in the next; any other run of blanks
    becomes one space, or none beside Han characters and behind a currency sign.
    """
    return _folded(text)


class Together(NamedTuple):
    """Texts folded at once: *text* is all of them, *parts* each, *starts* where it starts there.

    Between two stand signs that are no part of a word. *is_even* says that no length changed on
    the way but where blanks were left out.
    """

    text: str
    parts: Sequence[str]
    starts: Sequence[int]
    is_even: bool


def fold_together(texts: Sequence[str]) -> Together | None:
    """Return *texts* as `fold` gives each, in half the time; None if that is not certain."""
    joined = _SEAM.join(texts)
    folded = _folded(joined)
    parts = folded.text.split(_SEAM)
    is_even = folded.starts is None
    if len(parts) != len(texts) or not (is_even or _MARKED_SEAM.search(joined) is None):
        return None
    lengths = (len(part) + len(_SEAM) for part in parts)
    return Together(folded.text, parts, [*accumulate(lengths, initial=0)][:-1], is_even)


def _folded(text: str) -> Folded:
    if _MAY_GO_ON.search(text):
        text = _BREAK.sub(_one_line, text)
    folded = _translated(text)
    return _fold_unevenly(text, folded) if _UNEVEN in folded else _leave_out(folded, None, None)


def _translated(text: str) -> str:
    """Return `text.translate(_TABLE)`, in a third of the time where few characters change."""
    if text.isascii():
        plain = text.encode().translate(_ascii_table())
        return text.translate(_TABLE) if _NUL in plain else plain.decode("ascii")
    if len(text) < _LONG:
        return text.translate(_TABLE)
    found = {char: _TABLE[ord(char)] for char in set(_changing().findall(text))}
    changes = {
        char: stands if isinstance(stands, str) else chr(stands)
        for char, stands in found.items()
        if stands != ord(char)
    }
    few = len(changes) <= min(_FEW, len(text) // _RARE)
    if not few or not changes.keys().isdisjoint(changes.values()):
        return text.translate(_TABLE)
    for char, stands in changes.items():
        text = text.replace(char, stands)
    return text


@cache
def _ascii_table() -> bytes:
    """Return what each byte of ASCII folds to, NUL where that is not one character."""
    folded = (_TABLE[code] for code in range(128))
    return bytes(code if isinstance(code, int) else 0 for code in folded).ljust(256, _NUL)


@cache
def _changing() -> re.Pattern[str]:
    """Return what finds every character that folding may change, and some that it does not."""
    first, last = "\u3400", "\u9fff"
    changed = sorted(char for char in simplified() if first <= char <= last)
    starts = (first, *(chr(ord(char) + 1) for char in changed))
    ends = (*(chr(ord(char) - 1) for char in changed), last)
    spans = (f"{start}-{end}" for start, end in zip(starts, ends, strict=True) if start <= end)
    return re.compile(f"[^{_STAYS}{''.join(spans)}]")


def _fold_unevenly(text: str, folded: str) -> Folded:
    parts: list[str] = []
    starts: list[int] = []
    ends: list[int] = []
    last = 0
    for run in _UNEVEN_RUN.finditer(folded):
        start, end = run.span()
        parts.append(folded[last:start])
        starts += range(last, start)
        ends += range(last + 1, start + 1)
        for cluster in _CLUSTER.finditer(text, start, end):
            part = _fold_cluster(cluster[0])
            parts.append(part)
            starts += [cluster.start()] * len(part)
            ends += [cluster.end()] * len(part)
        last = end
    parts.append(folded[last:])
    starts += range(last, len(text))
    ends += range(last + 1, len(text) + 1)
    return _leave_out("".join(parts), tuple(starts), tuple(ends))


def _leave_out(text: str, starts: tuple[int, ...] | None, ends: tuple[int, ...] | None) -> Folded:
    if text.isascii():
        pattern = _LEFT_OUT_OF_ASCII
        plain = ("$" not in text or "$ " not in text) and "  " not in text
    else:
        pattern, plain = _LEFT_OUT, " " not in text and "(" not in text
    if plain and not _LOOSE_BREAK.search(text):
        return Folded(text, starts, ends)
    kept: list[str] = []
    cuts: list[int] = []
    gone: list[int] = []
    seams: list[int] = []
    last = length = 0
    for found in pattern.finditer(text):
        stands = _stands_for(found)
        kept += (text[last : found.start()], stands)
        last = found.end()
        length = len(stands) + found.start() - (gone[-1] if gone else 0)
        cuts.append(length)
        gone.append(last - length)
        if found.lastgroup == "seam":
            seams.append(length)
    if not cuts:
        return Folded(text, starts, ends)
    kept.append(text[last:])
    return Folded("".join(kept), starts, ends, tuple(cuts), tuple(gone), tuple(seams))


def _stands_for(left_out: re.Match[str]) -> str:
    if "\n" in left_out[0]:
        return "\n"
    return " " if left_out.lastgroup == "blanks" else ""


def _one_line(found: re.Match[str]) -> str:
    """Return a line break as blanks of the same length if a sentence plainly goes on over it."""
    text, start, end = found.string, found.start(), found.end()
    last = start
    while last and text[last - 1].isspace():
        last -= 1
    goes_on = _GOES_ON.match(text, end) or (last and text[last - 1] in _OPEN)
    return " " * (end - start) if goes_on else found[0]


def _fold_cluster(cluster: str) -> str:
    if cluster in _KEPT:
        return _KEPT[cluster]
    folded = unicodedata.normalize("NFKC", cluster).lower()
    return "".join(_KEPT.get(char) or _fold_char(char) for char in folded)


def _fold_char(char: str) -> str:
    if char.isspace():
        return "\n" if char in _LINE_ENDS else " "
    category = unicodedata.category(char)
    if category == "Cs" or char == _UNEVEN:
        return "�"
    if category in {"Cf", "Cc"} or _VARIANT.match(char):
        return ""
    return simplified().get(char, char)
