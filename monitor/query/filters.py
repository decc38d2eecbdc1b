"""Filters: queries that say which hits a subscription is told of, cut into parts.

* A part is asked of a hit or of a text by itself; what is around it (AND, OR, NOT) only combines
  answers. So what many filters have in common is asked once.
* Unlike a search, a filter has no `since:` and `until:`.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Final

from monitor.query.parse import parse
from monitor.query.tree import And, Is, Near, Node, Not, Or, Phrase, Sentence

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_REMEMBERED: Final = 2000


@lru_cache(maxsize=_REMEMBERED)
def read_filter(text: str) -> Node:
    """Return the tree of a filter. Raises QueryError."""
    return parse(text, now=None)


def parts(node: Node) -> Iterator[Node]:
    """Yield the parts of *node*, from left to right."""
    match node:
        case And(items) | Or(items):
            for item in items:
                yield from parts(item)
        case Not(item):
            yield from parts(item)
        case _:
            yield node


def asks_text(part: Node) -> bool:
    """Return whether *part* asks for words, so that a text is needed to answer it."""
    return isinstance(part, Phrase | Near | Sentence)


def named(node: Node) -> Iterator[Is]:
    """Yield what *node* says of companies, topics, feeds and the like, wanted or not."""
    return (part for part in parts(node) if isinstance(part, Is))


def combined(node: Node, answers: Mapping[Node, int], everything: int) -> int:
    """Return which of many hits match *node*, a bit each, given the *answers* of its parts.

    *everything* has the bits of all of them.
    """
    match node:
        case And(items):
            found = everything
            for item in items:
                found &= combined(item, answers, everything)
            return found
        case Or(items):
            found = 0
            for item in items:
                found |= combined(item, answers, everything)
            return found
        case Not(item):
            return everything ^ combined(item, answers, everything)
        case _:
            return answers[node]
