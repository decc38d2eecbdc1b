"""Which words a text must have to answer a query, so that an index can be asked first.

What is asked of the index is always wide enough: every text that answers the query has it. Where
nothing can be said, as of "NOT ipo", it is None.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias

from monitor.query.terms import is_solid
from monitor.query.tree import And, Near, Or, Phrase, Sentence
from monitor.text.index import LONGEST

if TYPE_CHECKING:
    from collections.abc import Iterable

    from monitor.query.tree import Node

_PAIRS: Final = 30  # of one run of Han; more tell nothing more


@dataclass(frozen=True, slots=True)
class Word:
    """A word of the index, or with *prefix* any that begins so."""

    text: str
    prefix: bool = False


@dataclass(frozen=True, slots=True)
class AllOf:
    """All of them are needed."""

    needs: tuple[Need, ...]


@dataclass(frozen=True, slots=True)
class AnyOf:
    """One of them is needed."""

    needs: tuple[Need, ...]


Need: TypeAlias = Word | AllOf | AnyOf


def narrow(node: Node) -> Need | None:
    """Return what the index must have of a text that answers *node*; None if nothing is known."""
    match node:
        case Phrase(parts, prefix):
            last = len(parts) - 1
            words = (
                word
                for at, part in enumerate(parts)
                for word in _words(part, prefix=prefix and at == last)
            )
            return _all(words)
        case And(items):
            return _all(need for item in items if (need := narrow(item)))
        case Or(items):
            return _any(narrow(item) for item in items)
        case Near(left, right):
            return _all(need for side in (left, right) if (need := _any(map(narrow, side))))
        case Sentence(item):
            return narrow(item)
        case _:
            return None


def alternatives(node: Node) -> tuple[Node, ...]:
    """Return the parts of a query of which one must hold: each may be narrowed by itself."""
    return node.items if isinstance(node, Or) and narrow(node) is None else (node,)


def _words(part: str, *, prefix: bool) -> list[Word]:
    """Return the words that a text has in which *part* stands."""
    if not is_solid(part):
        return [Word(part[:LONGEST], prefix or len(part) >= LONGEST)]
    if len(part) == 1:
        return [Word(part, prefix=True)]
    pairs = dict.fromkeys(part[at : at + 2] for at in range(len(part) - 1))
    return [Word(pair) for pair in list(pairs)[:_PAIRS]]


def _all(needs: Iterable[Need]) -> Need | None:
    found = tuple(dict.fromkeys(needs))
    return found[0] if len(found) == 1 else AllOf(found) if found else None


def _any(needs: Iterable[Need | None]) -> Need | None:
    found: list[Need] = []
    for need in needs:
        if need is None:
            return None
        found.append(need)
    return found[0] if len(found) == 1 else AnyOf(tuple(found)) if found else None
