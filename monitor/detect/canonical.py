"""A lexicon from its canonical text: what was stored under a fingerprint works again.

* `make_lexicon` writes the text, this reads it: companies, topics and labels exactly as they
  were, without the files they once came from.
* A text of another version may hold fields this one does not know, which is refused, or lack
  fields this one has, which get their defaults; then the fingerprint differs, and tells so.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from monitor.detect.lexicon import Lexicon, make_lexicon
from monitor.model import Company, Label, Strength, Term, Topic

if TYPE_CHECKING:
    from collections.abc import Callable

_MEMBERS: dict[str, Callable[..., Company | Topic | Label]] = {
    "companies": Company,
    "topics": Topic,
    "stages": Label,
    "regulators": Label,
    "bystanders": Company,
}


def read_canonical(text: str) -> Lexicon:
    """Return the lexicon whose `canonical` is *text*: equal to it, with the same fingerprint.

    Raises ValueError if *text* is nothing that this version could have written.
    """
    try:
        data = json.loads(text)
        parts: dict[str, Any] = {
            kind: [_member(_MEMBERS[kind], member) for member in members]
            for kind, members in data.items()
        }
        return make_lexicon(**parts)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ValueError(f"is no lexicon that this version can read: {error!r}") from error


def _member(
    kind: Callable[..., Company | Topic | Label], data: dict[str, Any]
) -> Company | Topic | Label:
    plain = {key: _value(value) for key, value in data.items() if key != "terms"}
    return kind(**plain, terms=tuple(_term(term) for term in data["terms"]))


def _term(data: dict[str, Any]) -> Term:
    plain: dict[str, Any] = {key: _value(value) for key, value in data.items()}
    return Term(**plain | {"strength": Strength(data["strength"])})


def _value(value: object) -> object:
    if isinstance(value, dict):
        return {key: _value(inner) for key, inner in value.items()}
    return tuple(value) if isinstance(value, list) else value
