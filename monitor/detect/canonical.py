"""A lexicon from its canonical text: what was stored under a fingerprint works again.

* `make_lexicon` writes the text, this reads it: companies, topics and labels exactly as they
  were, without the files they once came from.
* A text of another version may hold fields this one does not know, which is refused, or lack
  fields this one has, which get their defaults; then the fingerprint differs, and tells so.
"""

from __future__ import annotations

import json
from typing import Any

from monitor.detect.lexicon import Lexicon, fingerprint_of, make_lexicon
from monitor.model import Company, Label, Strength, Term, Topic

_MEMBERS: dict[str, type[Company | Topic | Label]] = {
    "companies": Company,
    "topics": Topic,
    "stages": Label,
    "regulators": Label,
    "bystanders": Company,
}
_TERMS = ("terms", "queries")
_STRENGTHS = {strength.value: strength for strength in Strength}


def read_canonical(text: str, fingerprint: str | None = None) -> Lexicon:
    """Return the lexicon whose `canonical` is *text*: equal to it, with the same fingerprint.

    *fingerprint*, if it is known, tells that this version wrote the text, which saves half of the
    time: what is in it was checked then. Raises ValueError if *text* is nothing that this version
    could have written.
    """
    try:
        data = json.loads(text)
        parts: dict[str, Any] = {
            kind: tuple(_member(_MEMBERS[kind], member) for member in members)
            for kind, members in data.items()
        }
        if fingerprint == fingerprint_of(text) and _is_whole(data):
            return Lexicon(**parts, canonical=text, fingerprint=fingerprint)
        return make_lexicon(**parts)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ValueError(f"is no lexicon that this version can read: {error!r}") from error


def recall(text: str, fingerprint: str) -> Lexicon | None:
    """Return the lexicon of that *text* and *fingerprint*, None if they do not belong together."""
    try:
        lexicon = read_canonical(text, fingerprint)
    except ValueError:
        return None
    return lexicon if lexicon.fingerprint == fingerprint else None


def _is_whole(data: dict[str, list[dict[str, Any]]]) -> bool:
    """Return whether no field is missing, of those that could be read."""
    term = len(Term.__dataclass_fields__)
    return all(
        _MEMBERS[kind].__dataclass_fields__.keys() - member.keys() <= {"queries"}
        and all(len(it) == term for name in _TERMS for it in member.get(name, ()))
        for kind, members in data.items()
        for member in members
    )


def _member(kind: type[Company | Topic | Label], data: dict[str, Any]) -> Company | Topic | Label:
    plain: dict[str, Any] = {it: _value(value) for it, value in data.items() if it not in _TERMS}
    plain["terms"] = tuple(_term(term) for term in data["terms"])
    if "queries" in data:
        plain["queries"] = tuple(_term(term) for term in data["queries"])
    return kind(**plain)


def _term(data: dict[str, Any]) -> Term:
    plain: dict[str, Any] = {
        key: tuple(it) if isinstance(it, list) else it for key, it in data.items()
    }
    plain["strength"] = _STRENGTHS[data["strength"]]
    return Term(**plain)


def _value(value: object) -> object:
    if isinstance(value, dict):
        return {key: _value(inner) for key, inner in value.items()}
    return tuple(value) if isinstance(value, list) else value
