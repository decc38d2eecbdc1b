"""Proposed rules: what to write so that a context no longer makes hits. Nothing is changed here.

* What is proposed is the YAML a person would add, and all rules with it, to be tried.
* A bundled member is extended; one of your own is added to, also one that stands in a file.
* A spelling is said again as it is, with one more phrase under `not`. A ticker cannot be, and a
  company's spelling that needs no context counts whatever stands beside it.
"""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from monitor.config.entries import gather, read_file
from monitor.config.inputs import is_file
from monitor.config.marks import leaves
from monitor.config.places import Places
from monitor.config.trial import KINDS, as_yaml, plain
from monitor.detect.contexts import ContextKind, Key
from monitor.detect.phrases import phrase_parts
from monitor.model import Role, Strength
from monitor.text.folding import fold

if TYPE_CHECKING:
    from monitor.config.entries import Entry
    from monitor.config.marks import KeyPath
    from monitor.config.settings import Config
    from monitor.model import Company, Term, Topic

_KIND_OF: Final = {Role.COMPANY: "companies", Role.TOPIC: "topics"}
_SPELLINGS: Final = ("aliases", "keywords", "legal_names", "units", "people")
_NO_SPELLINGS: Final = {"needs", "not", "unless", "tickers", "identifiers", "lang", "strength"}


@dataclass(frozen=True, slots=True)
class Proposed:
    """What to add: *addition* as YAML; *rules*, with it, as YAML, None for a feed.

    *instead* is the name in the list whose place it takes, None if it is added to what stands
    there under that id.
    """

    addition: str
    rules: str | None
    instead: str | None


class _Found(NamedTuple):
    """A member of the list *kind*, and the number of the item there that it comes from."""

    kind: str
    item: int
    entry: Entry


class Proposer:
    """Writes proposals for the rules of one configuration, which it reads once."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._data: dict[str, Any] = {kind: plain(getattr(config, kind)) for kind in KINDS}
        folder = Path(config.place_of().partition(":")[0]).parent
        self._places = places = Places(str(folder / "rules"))
        self._entries = {
            kind: [gather(kind, {kind: [item]}, places) for item in self._data[kind]]
            for kind in KINDS
        }
        members: list[Company | Topic] = [*config.lexicon.companies, *config.lexicon.topics]
        self._made: dict[Key, Proposed | None] = {}
        self._terms = {term.id: (it.key, term) for it in members for term in it.terms}

    def propose(self, key: Key) -> Proposed | None:
        """Return what to write against a context; None if the rules lack what it is of.

        None as well if they have it already, or if it cannot be written.
        """
        if key not in self._made:
            self._made[key] = self._propose(key)
        return self._made[key]

    def _propose(self, key: Key) -> Proposed | None:
        if key.kind is ContextKind.FEED:
            return self._without_feed(key.of)
        if key.role not in _KIND_OF or not _is_phrase(key.phrase):
            return None
        if key.kind is ContextKind.SPELLING:
            return self._respelt(key.role, key.of, key.phrase)
        found = self._find(key.role, key.of)
        name = "unless" if key.kind is ContextKind.UNLESS else "not"
        if found is None or _has(_given(found.entry.data, name), key.phrase):
            return None
        return self._written(found, (name,), key.phrase)

    def _without_feed(self, feed: str) -> Proposed | None:
        known = {it.to_model().key: it for it in self._config.feeds}
        if feed not in known or not known[feed].enabled:
            return None
        return Proposed(as_yaml({"feeds": [{"id": feed, "enabled": False}]}), None, None)

    def _find(self, role: Role, key: str) -> _Found | None:
        kind = _KIND_OF[role]
        for index, entries in enumerate(self._entries[kind]):
            for entry in entries:
                if entry.key == key:
                    return _Found(kind, index, entry)
        return None

    def _respelt(self, role: Role, spelling: str, phrase: str) -> Proposed | None:
        owner, term = self._terms.get(spelling, ("", None))
        found = self._find(role, owner)
        if found is None or term is None or _has(term.without, phrase):
            return None
        path = _path_of(found.entry.data, term)
        if not path or (role is Role.COMPANY and term.strength is Strength.STRONG):
            return None
        in_mapping = path[-1] == "text"
        whole = _at(found.entry.data, path[:-1]) if in_mapping else {"text": term.text}
        again = {**whole, "not": [*whole.get("not", []), phrase]}
        return self._written(found, path[:-2] if in_mapping else path[:-1], again)

    def _written(self, found: _Found, steps: KeyPath, new: object) -> Proposed:
        """Return the rules with *new* at the end of the list that *steps* lead to."""
        kind, index, entry = found
        data = deepcopy(self._data)
        items = data[kind]
        inside = self._inside(items[index])
        items[index : index + 1] = inside
        at = index + [it.key for it in self._entries[kind][index]].index(entry.key)
        bundled = isinstance(items[at], str)
        if bundled:
            items[at] = {"extends": entry.key}
        changed = items[at]
        _put(changed, steps, deepcopy(new))
        addition = changed
        if "extends" not in changed:
            addition = {"id": entry.key}
            _put(addition, steps, deepcopy(new))
        instead = entry.key if bundled else None
        return Proposed(as_yaml({kind: [addition]}), as_yaml(data), instead)

    def _inside(self, item: object) -> list[Any]:
        """Return the entries that an item stands for, as they are written: those of a file."""
        if not isinstance(item, str) or not is_file(item):
            return [item]
        file = Path(self._places.file).parent / item
        found = read_file(file, self._places)
        self._places.stop_if_any()
        data = found[0] if found else []
        if isinstance(data, dict):
            return [data if "extends" in data else {"id": file.stem, **data}]
        return list(data)


def _put(data: dict[str, Any], steps: KeyPath, new: object) -> None:
    """Add *new* to the list of *data* that *steps* lead to; a spelling said before goes."""
    holder: Any = data
    for step in steps[:-1]:
        holder = holder.setdefault(step, {})
        if isinstance(holder, list):  # a unit written as a list, where it is meant as a mapping
            break
    if isinstance(holder, dict):
        found = holder.setdefault(steps[-1], [])
        holder = found.setdefault("aliases", []) if isinstance(found, dict) else found
    if isinstance(new, dict):
        said = fold(new["text"]).text
        holder[:] = [it for it in holder if fold(_text(it)).text != said]
    holder.append(new)


def _text(spelling: object) -> str:
    found = spelling.get("text") if isinstance(spelling, dict) else spelling
    return found if isinstance(found, str) else ""


def _path_of(data: object, term: Term) -> KeyPath:
    """Return where *data* spells *term*, but as a name; nowhere if it does not."""
    wanted = fold(term.text).text
    found = [
        path
        for path, value in leaves(data)
        if isinstance(value, str)
        and path
        and path[0] in _SPELLINGS
        and not _NO_SPELLINGS & set(path)
        and fold(value).text == wanted
    ]
    return found[0] if found else ()


def _at(data: Any, path: KeyPath) -> Any:  # noqa: ANN401 - whatever YAML holds
    for step in path:
        data = data[step]
    return data


def _is_phrase(text: str) -> bool:
    try:
        return bool(phrase_parts(text))
    except ValueError:
        return False


def _given(data: object, name: str) -> object:
    return data.get(name, []) if isinstance(data, dict) else []


def _has(phrases: object, phrase: str) -> bool:
    wanted = fold(phrase).text
    given = phrases if isinstance(phrases, list | tuple) else ()
    return any(isinstance(it, str) and fold(it).text == wanted for it in given)
