"""Rules: queries that say what a topic is found by; each is decided as a search decides it.

* A rule asks for words alone: it has no fields, and something in it has to be there, so that it
  can be quoted.
* `gates` are a few of its words, of which any text that answers it has one: an automaton can look
  for those of all rules at once.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Final

from monitor.query.lex import mistake
from monitor.query.parse import parse
from monitor.query.tree import And, Near, Or, Phrase, Sentence
from monitor.text.words import is_bare, is_idle

if TYPE_CHECKING:
    from collections.abc import Iterable

    from monitor.query.tree import Node

_REMEMBERED: Final = 500


@lru_cache(maxsize=_REMEMBERED)
def read_rule(text: str) -> Node:
    """Return the tree of a topic's query. Raises QueryError."""
    node = parse(text, now=None, words_only=True)
    found = gates(node)
    if found is None:
        said = "it can hold where none of its words stands, so that nothing could be quoted"
        raise mistake(text, 0, len(text), said, "say what must be there, such as IPO NOT rumour")
    if idle := [it.parts[0] for it in found if _is_idle(it)]:
        said = f'"{idle[0]}" answers it, which stands in every text'
        raise mistake(text, 0, len(text), said, "look for it beside a word that tells something")
    return node


def _is_idle(gate: Phrase) -> bool:
    return is_idle(gate.parts[0]) or is_bare(gate.parts[0])


def gates(node: Node) -> frozenset[Phrase] | None:
    """Return phrases of one part each, one of which any text has that answers *node*.

    None if there are no such.
    """
    match node:
        case Phrase(parts, prefix):
            last = len(parts) - 1
            return _rarest(
                frozenset({Phrase((part,), prefix and at == last)}) for at, part in enumerate(parts)
            )
        case And(items):
            return _rarest(map(gates, items))
        case Or(items):
            return _union(map(gates, items))
        case Near(left, right):
            return _rarest(_union(map(gates, side)) for side in (left, right))
        case Sentence(item):
            return gates(item)
        case _:
            return None


def _union(found: Iterable[frozenset[Phrase] | None]) -> frozenset[Phrase] | None:
    every = list(found)
    known = [it for it in every if it is not None]
    return frozenset().union(*known) if len(known) == len(every) else None


def _rarest(found: Iterable[frozenset[Phrase] | None]) -> frozenset[Phrase] | None:
    """Return those of *found* that the fewest texts are likely to have: few, and long ones."""
    known = [it for it in found if it is not None]
    return min(known, key=_commonness, default=None)


def _commonness(gate: frozenset[Phrase]) -> float:
    return sum(1 if _is_idle(it) else 1 / len(it.parts[0].encode()) for it in gate)
