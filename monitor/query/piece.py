"""What a query is asked of: an article, and one of its hits if there is one.

* A text is folded and cut when something is first asked of it, and once only.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from monitor.query.terms import units
from monitor.text.folding import fold
from monitor.text.sentences import Sentences

if TYPE_CHECKING:
    from datetime import datetime

    from monitor.query.tree import Phrase


class Text:
    """A title or summary, folded, with what is worked out of it when first asked for.

    Places are spans of `folded`.
    """

    def __init__(self, text: str) -> None:
        self.folded = fold(text).text
        self.whole = 0, len(self.folded)
        self.places: dict[tuple[Phrase, ...], list[tuple[int, int]]] = {}  # in words, as found

    @cached_property
    def units(self) -> list[int]:
        """Where its words start; each Han character counts as one."""
        return units(self.folded)

    @cached_property
    def sentences(self) -> list[tuple[int, int]]:
        """Where its sentences stand."""
        if not self.folded:
            return []
        cut = Sentences(self.folded)
        last = cut.number(len(self.folded) - 1)
        return [cut.span(number) for number in range(last + 1)]


@dataclass(frozen=True, slots=True)
class HitFacts:
    """What a query may ask of a hit."""

    company: str
    topic: str
    stage: str | None = None
    regulator: str | None = None
    amount: float | None = None
    currency: str | None = None
    score: float = 0.0


@dataclass(frozen=True)
class Piece:
    """An article's present text and what is known of it; *hit* is one of its hits, or None."""

    title: str
    summary: str
    feed: str
    language: str | None
    first_seen: datetime
    hit: HitFacts | None = None

    @cached_property
    def texts(self) -> tuple[Text, Text]:
        """Title and summary as they are searched."""
        return Text(self.title), Text(self.summary)
