"""Text: HTML to plain text, and folding with a map back to the original.

* `to_text` and `one_line` make text fit to store and show: no markup, no control characters, no
  characters that reorder their neighbours (bidi overrides), no lone surrogates.
* `fold` makes text fit to compare: NFKC, lower case, one kind of quote, dash and space. Lengths
  change on the way ("ﬁ" becomes "fi"), so a `Folded` maps every span back to the original.
* Every function takes time linear in its input, whatever the input: 1 MB of "<" or "<!--" is
  one more string. https://html.spec.whatwg.org/multipage/parsing.html#tokenization
* Folding is per character and its combining marks, so a part of a text folds as it does within.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from html import unescape
from typing import Final

# --- HTML to text ------------------------------------------------------------------------------

_MARKUP: Final = re.compile(r"<[A-Za-z/!?]|&(?:#\d|#[xX][0-9A-Fa-f]|[A-Za-z]{2,31};)")
_TAG: Final = re.compile(r"</?([A-Za-z][A-Za-z0-9:-]{0,30})|<[!?/]")
_QUOTE_OR_END: Final = re.compile(r"[\"'>]")
_LONG_REFERENCE: Final = re.compile(r"&#(?:[0-9]{8,}|[xX][0-9A-Fa-f]{7,});?")

_BLOCKS: Final = frozenset(
    re.findall(
        r"\w+",
        """address article aside blockquote body br caption center dd details dialog dir div dl dt
        fieldset figcaption figure footer form h1 h2 h3 h4 h5 h6 header hgroup hr html legend li
        main menu nav ol optgroup option p pre search section summary table tbody tfoot thead title
        tr ul""",
    )
)
_CELLS: Final = frozenset({"td", "th", "img", "input", "button"})
_HIDDEN: Final = frozenset({"script", "style", "template", "iframe", "noembed", "svg", "math"})
_HIDDEN_END: Final = {name: re.compile(f"</{name}(?![a-z0-9])", re.IGNORECASE) for name in _HIDDEN}


def looks_like_html(text: str) -> bool:
    """Return whether *text* holds a tag, a comment or a character reference."""
    return _MARKUP.search(text) is not None


def to_text(html: str) -> str:
    """Return the words of *html* as plain text, one line a block.

    Scripts, styles and comments are dropped, character references decoded, blanks tidied. Where
    *html* has no tag at all its line breaks are kept; else they are blanks, as in a browser. Call
    it once: what was written as "&lt;b&gt;" comes back as "<b>", which is text. Never raises.
    """
    if "<" not in html:
        return _tidy(_decode(html))
    return _tidy("".join(_words(html)))


def one_line(text: str) -> str:
    """Return *text* as one line, fit for a mail header, a log or a terminal."""
    return " ".join(text.translate(_UNSAFE).split())


def _words(html: str) -> list[str]:
    scan = _Scan(html)
    kept: list[str] = []
    at = 0
    while (tag := _TAG.search(html, at)) is not None and (end := scan.tag_end(tag)) > 0:
        kept += (_in_line(html[at : tag.start()]), _stands_for(tag))
        at = scan.hidden_end(tag, end)
    kept.append(_in_line(html[at:]) if kept else _decode(html[at:]))
    return kept


def _in_line(source: str) -> str:
    return _decode(source.replace("\r", " ").replace("\n", " "))


def _stands_for(tag: re.Match[str]) -> str:
    name = (tag[1] or "").lower()
    if name in _BLOCKS:
        return "\n"
    return " " if name in _CELLS else ""


class _Scan:
    """Finds where tags, comments and hidden elements end, in time linear over a whole text.

    Each search either moves on or, having found nothing, is remembered and never made again.
    """

    __slots__ = ("html", "last", "quotes")

    def __init__(self, html: str) -> None:
        self.html = html
        self.last = {mark: html.rfind(mark) for mark in ('"', "'", ">", "-->")}
        self.quotes = True  # False once quotes were seen not to close

    def tag_end(self, tag: re.Match[str]) -> int:
        """Return where *tag* ends, or -1 if no tag ends after it."""
        start = tag.start()
        if self.html.startswith("<!--", start):
            if self.last["-->"] < start + 2:
                return len(self.html)  # an open comment swallows the rest
            return self.html.index("-->", start + 2) + 3
        if self.last[">"] < start:
            return -1
        if tag[1] and self.quotes and (end := self._quoted_end(tag.end())) > 0:
            return end
        return self.html.index(">", start) + 1

    def _quoted_end(self, at: int) -> int:
        while (mark := _QUOTE_OR_END.search(self.html, at)) is not None:
            if mark[0] == ">":
                return mark.end()
            if self.last[mark[0]] <= mark.start():
                break
            at = self.html.index(mark[0], mark.end()) + 1
        self.quotes = False
        return -1

    def hidden_end(self, tag: re.Match[str], end: int) -> int:
        """Return where reading goes on: after the content if *tag* opens a hidden element."""
        name = (tag[1] or "").lower()
        if name not in _HIDDEN or tag[0].startswith("</") or self.html[end - 2 : end] == "/>":
            return end
        close = _HIDDEN_END[name].search(self.html, end)
        return close.start() if close else len(self.html)


def _decode(text: str) -> str:
    # int() refuses more than 4,300 digits with an error; no such number is a character anyway.
    return unescape(_LONG_REFERENCE.sub("�", text)) if "&" in text else text


def _tidy(text: str) -> str:
    lines = text.translate(_UNSAFE).replace("\r\n", "\n").replace("\r", "\n").split("\n")
    return "\n".join(tidied for line in lines if (tidied := " ".join(line.split())))


def _unsafe() -> dict[int, str | None]:
    table: dict[int, str | None] = dict.fromkeys(
        [*range(0x20), *range(0x7F, 0xA0), 0x2028, 0x2029], " "
    )
    for kept in "\n\r":
        del table[ord(kept)]
    table |= dict.fromkeys([0x00, 0xAD, 0x61C, 0x180E, 0x200B, 0x2060, 0xFEFF, 0x200E, 0x200F])
    table |= dict.fromkeys([*range(0x202A, 0x202F), *range(0x2066, 0x206A), *range(0xFFF9, 0xFFFC)])
    return table | dict.fromkeys(range(0xD800, 0xE000), "�")


_UNSAFE: Final = _unsafe()


# --- folding -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Folded:
    """A text made comparable. `text` is folded; `span` leads back to the original.

    *starts* and *ends* give, for each code point of `text`, the original characters it came from;
    None stands for "the same place", which most texts are.
    """

    text: str
    starts: tuple[int, ...] | None = None
    ends: tuple[int, ...] | None = None

    def span(self, start: int, end: int) -> tuple[int, int]:
        """Return the span of the original that `text[start:end]` came from; start < end."""
        if self.starts is None or self.ends is None:
            return start, end
        return self.starts[start], self.ends[end - 1]


_QUOTES: Final = dict.fromkeys("‘’‚‛ʼ′`´", "'") | dict.fromkeys("“”„‟«»″", '"')
_DASHES: Final = dict.fromkeys("‐‑‒–—―−", "-")
_KEPT: Final = {"…": "…"} | _QUOTES | _DASHES
# UAX 15's stream-safe limit: normalising an endless run of marks takes quadratic time.
_CLUSTER: Final = re.compile(
    r"\s+|\S[\u0300-\u036f\u1160-\u11ff\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff"
    r"\u3099\u309a\ufe00-\ufe0f\ufe20-\ufe2f]{0,30}"
)
_WRAPPED: Final = re.compile(r"\n(?=[a-z,;:)])")
_UNEVEN_BLANKS: Final = re.compile(r"[ \n][ \n]")


class _FoldTable(dict[int, str]):
    """What each character folds to, worked out when first met; at most one entry a character."""

    def __init__(self) -> None:
        super().__init__()
        self.uneven: set[str] = set()  # characters that do not fold to exactly one

    def __missing__(self, code: int) -> str:
        char = chr(code)
        folded = _fold_cluster(char)
        if len(folded) != 1 or _joins(char):
            self.uneven.add(char)
        self[code] = folded
        return folded


_TABLE: Final = _FoldTable()


def fold(text: str) -> Folded:
    """Return *text* folded for comparing: NFKC, lower case, plain quotes, dashes and blanks.

    A line break stays one unless the next line goes on in lower case, as in text wrapped
    to a width; any other run of blanks becomes one space. Invisible characters vanish.
    """
    if "\n" in text:
        text = _WRAPPED.sub(" ", text)
    folded = text.translate(_TABLE)
    even = len(folded) == len(text) and _TABLE.uneven.isdisjoint(text)
    if even and _UNEVEN_BLANKS.search(folded) is None:
        return Folded(folded)
    return _fold_unevenly(text)


def _fold_unevenly(text: str) -> Folded:
    parts: list[str] = []
    starts: list[int] = []
    ends: list[int] = []
    for cluster in _CLUSTER.finditer(text):
        start, end = cluster.span()
        folded = _fold_cluster(cluster[0])
        if folded in {" ", "\n"} and parts and parts[-1] in {" ", "\n"}:
            ends[-1] = end
            parts[-1] = "\n" if "\n" in (folded, parts[-1]) else " "
        elif folded:
            parts.append(folded)
            starts += [start] * len(folded)
            ends += [end] * len(folded)
    return Folded("".join(parts), tuple(starts), tuple(ends))


def _fold_cluster(cluster: str) -> str:
    if cluster in _KEPT:
        return _KEPT[cluster]
    if cluster.isspace():
        return "\n" if any(char in cluster for char in "\n\r\u2028\u2029\x85\x0b\x0c") else " "
    folded = unicodedata.normalize("NFKC", cluster).lower()
    return "".join(_KEPT.get(char, _visible(char)) for char in folded)


def _visible(char: str) -> str:
    category = unicodedata.category(char)
    if category == "Cs":
        return "�"
    if category in {"Cf", "Cc"} or "\ufe00" <= char <= "\ufe0f":
        return ""
    return " " if char.isspace() else char


def _joins(char: str) -> bool:
    return unicodedata.combining(char) > 0 or "\u1160" <= char <= "\u11ff"


# --- words -------------------------------------------------------------------------------------


def is_letter(char: str) -> bool:
    """Return whether *char* is part of a word that blanks set off: a letter or digit, not Han.

    Python's own word characters include Han, so its word boundary never falls in "蚂蚁IPO".
    """
    return char.isalnum() and (char < "\u1100" or "\u1e00" <= char < "\u2000")


_HAN: Final = r"\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003ffff"
_WORD: Final = re.compile(rf"[{_HAN}]+|[^\W_{_HAN}]+")


def words(folded: str) -> list[str]:
    """Return the words of a folded text in order; a run of Han gives its overlapping pairs."""
    found: list[str] = []
    for match in _WORD.finditer(folded):
        word = match[0]
        if is_letter(word[0]) or len(word) == 1:
            found.append(word)
        else:
            found += (word[at : at + 2] for at in range(len(word) - 1))
    return found


def language_of(text: str) -> str:
    """Return "zh", "ja", "ko" or "en", whichever script *text* is written in: a label, no claim."""
    if re.search(r"[\u3040-\u30ff]", text):
        return "ja"
    if re.search(r"[\uac00-\ud7af]", text):
        return "ko"
    return "zh" if re.search(r"[\u3400-\u9fff]", text) else "en"
