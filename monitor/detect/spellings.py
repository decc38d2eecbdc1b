"""Spellings: one member's terms, read from plain data and checked; every mistake has a path.

* A spelling is a text, or a mapping of `text`, `lang`, `strength`, `case`, `needs`, `near`,
  `not`, `after_company` and `unless`. Where it has `needs` it counts in context only.
* A text is words, not a regular expression. "monopol*" takes any ending; "abuse ... dominance"
  takes up to 40 characters between, in one sentence. Both always run in linear time.
* Keys, types, empty, one-letter and idle texts and repeats are refused; nothing is ignored. Only
  the same spelling in traditional after simplified characters is no mistake.
"""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from monitor.detect.phrases import folded, may_hold, parts_of, phrase_parts, whole_of
from monitor.model import Strength, Term
from monitor.text.words import language_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

_KEY: Final = re.compile(r"[a-z0-9][a-z0-9_-]*")
_WORD: Final = re.compile(r"\w+")
_STRENGTHS: Final = {strength.value: strength for strength in Strength}
SPELLING_KEYS: Final = (
    *("text", "lang", "strength", "case"),
    *("needs", "near", "not", "after_company", "always", "unless"),
)

IN_VAIN: Final = (
    "does nothing here: a strong spelling counts whatever stands beside it; say `strength: context`"
    " to have it count only beside others, or say the longer phrase under `unless`"
)
_WORDS_OF_ID: Final = 6  # of a query, in the id of its term
_LONGEST_ID: Final = 60  # characters of these

KeyPath = tuple[str | int, ...]


class LexiconError(ValueError):
    """Data that is no company, topic or label; *path* leads to the wrong key or item."""

    def __init__(self, path: KeyPath, message: str) -> None:
        super().__init__(f"{'.'.join(str(step) for step in path)}: {message}")
        self.path = path
        self.message = message


def identity(term: Term) -> tuple[str, str]:
    """Return what two terms have in common if they are one spelling.

    "IPO" with capitals that count and "ipo" without are two spellings only if both count them.
    """
    return _identity(term.text, case=term.case)


def _identity(text: str, *, case: bool) -> tuple[str, str]:
    return folded(text), text if case else ""


class Reader:
    """Reads one member's data; every method checks what it touches and names the place.

    *apart* says that each place of a spelling is judged by what stands beside it, as a topic's is:
    of a company named by a strong spelling all places count.
    """

    def __init__(self, key: str, data: object, allowed: str, *, apart: bool = False) -> None:
        if not _KEY.fullmatch(key):
            raise LexiconError(
                (), f'the id "{key}" must be lower-case letters, digits, "-" and "_"'
            )
        self.key = key
        self.apart = apart
        self.data = mapping((), data, ["id", *allowed.split()])
        self.unless = phrases(("unless",), self.data)
        self._wholes = [(phrase, whole_of(phrase)) for phrase in self.unless]
        self.without = phrases(("not",), self.data)
        self.found: dict[tuple[str, str], Term] = {}
        self._ids: set[str] = set()
        self._queries: set[str] = set()

    def text(self, name: str) -> str:
        """Return the text under *name*, which must be there."""
        if name not in self.data:
            raise LexiconError((), f'"{name}" is missing')
        return text_of((name,), self.data[name])

    def names(self) -> dict[str, str]:
        """Return the names by language."""
        names = mapping(("names",), self.data.get("names", {}))
        return {lang: text_of(("names", lang), name) for lang, name in names.items()}

    def terms(self) -> tuple[Term, ...]:
        """Return all terms read so far, in order."""
        return tuple(self.found.values())

    def spellings(
        self, path: KeyPath, items: object, *, group: str = "", person: bool = False
    ) -> None:
        """Read a list of spellings; *person* says that they are a person's."""
        for at, item in enumerate(list_of(path, items)):
            where = (*path, at)
            if isinstance(item, str):
                self.add(self._bare_term(where, item, group, person=person), where)
            else:
                self.add(self._term(where, item, group, person=person), (*where, "text"))

    def _bare_term(self, where: KeyPath, item: str, group: str, *, person: bool) -> Term:
        text = phrase(where, item)
        return Term(
            id=self.make_id(f"{group}{language_of(text)}", text),
            text=text,
            strength=Strength.CONTEXT if person else Strength.STRONG,
            unless=self.common_unless(text),
            without=self.without,
            person=person,
        )

    def _term(self, where: KeyPath, item: object, group: str, *, person: bool) -> Term:
        data = mapping(where, item, SPELLING_KEYS)
        text = phrase((*where, "text"), data.get("text"))
        language = text_of((*where, "lang"), data.get("lang", language_of(text)))
        needs = phrases((*where, "needs"), data)
        usual = Strength.CONTEXT if person or needs else Strength.STRONG
        strength = strength_of((*where, "strength"), data.get("strength", usual))
        if strength is Strength.STRONG and (person or needs):
            said = "people always need context" if person else "has `needs`, so it is context"
            raise LexiconError((*where, "strength"), said)
        near = count_of((*where, "near"), data.get("near", 0))
        if near < 0 or (near and not needs):
            raise LexiconError((*where, "near"), "is how near its `needs` must be, which are none")
        own = phrases((*where, "not"), data)
        if own and strength is Strength.STRONG and not self.apart:
            raise LexiconError((*where, "not"), IN_VAIN)
        return Term(
            id=self.make_id(f"{group}{language}", text),
            text=text,
            strength=strength,
            case=flag_of((*where, "case"), data.get("case", False)),
            unless=phrases((*where, "unless"), data) + self.common_unless(text),
            needs=needs,
            near=near,
            without=own + self.without,
            after_company=flag_of((*where, "after_company"), data.get("after_company", False)),
            person=person,
            always=flag_of((*where, "always"), data.get("always", False)),
        )

    def query(self, text: str, path: KeyPath) -> Term:
        """Return a term whose *text* is a query, which what holds for all terms holds for too.

        Raises LexiconError at *path* if it was there before.
        """
        if text in self._queries:
            raise LexiconError(path, "is there twice")
        self._queries.add(text)
        words = " ".join(_WORD.findall(text)[:_WORDS_OF_ID])
        term_id = self.make_id("query", words[:_LONGEST_ID])
        return Term(term_id, text, unless=self.unless, without=self.without)

    def add(self, term: Term, path: KeyPath) -> None:
        """Take *term*, unless its spelling is there already, which is a mistake at *path*."""
        first = self.found.setdefault(identity(term), term)
        if first is term:
            return
        same = replace(term, id=first.id, text=first.text) == first
        if not same or first.text.lower() == term.text.lower():  # 螞蟻 after 蚂蚁 is no mistake
            other = "" if first.text == term.text else f', as "{first.text}"'
            raise LexiconError(path, f'"{term.text}" is there twice{other}')

    def add_new(self, texts: Iterable[tuple[str, tuple[str, ...]]], group: str) -> int:
        """Take those of *texts*, each with its needs, that are new; return how many were."""
        before = len(self.found)
        for text, needs in texts:
            key = _identity(text, case=True)
            if key not in self.found:
                self.found[key] = Term(
                    id=self.make_id(group, text),
                    text=text,
                    strength=Strength.CONTEXT if needs else Strength.STRONG,
                    case=True,
                    unless=self.common_unless(text),
                    needs=needs,
                )
        return len(self.found) - before

    def names_as_spellings(self) -> None:
        """Put the names before the other spellings, save those an alias spells out."""
        given = self.found
        claimed = {words for words, _ in given}
        self.found = {}
        everywhere = {"": self.text("name"), **self.names()}
        for lang, name in everywhere.items():
            text = phrase(("names", lang) if lang else ("name",), name)
            if folded(text) not in claimed:
                claimed.add(folded(text))
                term_id = self.make_id(lang or language_of(text), "name")
                kept = Term(term_id, text, unless=self.common_unless(text))
                self.found[identity(kept)] = kept
        self.found |= given

    def common_unless(self, text: str) -> tuple[str, ...]:
        """Return those of the member's own `unless` phrases that *text* may stand in."""
        if not self._wholes:
            return ()
        first, *others = parts_of(text)  # nearly always the only one
        fits = [phrase for phrase, whole in self._wholes if whole is None or first in whole]
        if others:
            fits = [phrase for phrase in fits if may_hold(phrase, text)]
        return tuple(fits)

    def make_id(self, group: str, text: str) -> str:
        """Return an id for the term *text* that no other of this member has."""
        slug = "-".join(_WORD.findall(folded(text)))
        found = base = f"{self.key}.{group}.{slug}"
        again = 1
        while found in self._ids:
            again += 1
            found = f"{base}-{again}"
        self._ids.add(found)
        return found


# --- plain data --------------------------------------------------------------------------------


def phrase(path: KeyPath, data: object) -> str:
    """Return *data* if it is a phrase; raise LexiconError at *path*."""
    text = text_of(path, data)
    try:
        phrase_parts(text)
    except ValueError as error:
        raise LexiconError(path, f'"{text}" {error}') from None
    return text


def phrases(path: KeyPath, data: Mapping[str, object]) -> tuple[str, ...]:
    """Return the phrases listed in *data* under the last step of *path*, none if not there."""
    name = str(path[-1])
    if name not in data:
        return ()
    items = list_of(path, data[name])
    return tuple(phrase((*path, at), item) for at, item in enumerate(items))


def mapping(path: KeyPath, data: object, allowed: Collection[str] = ()) -> Mapping[str, Any]:
    """Return *data* if it is a mapping with text for keys, only *allowed* ones if there are any."""
    if not isinstance(data, dict) or not all(isinstance(key, str) for key in data):
        raise LexiconError(path, "must be a mapping of names to values")
    for key in data:
        if allowed and key not in allowed:
            raise LexiconError((*path, key), f"unknown key; known are {', '.join(allowed)}")
    return data


def list_of(path: KeyPath, data: object) -> list[object]:
    """Return *data* if it is a list; raise LexiconError at *path*."""
    if not isinstance(data, list):
        raise LexiconError(path, "must be a list")
    return data


def text_of(path: KeyPath, data: object) -> str:
    """Return *data*, its ends trimmed, if it is text that says something."""
    if not isinstance(data, str):
        raise LexiconError(path, f"must be text, not {json.dumps(data, default=str)}; use quotes")
    if not data.strip():
        raise LexiconError(path, "is empty")
    if not data.isprintable() and any("\ud800" <= char <= "\udfff" for char in data):
        raise LexiconError(path, "holds half a character (a lone surrogate)")
    return data.strip()


def flag_of(path: KeyPath, data: object) -> bool:
    """Return *data* if it is true or false; raise LexiconError at *path*."""
    if not isinstance(data, bool):
        raise LexiconError(path, "must be true or false")
    return data


def count_of(path: KeyPath, data: object) -> int:
    """Return *data* if it is a whole number; raise LexiconError at *path*."""
    if not isinstance(data, int) or isinstance(data, bool):
        raise LexiconError(path, "must be a whole number")
    return data


def strength_of(path: KeyPath, data: object) -> Strength:
    """Return the strength that *data* names; raise LexiconError at *path*."""
    if not isinstance(data, str) or data not in _STRENGTHS:
        raise LexiconError(path, f"must be one of {', '.join(_STRENGTHS)}")
    return _STRENGTHS[data]
