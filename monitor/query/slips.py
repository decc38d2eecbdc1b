"""Slips: fields of a query whose value nothing is called, each with what was most likely meant.

Such a query can be read, and finds nothing for it, in silence. It is no mistake: what was watched
once can still be asked for by its key.
"""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING, NamedTuple

from monitor.query.filters import named

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from monitor.query.tree import Node


class Slip(NamedTuple):
    """A *field* of a query whose *value* nothing is called; *meant* is the closest key, if any."""

    field: str
    value: str
    meant: str | None


def slips(node: Node, known: Mapping[str, Mapping[str, str]]) -> Iterator[Slip]:
    """Yield the slips in *node*; *known* gives for some fields the names by key."""
    for it in named(node):
        names = known.get(it.name)
        if names is None:
            continue
        keys = {key.lower(): key for key in names}
        for value in it.values:
            if value.lower() not in keys:
                by_name = {name.lower(): key for key, name in names.items()}
                close = get_close_matches(value.lower(), [*keys, *by_name], n=1)
                yield Slip(it.name, value, ({**by_name, **keys})[close[0]] if close else None)
