"""YAML with line numbers: plain data, and the line on which each key path stands.

* Scalars follow the core schema of YAML 1.2.2 (section 10.3.2): no sexagesimal numbers, no
  `yes`/`no`/`on`/`off`, no dates. Quoted scalars are always text.
* Duplicate keys, tags and keys that are not text are mistakes. Aliases are followed, but only
  so far: a few lines of them can stand for gigabytes.
* Reading goes on after a mistake where it can, so that all of them are found at once.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import yaml

from monitor.text.patterns import lazy

if TYPE_CHECKING:
    from collections.abc import Iterator

KeyPath = tuple[str | int, ...]
"""Where a value stands: keys of mappings and, from 0, positions in lists."""

_Loader = getattr(yaml, "CBaseLoader", yaml.BaseLoader)
_DEEPEST = 20
_MOST_NODES = 200_000  # some 10,000 feeds
_PLAIN_TAGS = frozenset(f"tag:yaml.org,2002:{kind}" for kind in ("str", "seq", "map"))
_NO_TEXT = frozenset(["", *"~nNtTfF-+.0123456789"])  # how anything else than text begins
_NULL = re.compile(r"~|null|Null|NULL|")
_TRUE = re.compile(r"true|True|TRUE")
_FALSE = re.compile(r"false|False|FALSE")
_INT = re.compile(r"[-+]?[0-9]{1,30}")
_OCTAL = re.compile(r"0o[0-7]{1,30}")
_HEX = re.compile(r"0x[0-9a-fA-F]{1,30}")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]{1,3})?")
_UNPRINTABLE = lazy("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff\ufeff]")


@dataclass(slots=True)
class Marked:
    """Plain data, the line of each key path (from 1), and the mistakes met: path, line, message."""

    data: Any = None
    lines: dict[KeyPath, int] = field(default_factory=dict)
    mistakes: list[tuple[KeyPath, int, str]] = field(default_factory=list)


def read(content: bytes) -> Marked:
    """Return *content* as plain data with line numbers; never raises on what it holds.

    The data is None when nothing could be read, and then there is at least one mistake.
    """
    marked = Marked()
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        marked.mistakes.append(((), line, "is not UTF-8; save the file in that encoding"))
        return marked
    if not text.replace("\n", "").isprintable() and (odd := _UNPRINTABLE.search(text)):
        line = text.count("\n", 0, odd.start()) + 1
        marked.mistakes.append(((), line, f"a character YAML does not allow: {odd[0]!a}"))
        return marked
    try:
        node = yaml.compose(text, Loader=_Loader)
    except yaml.MarkedYAMLError as error:
        marked.mistakes.append(((), *_explain(error, text)))
        return marked
    if node is None:
        marked.mistakes.append(((), 1, "is empty"))
    else:
        marked.data = _Reading(marked).value(node, (), node.start_mark.line + 1)
    return marked


def scalar(text: str) -> str | int | float | bool | None:
    """Return a plain scalar as the core schema of YAML 1.2 reads it."""
    if text[:1] not in _NO_TEXT:
        return text
    if _NULL.fullmatch(text):
        return None
    if _TRUE.fullmatch(text) or _FALSE.fullmatch(text):
        return _TRUE.fullmatch(text) is not None
    if _INT.fullmatch(text):
        return int(text)
    if _OCTAL.fullmatch(text) or _HEX.fullmatch(text):
        return int(text, 0)
    return float(text) if _FLOAT.fullmatch(text) else text


def walk_to(data: object, path: KeyPath) -> tuple[KeyPath, Any]:
    """Return the longest part of *path* that exists in *data*, and what stands there."""
    found: Any = data
    for depth, step in enumerate(path):
        if isinstance(found, list):  # of thousands of feeds, perhaps
            is_there = isinstance(step, int) and 0 <= step < len(found)
        else:
            is_there = isinstance(found, dict) and step in found
        if not is_there:
            return path[:depth], found
        found = found[step]
    return path, found


def leaves(data: object, path: KeyPath = ()) -> Iterator[tuple[KeyPath, object]]:
    """Yield the path and value of each scalar in *data*, in order."""
    if not isinstance(data, dict | list):
        yield path, data
        return
    for key, value in data.items() if isinstance(data, dict) else enumerate(data):
        yield from leaves(value, (*path, key))


def _explain(error: yaml.MarkedYAMLError, text: str) -> tuple[int, str]:
    mark = error.problem_mark or error.context_mark
    number = mark.line if mark else 0
    lines = text.splitlines()
    line = lines[number] if number < len(lines) else ""
    if "\t" in line[: len(line) - len(line.lstrip())]:
        return number + 1, "is indented with a tab; YAML wants spaces"
    said = ", ".join(part for part in (error.context, error.problem) if part)
    return number + 1, f"cannot be read as YAML: {said}"


class _Reading:
    """One walk over the composed nodes; those an alias stands for are entered again."""

    def __init__(self, marked: Marked) -> None:
        self._marked = marked
        self._nodes = 0

    def value(self, node: yaml.Node, path: KeyPath, line: int) -> object:
        self._marked.lines[path] = line
        if refusal := self._refusal(node, path):
            self._marked.mistakes.append((path, line, refusal))
            return None
        if self._nodes > _MOST_NODES or len(path) > _DEEPEST:
            return None
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, path)
        if isinstance(node, yaml.SequenceNode):
            return [
                self.value(item, (*path, index), item.start_mark.line + 1)
                for index, item in enumerate(node.value)
            ]
        text = str(node.value)
        return text if getattr(node, "style", None) else scalar(text)

    def _refusal(self, node: yaml.Node, path: KeyPath) -> str | None:
        self._nodes += 1
        if self._nodes == _MOST_NODES:
            return f"is too much: the file stands for more than {_MOST_NODES} values"
        if node.tag not in _PLAIN_TAGS:
            return f"the tag {node.tag} is not allowed"
        return "is nested too deeply" if len(path) == _DEEPEST else None

    def _mapping(self, node: yaml.MappingNode, path: KeyPath) -> dict[str, object]:
        found: dict[str, object] = {}
        for key, item in node.value:
            line = key.start_mark.line + 1
            if not isinstance(key, yaml.ScalarNode):
                self._marked.mistakes.append((path, line, "a key must be text"))
            elif key.value in found:
                first = self._marked.lines[*path, key.value]
                message = f"stands here a second time, first in line {first}"
                self._marked.mistakes.append(((*path, key.value), line, message))
            else:
                found[key.value] = self.value(item, (*path, key.value), line)
        return found
