"""Words: what blanks set off, and what no blank does.

* Han and kana are written without blanks: their overlapping pairs stand in for words.
* Latin letters and digits make words wherever they stand, Han beside them or not.
"""

from __future__ import annotations

import re
from operator import add
from typing import Final

from monitor.text.patterns import lazy

# Han and kana, as the inside of a regular expression's brackets. Hangul is written with blanks.
HAN: Final = r"\u3005-\u3007\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"


_IDLE: Final = frozenset(
    re.findall(
        r"\w+",
        """a an and are as at be been but by for from has have he her his if in into is its no not
        of on or our she so than that the their then there these they this those to was were will
        with you your 的 了 和 与 是 在 有 也 就 不 为 被 将 对""",
    )
)  # "us", "it" and "who" are capitals' words too: the US, IT, the WHO


def is_letter(char: str) -> bool:
    """Return whether *char* is part of a word that blanks set off: a letter or digit, not Han.

    Python's own word characters include Han, so its word boundary never falls in "蚂蚁IPO".
    """
    return char.isalnum() and (char < "\u1100" or "\u1e00" <= char < "\u2000")


def is_bare(folded: str) -> bool:
    """Return whether a folded text is one letter or digit, and so found everywhere."""
    return len(folded) == 1 and is_letter(folded)


def is_idle(word: str) -> bool:
    """Return whether a folded *word* stands in every text, and so tells nothing."""
    return word in _IDLE


SOLID: Final = rf"{HAN}\uac00-\ud7af"  # what is cut into pairs: Hangul, too, joins its particles
_WORD: Final = lazy(rf"[{SOLID}]+|[^\W_{SOLID}]+")
_ASCII_APART: Final = "".join(chr(code) if chr(code).isalnum() else " " for code in range(128))


def words(folded: str) -> list[str]:
    """Return the words of a folded text in order; a run of Han gives its overlapping pairs."""
    if folded.isascii():
        return folded.translate(_ASCII_APART).split()  # in half the time that a pattern takes
    found: list[str] = []
    for word in _WORD.findall(folded):
        if is_letter(word[0]) or len(word) == 1:
            found.append(word)
        else:
            found += map(add, word, word[1:])
    return found


def language_of(text: str) -> str:
    """Return "zh", "ja", "ko" or "en", whichever script *text* is written in: a label, no claim."""
    if text.isascii():
        return "en"
    if re.search(r"[\u3040-\u30ff]", text):
        return "ja"
    if re.search(r"[\uac00-\ud7af]", text):
        return "ko"
    return "zh" if re.search(r"[\u3400-\u9fff]", text) else "en"


def claimed_language(claim: str | None, text: str) -> str | None:
    """Return *claim*, what a whole feed says of its language, unless *text* shows that it is wrong.

    Much software says "en" of every site: of a Chinese title that tells nothing.
    """
    if claim is None or language_of(text) == "en":
        return claim
    return claim if claim.partition("-")[0].lower() in {"zh", "yue", "ja", "ko"} else None
