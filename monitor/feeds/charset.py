"""Charset: the bytes of a feed in, its text out, and what was wrong with them. Pure.

Labels are hints, bytes are evidence. In this order:

1. a byte-order mark, or the pattern UTF-16 makes of "<?";
2. UTF-8, if the bytes are UTF-8, whatever is declared: other charsets do not look like it. A few
   bad bytes become U+FFFD and leave the rest as it is;
3. what the XML declaration says, then what the HTTP header says, if the outcome looks like
   language. A label of a smaller set (GB2312, Big5, Shift_JIS) means the larger one in use;
4. a guess among the usual charsets, always flagged;
5. UTF-8 with U+FFFD for what cannot be read, flagged.

Sources: XML 1.0 appendix F, the WHATWG Encoding Standard, RFC 7303.
"""

from __future__ import annotations

import re
import sys
from itertools import islice
from typing import TYPE_CHECKING, Final

from monitor.text.html import any_of
from monitor.text.patterns import lazy

if TYPE_CHECKING:
    from collections.abc import Callable

_KNOWN: Final = re.compile(
    r"utf-(8|16|32)(-[lb]e)?|gb18030|hz|big5hkscs|cp9(32|49|50)|johab|euc_j(p|is_2004|isx0213)"
    r"|iso2022_(jp|kr).*|shift_jis.*|cp(125[0-8]|866|874)|iso8859-\d+|koi8-[rtu]|mac-\w+"
)
# Seven-bit charsets: their bytes are ASCII, and so UTF-8, but mean something else.
_SEVEN_BIT: Final = re.compile(r"hz|iso2022_.*")
_DECLARATION: Final = re.compile(r"(<\?xml\s[^<>]{0,500}\?>)\s*")
_NOT_XML: Final = dict.fromkeys(
    [*range(0x09), 0x0B, 0x0C, *range(0x0E, 0x20), 0xFFFE, 0xFFFF, *range(0xD800, 0xE000)]
)
_CONTROLS: Final = bytes(code for code in _NOT_XML if code < 0x20)  # noqa: PLR2004 - the blank
_FIRST_OF_MARKS: Final = frozenset((b"\0", b"\xef", b"\xfe", b"\xff"))
# What nearly all feeds say of themselves, read here since the reading library takes as long to
# load as all our own modules.
_SAYS_UTF8: Final = re.compile(
    rb"""<\?xml[ \t\r\n]+version=(?:"1\.\d"|'1\.\d')[ \t\r\n]+encoding=(["'])utf-8\1""",
    re.IGNORECASE,
)
_PLAIN_HEADER: Final = re.compile(r"(?:[\w/.+-]+(?P<charset>; ?charset=utf-8)?)?", re.IGNORECASE)
_HEAD: Final = 4000  # characters in which a declaration is looked for
# Searching is several times faster than translating, and nearly nothing is ever found.
_ANY_NOT_XML: Final = any_of(_NOT_XML)
_REFERENCES: Final = re.compile(r"(?:&#(?:[0-9]+|[xX][0-9A-Fa-f]+);?)+")
_REFERENCE: Final = re.compile(r"&#(?:[xX]0*([0-9A-Fa-f]+)|0*([0-9]+))")
# What Python's cp932 makes of the bytes 80, A0, FD, FE and FF, which stand for no character.
_NOT_JAPANESE: Final = dict.fromkeys([0x80, 0xA0, *range(0xF8F0, 0xF8F4)], "\ufffd")
_MOST_DIGITS: Final = 7  # of a reference to a character; feed readers choke on more
_SAMPLE: Final = 2000  # characters are enough to tell languages apart
_PLAUSIBLE: Final = 0.5  # share of common characters from which on a declared charset is believed
_CERTAIN: Final = 0.9  # share from which on a guess is taken before others are tried


def decode(body: bytes, content_type: str | None) -> tuple[str, str, list[str]]:
    """Return the text of *body*, the charset it was read as, and the flaws met; never raises.

    *content_type* is the HTTP header, if there was one. The text has no byte-order mark, no XML
    declaration (it would name the wrong charset now) and no character that XML forbids, nor a
    reference to one.
    """
    text, charset, flaws = _read(body, content_type)
    text = text.lstrip("\ufeff\0 \t\r\n")
    if said := _DECLARATION.search(text, 0, _HEAD):
        before = text[: said.start()]
        text = before + text[said.end(1) :] if before else text[said.end() :]
    clean = text.translate(_NOT_XML) if _may_hold_not_xml(text, body, charset) else text
    if len(clean) < len(text):
        flaws.append(f"{len(text) - len(clean)} characters dropped that XML forbids")
    allowed = _REFERENCES.sub(_allowed, clean) if has_numbers(clean) else clean
    if allowed != clean:
        flaws.append("references dropped to characters that XML forbids")
    return allowed, charset, flaws


def has_numbers(text: str) -> bool:
    """Return whether a reference to a character by its number may be in *text*."""
    return "#" in text and "&#" in text  # the first is found in a tenth of the time, if at all


def reads_as_utf8(body: bytes, content_type: str | None) -> bool:
    """Return whether *body*, and so any part of it, is said to be UTF-8 or nothing else.

    Then a part with its beginning decodes as it does in the whole, if that decodes without a flaw.
    """
    return not _wide(body) and {*_declared(body, content_type)} <= {"utf-8"}


def _may_hold_not_xml(text: str, body: bytes, charset: str) -> bool:
    if charset == "utf-8" and "\ufffe" not in text and "\uffff" not in text:
        return len(body.translate(None, _CONTROLS)) < len(body)  # a fifth of the time of a search
    return _ANY_NOT_XML.search(text) is not None


def _allowed(run: re.Match[str]) -> str:
    """Return a run of references without those to characters that XML forbids.

    Two that stand for the halves of one character, as UTF-16 has them, become that character.
    """
    codes = [_code(*found) for found in _REFERENCE.findall(run[0])]
    if _NOT_XML.keys().isdisjoint(codes) and max(codes) <= sys.maxunicode:
        return run[0]
    units = "".join(chr(code) for code in codes if code <= sys.maxunicode)
    whole = units.encode("utf-16", "surrogatepass").decode("utf-16", "ignore")
    return "".join(f"&#{ord(char)};" for char in whole.translate(_NOT_XML))


def _code(hexadecimal: str, number: str) -> int:
    """Return the number of a character as a reference gives it; any that is none if it is long."""
    if len(hexadecimal or number) > _MOST_DIGITS:
        return sys.maxunicode + 1
    return int(hexadecimal, 16) if hexadecimal else int(number)


def _read(body: bytes, content_type: str | None) -> tuple[str, str, list[str]]:
    if wide := _wide(body):
        text = _decoded(body, wide)
        return text, wide, _unreadable(text, wide)
    declared = _declared(body, content_type)
    utf8 = _as_utf8(body, declared)
    if utf8 is not None:
        flaws = _unreadable(utf8, "utf-8")
        if declared and "utf-8" not in declared and not utf8.isascii():
            flaws.append(f"declared {declared[0]}, is utf-8")
        return utf8, "utf-8", flaws
    for charset in declared:
        text = _decoded(body, charset)
        if charset != "utf-8" and _believable(text, charset):
            return text, charset, _unreadable(text, charset)
    if guess := _guess(body):
        text = _decoded(body, guess)
        said = f"declared {declared[0]}" if declared else "not declared"
        return text, guess, [f"charset {said}, guessed {guess}", *_unreadable(text, guess)]
    text = body.decode("utf-8", "replace")
    return text, "utf-8", ["charset unknown, read as utf-8", *_unreadable(text, "utf-8")]


def _decoded(body: bytes, charset: str) -> str:
    from w3lib.encoding import to_unicode

    text = to_unicode(body, charset)
    return text.translate(_NOT_JAPANESE) if charset == "cp932" else text


def _wide(body: bytes) -> str | None:
    if body[:1] in _FIRST_OF_MARKS:
        from w3lib.encoding import read_bom

        charset, _ = read_bom(body)
        if charset:
            return charset
    if body[:1] == b"<" and body[1:2] == b"\0":
        return "utf-32-le" if body[2:4] == b"\0\0" else "utf-16-le"
    if body[:2] == b"\0<":
        return "utf-16-be"
    return "utf-32-be" if body[:4] == b"\0\0\0<" else None


def _declared(body: bytes, content_type: str | None) -> list[str]:
    """Return the declared charsets, as codecs that take 8-bit bytes, without repeats."""
    said = (_said_within(body), _said_in_header(content_type))
    known = [name for name in said if name and _KNOWN.fullmatch(name)]
    return list(dict.fromkeys(name for name in known if not name.startswith(("utf-16", "utf-32"))))


def _said_within(body: bytes) -> str | None:
    if _SAYS_UTF8.match(body):  # as nearly all do
        return "utf-8"
    head = body[:1024].lower()
    if b"encoding" not in head and b"charset" not in head:
        return None
    from w3lib.encoding import html_body_declared_encoding

    return html_body_declared_encoding(body[:1024])


def _said_in_header(content_type: str | None) -> str | None:
    plain = _PLAIN_HEADER.fullmatch(content_type or "")
    if plain is not None:
        return plain["charset"] and "utf-8"
    from w3lib.encoding import http_content_type_encoding

    return http_content_type_encoding(content_type)


def _as_utf8(body: bytes, declared: list[str]) -> str | None:
    if body.isascii() and any(_SEVEN_BIT.fullmatch(name) for name in declared):
        return None
    try:
        return body.decode("utf-8")
    except UnicodeDecodeError:
        text = body.decode("utf-8", "replace")
    bad = text.count("\ufffd")
    good = len(text) - len(text.encode("ascii", "ignore")) - bad
    # Text in another charset is all but never UTF-8 by chance: a tenth of its characters at most.
    return text if good >= 2 * bad else None


def _unreadable(text: str, charset: str) -> list[str]:
    bad = text.count("\ufffd")
    return [f"{bad} characters that cannot be read as {charset}"] if bad else []


# --- does it look like language? ----------------------------------------------------------------

# The first bytes of the characters in daily use: the sets are ordered by frequency of use.
_DAILY: Final = {
    "gb2312": range(0xB0, 0xD8),
    "big5": range(0xA4, 0xC7),
    "shift_jis": range(0x88, 0x98),
    "euc_kr": range(0xB0, 0xC9),
}
_KANA: Final = range(0x3041, 0x30FF)
_KANA_SHARE: Final = 0.1  # of any Japanese text but a short title
# Han, kana, hangul, private use, and what could not be read; no punctuation.
_EAST_ASIAN: Final = lazy(
    r"[\u2e80-\u2fdf\u3041-\u30fa\u3400-\u9fff\ua960-\ufaff\uff66-\uff9f\ufffd\U00020000-\U0003ffff]"
)
_WORD: Final = re.compile(r"[^\W\d_]+")


def _is_daily(char: str, charset: str) -> bool:
    raw = char.encode(charset, "ignore")
    return len(raw) > 1 and raw[0] in _DAILY[charset]


def _daily_share(letters: list[str], charset: str) -> float:
    return sum(_is_daily(char, charset) for char in letters) / len(letters)


def _japanese(letters: list[str]) -> float:
    kana = sum(ord(char) in _KANA for char in letters) / len(letters)
    return (kana + _daily_share(letters, "shift_jis")) * (1 if kana >= _KANA_SHARE else 0.6)


def _plain_share(text: str) -> float | None:
    """Return the share of plain letters in words with accents: few in Chinese misread."""
    words = [word for word in _WORD.findall(text[: _SAMPLE * 50]) if not word.isascii()]
    letters = "".join(words)
    return sum(map(str.isascii, letters)) / len(letters) if letters else None


_LIKE: Final[dict[str, Callable[[list[str]], float]]] = {
    "cp949": lambda letters: _daily_share(letters, "euc_kr"),
    "cp932": _japanese,
    "euc_jp": _japanese,
    "big5hkscs": lambda letters: _daily_share(letters, "big5"),
    "gb18030": lambda letters: _daily_share(letters, "gb2312"),
}
# The narrower ones first: nearly any bytes are some GB18030 text.
_GUESSES: Final = (*_LIKE, "cp1252")


def _likeness(text: str, charset: str) -> float | None:
    """Return from 0 to 1 how much *text*, read as *charset*, looks like language.

    None if there is nothing to judge by; so for the charsets that nobody here can judge.
    """
    if charset == "cp1252":
        return _plain_share(text)
    letters = [found[0] for found in islice(_EAST_ASIAN.finditer(text), _SAMPLE)]
    return _LIKE[charset](letters) if letters and charset in _LIKE else None


def _believable(text: str, charset: str) -> bool:
    likeness = _likeness(text, charset)
    return "\ufffd" not in text if likeness is None else likeness >= _PLAUSIBLE


def _guess(body: bytes) -> str | None:
    from w3lib.encoding import to_unicode

    best, most = None, 0.0
    for charset in _GUESSES:
        likeness = _likeness(to_unicode(body, charset), charset) or 0.0
        if likeness >= _CERTAIN:
            return charset
        if likeness > most:
            best, most = charset, likeness
    return best if most >= _PLAUSIBLE else None
