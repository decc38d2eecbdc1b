"""Reading a query: `alibaba (罚款 OR fine) NOT IPO since:30d` to a tree.

    either   = all { "OR" all }
    all      = not { ["AND"] not }              words side by side must all be there
    not      = ("NOT" | "-") not | near
    near     = one { "NEAR" ["/" n] one }
    one      = word | phrase | field | "(" either ")" | "SENTENCE(" either ")"

Operators are in capitals, so that "and" is a word. What cannot be read is a QueryError that shows
the place.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import TYPE_CHECKING, Final

from monitor.query import fields
from monitor.query.lex import Kind, Token, mistake, tokens
from monitor.query.terms import phrase
from monitor.query.tree import (
    And,
    Compares,
    Is,
    Near,
    Node,
    Not,
    Or,
    Phrase,
    Seen,
    Sentence,
)

if TYPE_CHECKING:
    from datetime import datetime

    from monitor.errors import QueryError

TERMS: Final = 100  # words, phrases and fields of a query
DEPTH: Final = 30  # brackets within brackets
NEAR: Final = 10  # words between, if a query does not say
FARTHEST: Final = 1000
_INSTEAD: Final = {
    **dict.fromkeys(("&", "&&", "+"), "words side by side are all looked for; AND says the same"),
    **dict.fromkeys(("|", "||"), "write OR for either"),
    **dict.fromkeys(("!", "-"), "write NOT, or - with no blank behind it"),
    **dict.fromkeys((">", "<", ">=", "<=", "=", ":"), "write amount>1bn with no blanks around"),
}
_NEAR: Final = re.compile(r"NEAR(?:/([0-9]{1,9}))?")
_FIELD: Final = re.compile(r"([A-Za-z]+)(:|>=|<=|>|<)(.*)", re.DOTALL)
_TAKEN: Final = {"AND", "OR"}


def parse(query: str, *, now: datetime | None, words_only: bool = False) -> Node:
    """Return the tree of *query*; times ago count from *now*. Raises QueryError.

    Without *now* it is a filter, which may ask for no times. With *words_only* it is a topic's,
    which may ask for no field at all.
    """
    reader = _Reader(query, now, tokens(query), words_only)
    if reader.is_at(Kind.END):
        raise reader.mistake(reader.next, "there is nothing to search for")
    tree = reader.either()
    if not reader.is_at(Kind.END):
        raise reader.mistake(reader.next, "this bracket was never opened")
    return tree


@dataclass
class _Reader:
    query: str
    now: datetime | None
    tokens: list[Token]
    words_only: bool = False
    at: int = 0
    depth: int = 0
    terms: int = 0
    within: list[str] = field(default_factory=list)  # SENTENCE( or NEAR that we are in

    @property
    def next(self) -> Token:
        return self.tokens[self.at]

    def take(self) -> Token:
        token = self.tokens[self.at]
        self.at += 1
        return token

    def mistake(self, token: Token, message: str, hint: str | None = None) -> QueryError:
        return mistake(self.query, token.start, token.end, message, hint)

    def is_at(self, *kinds: Kind) -> bool:
        return self.next.kind in kinds

    def is_word(self, *words: str) -> bool:
        return self.next.kind is Kind.WORD and self.next.text in words

    def either(self) -> Node:
        items = [self.all()]
        while self.is_word("OR"):
            self.take()
            items.append(self.all())
        return items[0] if len(items) == 1 else Or(tuple(items))

    def all(self) -> Node:
        items = [self.no()]
        while not (self.is_at(Kind.END, Kind.CLOSE) or self.is_word("OR")):
            if self.is_word("AND"):
                self.take()
            items.append(self.no())
        return items[0] if len(items) == 1 else And(tuple(items))

    def near(self) -> Node:
        start = self.next
        node = self.one()
        pairs: list[Node] = []
        while self.next.kind is Kind.WORD and (found := _NEAR.fullmatch(self.next.text)):
            sign = self.take()
            words = NEAR if found[1] is None else int(found[1])
            if words > FARTHEST:
                raise self.mistake(sign, f"at most {FARTHEST} words may be between")
            left, start = self._side(node, start), self.next
            node = self.one()
            pairs.append(Near(left, self._side(node, start), words))
        if not pairs:
            return node
        return pairs[0] if len(pairs) == 1 else And(tuple(pairs))

    def _side(self, node: Node, start: Token) -> tuple[Phrase, ...]:
        """Return the phrases of one side of NEAR."""
        options = node.items if isinstance(node, Or) else (node,)
        found = tuple(option for option in options if isinstance(option, Phrase))
        if len(found) < len(options):
            raise self.mistake(
                start,
                "beside NEAR stands a word or a phrase, or several with OR in brackets",
                '(fine OR penalty) NEAR/5 "Ant Group"',
            )
        return found

    def no(self) -> Node:
        signs = 0
        while self.next.kind is Kind.MINUS or self.is_word("NOT"):
            self.take()
            signs += 1
        node = self.near()
        return Not(node) if signs % 2 else node

    def one(self) -> Node:
        token = self.take()
        if token.kind is Kind.OPEN:
            return self._bracket(token)
        if token.kind in {Kind.WORD, Kind.PHRASE}:
            return self._term(token)
        raise self._missing(token)

    def _bracket(self, opened: Token) -> Node:
        self.depth += 1
        if self.depth > DEPTH:
            raise self.mistake(opened, f"brackets are {DEPTH} deep at most")
        node = self.either()
        if self.next.kind is not Kind.CLOSE:
            raise self.mistake(opened, "this bracket is never closed")
        self.take()
        self.depth -= 1
        return node

    def _missing(self, token: Token) -> QueryError:
        before = self.tokens[self.at - 2] if self.at > 1 else None
        if before is None or before.kind is Kind.OPEN:
            return self.mistake(token, "there is nothing to search for here")
        return self.mistake(before, f"something to search for must follow {before.text!r}")

    def _term(self, token: Token) -> Node:
        self.terms += 1
        if self.terms > TERMS:
            raise self.mistake(token, f"a query has {TERMS} words, phrases and fields at most")
        if token.kind is Kind.WORD:
            if token.text in _TAKEN or _NEAR.fullmatch(token.text):
                raise self.mistake(
                    token,
                    f"something to search for must stand before {token.text}",
                    f'for the word itself write it small, or "{token.text}" in quotation marks',
                )
            if token.text.startswith("NEAR/"):
                raise self.mistake(token, "NEAR/ needs a number, and blanks around it", "NEAR/5")
            if token.text == "SENTENCE" and self._adjoins(token, Kind.OPEN):
                return self._sentence()
            if found := _FIELD.fullmatch(token.text):
                return self._field(token, found)
        word = token.text.removesuffix("*") if token.kind is Kind.WORD else token.text
        prefix = token.prefix or word != token.text
        term = phrase(word, prefix=prefix)
        if not term.parts:
            hint = _INSTEAD.get(token.text) if token.kind is Kind.WORD else None
            raise self.mistake(token, "there is no letter or digit in this", hint)
        if token.kind is Kind.WORD and "*" in word:
            raise self.mistake(
                token,
                "* has a place behind the beginning of a word alone",
                "put it in quotation marks to look for what is around it",
            )
        return term

    def _adjoins(self, token: Token, *kinds: Kind) -> bool:
        return self.next.kind in kinds and self.next.start == token.end

    def _sentence(self) -> Node:
        self.within.append("SENTENCE")
        node = self._bracket(self.take())
        self.within.pop()
        return Sentence(node)

    def _field(self, token: Token, found: re.Match[str]) -> Node:
        name, sign, value = found[1].lower(), found[2], found[3]
        if self.words_only:
            raise self.mistake(
                token,
                f"{found[1]}{sign} has no place in a topic, which is found by words alone",
                "put it in quotation marks to look for it"
                if name not in fields.FIELDS
                else "a search, or the filter of a subscription, can ask for it",
            )
        if name not in fields.FIELDS:
            close = get_close_matches(name, fields.FIELDS, 1)
            raise self.mistake(
                token,
                f"there is no field {found[1]!r}",
                f"did you mean {close[0]}:?"
                if close
                else "put it in quotation marks to search for it, or use one of "
                + ", ".join(f"{known}:" for known in fields.FIELDS),
            )
        if self.within:
            raise self.mistake(token, f"{name}: is said of an article, not of a sentence in it")
        if not value and sign == ":" and self._adjoins(token, Kind.PHRASE):
            value = self.take().text
        if not value.strip(","):
            raise self.mistake(token, f"{name}: needs {fields.FIELDS[name]}")
        try:
            return self._said(name, sign, value)
        except ValueError as error:
            raise self.mistake(token, str(error)) from None

    def _said(self, name: str, sign: str, value: str) -> Node:
        if name in {"amount", "score"}:
            sign = ">=" if sign == ":" else sign
            if name == "score":
                return Compares(name, sign, fields.read_score(value))
            number, currency = fields.read_sum(value)
            if currency is None and self.is_word(*fields.CURRENCIES):
                currency = self.take().text
            return Compares(name, sign, number, currency)
        if sign != ":":
            raise ValueError(f"write {name}: with a colon")
        if name in {"since", "until"}:
            if self.now is None:
                raise ValueError(f"{name}: has no place in a filter: what is due is always new")
            return Seen(**{name: fields.read_instant(value, now=self.now)})
        values = tuple(part.strip() for part in value.split(",") if part.strip())
        return Is(name, tuple(it.upper() if name == "currency" else it.lower() for it in values))
