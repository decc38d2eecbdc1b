"""A query cut into tokens: words, phrases, brackets and signs, each with its place."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from enum import Enum, auto
from typing import TYPE_CHECKING, Final

from monitor.errors import QueryError

if TYPE_CHECKING:
    from collections.abc import Iterator

LONGEST: Final = 2000  # characters of a query

# As a Chinese keyboard writes them; each one character for one, so that places stay what they are.
_PLAIN: Final = str.maketrans("“”„＂「」『』（）：＞＜＝－＊", '""""""""():><=-*')
_TOKEN: Final = re.compile(
    r'(?P<open>\()|(?P<close>\))|"(?P<phrase>[^"]*)"(?P<prefix>\*?)|(?P<quote>")'
    r'|(?P<minus>-)(?=[^\s\-)])|(?P<word>[^\s()"]+)'
)


class Kind(Enum):
    """What a token is."""

    OPEN = auto()
    CLOSE = auto()
    PHRASE = auto()
    WORD = auto()
    MINUS = auto()
    END = auto()


@dataclass(frozen=True, slots=True)
class Token:
    """A token of a query: *text* is that of a word or within quotes, from *start* to *end*."""

    kind: Kind
    text: str
    start: int
    end: int
    prefix: bool = False


def tokens(query: str) -> list[Token]:
    """Return the tokens of *query*, an END last. Raises QueryError."""
    if len(query) > LONGEST:
        raise mistake(
            query, LONGEST, len(query), f"it has {len(query)} characters; {LONGEST} is the limit"
        )
    return [*_tokens(query), Token(Kind.END, "", len(query), len(query))]


def _tokens(query: str) -> Iterator[Token]:
    plain = query.translate(_PLAIN)
    for found in _TOKEN.finditer(plain):
        start, end = found.span()
        if found["quote"]:
            raise mistake(query, start, end, "this quotation mark is never closed")
        if found["phrase"] is not None:
            inner = query[found.start("phrase") : found.end("phrase")]
            yield Token(Kind.PHRASE, inner, start, end, prefix=bool(found["prefix"]))
        elif found["word"]:
            yield Token(Kind.WORD, plain[start:end], start, end)
        else:
            kind = {"open": Kind.OPEN, "close": Kind.CLOSE, "minus": Kind.MINUS}
            yield Token(kind[str(found.lastgroup)], found[0], start, end)


def mistake(query: str, start: int, end: int, message: str, hint: str | None = None) -> QueryError:
    """Return the error for a mistake at `query[start:end]`, shown with carets below."""
    shown = re.sub(r"\s", " ", query)
    before = _columns(shown[:start])
    carets = "^" * max(1, min(_columns(shown[start:end]), 80))
    lines = [f"the query cannot be read: {message}", f"  {shown}", f"  {' ' * before}{carets}"]
    if hint:
        lines.append(f"hint: {hint}")
    return QueryError("\n".join(lines), start=start, end=end, message=message, hint=hint)


def _columns(text: str) -> int:
    """Return how many columns of a terminal *text* takes: Han characters take two."""
    return sum(2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text)
