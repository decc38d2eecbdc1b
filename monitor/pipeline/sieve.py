"""A sieve: which of many hits each subscription's filter lets through.

* Filters have parts in common, such as `topic:antitrust` or 罚款: each part is asked of each hit
  once, and its answers are the bits of one number.
* Texts are read only if a part asks for words: then once for all parts that are known to come, and
  not kept.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from itertools import chain, compress
from typing import TYPE_CHECKING, Final

from monitor.query import (
    Compares,
    HitFacts,
    Is,
    Piece,
    Together,
    asks_text,
    combined,
    matches,
    parts,
    read_filter,
)
from monitor.store import due
from monitor.store.engine import reading

if TYPE_CHECKING:
    from collections import deque
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from sqlalchemy import Engine

    from monitor.model import Kind, NearMissToTell, OpenHit
    from monitor.query import Node

KEPT: Final = 3000  # parts with their answers


@dataclass
class Sieve:
    """What lies in it, by number: an article's id, and what is known of its hit.

    *coming* are filters that will be asked for, in that order.
    """

    engine: Engine
    items: Sequence[tuple[int, Piece]]
    coming: deque[str]
    _of_facts: dict[Node, int] = field(default_factory=dict)
    _of_texts: dict[Node, int] = field(default_factory=dict)
    _by_field: dict[str, list[tuple[Piece, list[int]]]] = field(default_factory=dict)

    def through(self, text: str) -> Iterable[int]:
        """Return the numbers of the items that the filter *text* lets through, in order."""
        query = read_filter(text)
        bits = combined(query, self._answers(query), (1 << len(self.items)) - 1)
        return compress(range(len(self.items)), map("1".__eq__, reversed(f"{bits:b}")))

    def _answers(self, query: Node) -> dict[Node, int]:
        asked = set(parts(query))
        of_facts = {part for part in asked if isinstance(part, Is | Compares)}
        self._ask_facts(of_facts)
        self._ask_texts(asked - of_facts)
        return {
            part: (self._of_facts if part in of_facts else self._of_texts)[part] for part in asked
        }

    def _ask_facts(self, wanted: set[Is | Compares]) -> None:
        if len(self._of_facts) > KEPT:
            self._of_facts.clear()
        for part in wanted - self._of_facts.keys():
            alike = self._alike(part.name)
            found = (places for piece, places in alike if matches(part, piece))
            self._of_facts[part] = self._bits(chain.from_iterable(found))

    def _alike(self, field: str) -> list[tuple[Piece, list[int]]]:
        """Return the numbers of the items by what is known of *field*, with one item for each."""
        if field not in self._by_field:
            places: dict[object, list[int]] = {}
            for at, (_, piece) in enumerate(self.items):
                places.setdefault(_value(field, piece), []).append(at)
            self._by_field[field] = [(self.items[at[0]][1], at) for at in places.values()]
        return self._by_field[field]

    def _ask_texts(self, wanted: set[Node]) -> None:
        if wanted <= self._of_texts.keys():
            return
        if len(self._of_texts) > KEPT:
            self._of_texts.clear()
        asked = wanted - self._of_texts.keys()
        while self.coming and len(asked) < KEPT:
            asked.update(filter(asks_text, parts(read_filter(self.coming.popleft()))))
        ordered = list(asked)
        found: list[list[int]] = [[] for _ in ordered]
        together = Together(ordered)
        places: dict[int, list[int]] = {}
        for at, (article, _) in enumerate(self.items):
            places.setdefault(article, []).append(at)
        with reading(self.engine) as connection:
            for article, title, summary in due.texts(connection, places):
                piece = replace(self.items[places[article][0]][1], title=title, summary=summary)
                for number in together.answered(piece):
                    found[number].extend(places[article])
        self._of_texts |= {part: self._bits(at) for part, at in zip(ordered, found, strict=True)}

    def _bits(self, places: Iterable[int]) -> int:
        bits = bytearray(len(self.items) // 8 + 1)
        for at in places:
            bits[at >> 3] |= 1 << (at & 7)
        return int.from_bytes(bits, "little")


def _value(field: str, piece: Piece) -> object:
    if field == "feed":
        return piece.feed
    if field == "lang":
        return piece.language
    if field == "amount":
        return piece.hit and (piece.hit.amount, piece.hit.currency)
    return getattr(piece.hit, field)


def of_hit(kind: Kind, hit: OpenHit) -> tuple[int, Piece]:
    """Return a hit as it lies in a sieve; its stage is its story's."""
    numbers = hit.regulator, hit.amount, hit.currency
    return hit.article_id, _piece(kind, hit.feed, hit.found_at, *numbers)


def of_near_miss(it: NearMissToTell) -> tuple[int, Piece]:
    """Return a near-miss as it lies in a sieve: it has no stage, regulator or amount."""
    return it.article_id, _piece(it.kind, it.feed, it.found_at)


def _piece(
    kind: Kind,
    feed: str,
    at: datetime,
    regulator: str | None = None,
    amount: float | None = None,
    currency: str | None = None,
) -> Piece:
    facts = HitFacts(kind.company, kind.topic, kind.stage, regulator, amount, currency, kind.score)
    return Piece("", "", feed, kind.language, at, facts)
