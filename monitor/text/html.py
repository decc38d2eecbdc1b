"""HTML to text, fit to store and show.

* What comes out holds no markup, no control characters, no characters that reorder their
  neighbours (bidi overrides) and no lone surrogates.
* Blocks stand on lines of their own; scripts, styles and comments are gone.
* Every function takes time linear in its input, whatever the input: 1 MB of "<" or "<!--" is
  one more string. https://html.spec.whatwg.org/multipage/parsing.html#tokenization
"""

from __future__ import annotations

import re
from html import unescape
from typing import TYPE_CHECKING, Final

from monitor.text.patterns import lazy

if TYPE_CHECKING:
    from collections.abc import Iterable

_MARKUP: Final = lazy(r"<[A-Za-z/!?]|&(?:#\d|#[xX][0-9A-Fa-f]|[A-Za-z]{2,31};)")
_TAG: Final = lazy(r"</?([A-Za-z][A-Za-z0-9:-]{0,30})|<[!?/]")
# A tag as nearly all are: no "<" or ">" in its attributes, and every quote closed.
_PLAIN_TAG: Final = lazy(r"</?[A-Za-z][^<>\"'!?]*(?:\"[^\"<>]*\"[^<>\"']*|'[^'<>]*'[^<>\"']*)*>")
# The same, for nearly all texts have no other: what it splits are words and names, by turns.
_PLAIN_TAGS: Final = lazy(
    r"<(/?[A-Za-z][A-Za-z0-9:-]{0,30})(?:[^A-Za-z0-9:<>\"'!?-][^<>\"'!?]*(?:\"[^\"<>]*\"[^<>\"']*"
    r"|'[^'<>]*'[^<>\"']*)*)?>"
)
_QUOTE_OR_END: Final = lazy(r"[\"'>]")
_LONG_REFERENCE: Final = lazy(r"&#(?:[0-9]{8,}|[xX][0-9A-Fa-f]{7,});?")

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
_INLINE: Final = frozenset({"a", "b", "em", "font", "i", "small", "span", "strong", "u"})
_STANDS_FOR: Final = {
    f"{slash}{name}": blank
    for names, blank in ((_INLINE, ""), (_CELLS, " "), (_BLOCKS, "\n"))
    for name in names
    for slash in ("", "/")
}
_HIDDEN: Final = frozenset({"script", "style", "template", "iframe", "noembed", "svg", "math"})
_HIDDEN_END: Final = {name: lazy(f"</{name}(?![a-z0-9])", re.IGNORECASE) for name in _HIDDEN}


def any_of(codes: Iterable[int]) -> re.Pattern[str]:
    """Return a pattern that finds a character with one of *codes*.

    It is made of ranges: of thousands of single characters it would take as long as all imports.
    """
    ranges: list[list[int]] = []
    for code in sorted(codes):
        if ranges and code == ranges[-1][1] + 1:
            ranges[-1][1] = code
        else:
            ranges.append([code, code])
    return lazy("[" + "".join(f"\\U{low:08x}-\\U{high:08x}" for low, high in ranges) + "]")


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
        return tidy(_decode(html))
    return tidy("".join(_words(html)))


def tidy(text: str) -> str:
    """Return *text*, which is plain already, as `to_text` would that of a page without tags."""
    lines = text.split("\n")
    # What is printable is safe, and has no blank but " ": so are nearly all lines.
    if "  " not in text and all(map(str.isprintable, lines)):
        return "\n".join(filter(None, [line.strip() for line in lines]))
    lines = _made_safe(text).replace("\r\n", "\n").replace("\r", "\n").split("\n")
    return "\n".join(tidied for line in lines if (tidied := " ".join(line.split())))


def one_line(text: str) -> str:
    """Return *text* as one line, fit for a mail header, a log or a terminal."""
    if text.isprintable() and "  " not in text:  # as nearly all are
        return text.strip()
    return " ".join(_made_safe(text).split())


def _words(html: str) -> list[str]:
    parts = _PLAIN_TAGS.split(_in_line(html))
    blanks = list(map(_STANDS_FOR.get, parts[1::2]))
    if len(blanks) != html.count("<"):
        return _scanned(html)
    if None in blanks:
        names = [name.lower() for name in parts[1::2]]
        if not _HIDDEN.isdisjoint(names):
            return _scanned(html)
        blanks = [_STANDS_FOR.get(name, "") for name in names]
    if "&" in html:
        parts[::2] = [_decode(part) if "&" in part else part for part in parts[::2]]
    parts[1::2] = blanks
    return parts


def _scanned(html: str) -> list[str]:
    scan = _Scan(html)
    kept: list[str] = []
    at = 0
    while (tag := _TAG.search(html, at)) is not None:
        plain = _PLAIN_TAG.match(html, tag.start())
        end = plain.end() if plain else scan.tag_end(tag)
        if end < 0:
            break
        kept += (_decode(_in_line(html[at : tag.start()])), _stands_for(tag))
        at = scan.hidden_end(tag, end)
    kept.append(_decode(_in_line(html[at:]) if kept else html[at:]))
    return kept


def _in_line(source: str) -> str:
    return source.replace("\r", " ").replace("\n", " ")


def _stands_for(tag: re.Match[str]) -> str:
    return _STANDS_FOR.get((tag[1] or "").lower(), "")


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
# Nearly no text holds any, and looking is several times faster than translating.
_ANY_UNSAFE: Final = any_of(_UNSAFE)


def _made_safe(text: str) -> str:
    return text.translate(_UNSAFE) if _ANY_UNSAFE.search(text) else text
