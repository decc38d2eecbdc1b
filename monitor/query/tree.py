"""The tree of a query: what must hold of an article and a hit of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime


@dataclass(frozen=True, slots=True)
class Phrase:
    """A word or several in a row, folded. *parts* are Latin words, or runs of Han and the like.

    With *prefix* the last one, if Latin, may go on.
    """

    parts: tuple[str, ...]
    prefix: bool = False


@dataclass(frozen=True, slots=True)
class And:
    """All of them hold."""

    items: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Or:
    """One of them holds."""

    items: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Not:
    """It does not hold."""

    item: Node


@dataclass(frozen=True, slots=True)
class Near:
    """One of *left* and one of *right* with at most *words* between, in whichever order."""

    left: tuple[Phrase, ...]
    right: tuple[Phrase, ...]
    words: int


@dataclass(frozen=True, slots=True)
class Sentence:
    """It holds of one sentence."""

    item: Node


@dataclass(frozen=True, slots=True)
class Is:
    """The field *name* has one of *values*; see `FIELDS` in `monitor.query.fields`."""

    name: str
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Seen:
    """The article was first seen at *since* or later, and before *until*."""

    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Compares:
    """A number of the hit (`amount` or `score`) compares so with *value*: ">", ">=", "<", "<="."""

    name: str
    sign: str
    value: float
    currency: str | None = None


Node: TypeAlias = Phrase | And | Or | Not | Near | Sentence | Is | Seen | Compares


def phrases(node: Node) -> Iterator[Phrase]:
    """Yield the phrases that a text may answer *node* with: none of what must not hold."""
    match node:
        case Phrase():
            yield node
        case And(items) | Or(items):
            for item in items:
                yield from phrases(item)
        case Sentence(item):
            yield from phrases(item)
        case Near(left, right):
            yield from left
            yield from right
        case _:
            return


def needs_hit(node: Node) -> bool:
    """Return whether nothing without a hit can answer *node*."""
    match node:
        case And(items):
            return any(map(needs_hit, items))
        case Or(items):
            return all(map(needs_hit, items))
        case Not():
            return False
        case _:
            return about_hits(node)


def about_hits(node: Node) -> bool:
    """Return whether *node* asks anything of a hit."""
    match node:
        case And(items) | Or(items):
            return any(map(about_hits, items))
        case Not(item) | Sentence(item):
            return about_hits(item)
        case Is(name):
            return name in {"company", "topic", "stage", "regulator", "currency"}
        case Compares():
            return True
        case _:
            return False
