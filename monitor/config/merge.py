"""Merge: a bundled definition with what a configuration adds to it and takes from it.

* Lists grow at their end, mappings by key; any other value is replaced. A spelling that is said
  again is as it is said last, wherever it stood.
* A unit or person may be written as a list or as a mapping; either grows by either.
* Every part of the whole remembers where it came from, so that a mistake in it has a line.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

from monitor.text.folding import fold

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from monitor.config.marks import KeyPath

_PART: Final = 2  # how deep a unit or person stands
_NO_SPELLINGS: Final = frozenset({"unless", "not", "identifiers", "queries"})


@dataclass(frozen=True, slots=True)
class Merged:
    """The whole as plain data, and for each path in it whether it was added, and where it stood.

    *missing* are the texts to be dropped that are no spelling of the base.
    """

    data: Any
    home: dict[KeyPath, tuple[bool, KeyPath]]
    missing: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Node:
    value: Any  # nodes by key, a list of nodes, or a scalar
    added: bool
    path: KeyPath


@dataclass(frozen=True, slots=True)
class _Drop:
    """The spellings, folded, to be taken out: those *wanted* gone, and those *said* again."""

    wanted: frozenset[str]
    said: frozenset[str]
    met: set[str] = field(default_factory=set)

    def takes(self, node: _Node, *, from_list: bool) -> bool:
        """Return whether *node* is one of these; a name is not taken for being said again."""
        text = node.value.get("text") if isinstance(node.value, dict) else node
        folded = fold(text.value).text if text and isinstance(text.value, str) else ""
        if folded in self.wanted:
            self.met.add(folded)
        return folded in self.wanted or (from_list and folded in self.said)


def merge(base: object, more: object, drop: Collection[str]) -> Merged:
    """Return *base* without the spellings in *drop*, and with *more*."""
    taken = _Drop(frozenset(fold(text).text for text in drop), frozenset(_said(more)))
    whole = _both(_without(_tree(base, added=False), taken), _tree(more, added=True), 0)
    home: dict[KeyPath, tuple[bool, KeyPath]] = {}
    data = _plain(whole, (), home)
    missing = tuple(text for text in drop if fold(text).text not in taken.met)
    return Merged(data, home, missing)


def _tree(data: object, *, added: bool, path: KeyPath = ()) -> _Node:
    value: Any = data
    if isinstance(data, dict):
        value = {key: _tree(it, added=added, path=(*path, key)) for key, it in data.items()}
    elif isinstance(data, list):
        value = [_tree(it, added=added, path=(*path, at)) for at, it in enumerate(data)]
    return _Node(value, added, path)


def _said(data: object, *, in_list: bool = False) -> Iterator[str]:
    """Yield, folded, each spelling that *data* lists."""
    if isinstance(data, str) and in_list:
        yield fold(data).text
    elif isinstance(data, list):
        for item in data:
            yield from _said(item, in_list=True)
    elif isinstance(data, dict) and "text" in data:
        yield from _said(data["text"], in_list=in_list)
    elif isinstance(data, dict):
        for key, value in data.items():
            yield from () if key in _NO_SPELLINGS else _said(value)


def _without(node: _Node, drop: _Drop) -> _Node:
    value = node.value
    if isinstance(value, dict):
        kept = {
            key: _without(it, drop)
            for key, it in value.items()
            if key in {"name", "text"} or not drop.takes(it, from_list=False)
        }
        return replace(node, value=kept)
    if isinstance(value, list):
        kept_items = [_without(it, drop) for it in value if not drop.takes(it, from_list=True)]
        return replace(node, value=kept_items)
    return node


def _both(base: _Node, more: _Node, depth: int) -> _Node:
    one, two = base.value, more.value
    if depth == _PART and isinstance(one, list) and isinstance(two, dict):
        one = {"aliases": base}
    if depth == _PART and isinstance(one, dict) and isinstance(two, list):
        two = {"aliases": more}
    if isinstance(one, dict) and isinstance(two, dict):
        new = {key: _both(one[key], it, depth + 1) if key in one else it for key, it in two.items()}
        return replace(more, value=one | new)
    if isinstance(one, list) and isinstance(two, list):
        return replace(more, value=one + two)
    return more


def _plain(node: _Node, at: KeyPath, home: dict[KeyPath, tuple[bool, KeyPath]]) -> Any:  # noqa: ANN401
    home[at] = node.added, node.path
    if isinstance(node.value, dict):
        return {key: _plain(it, (*at, key), home) for key, it in node.value.items()}
    if isinstance(node.value, list):
        return [_plain(it, (*at, number), home) for number, it in enumerate(node.value)]
    return node.value
