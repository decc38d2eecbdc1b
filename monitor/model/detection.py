"""Detection: what was found in a text, why, and what a person said of it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from datetime import date, datetime
    from decimal import Decimal


Field = Literal["title", "summary"]


class Role(StrEnum):
    """What a term found in a text stands for."""

    COMPANY = "company"
    TOPIC = "topic"
    STAGE = "stage"
    REGULATOR = "regulator"
    AMOUNT = "amount"
    DATE = "date"


@dataclass(frozen=True, slots=True)
class Evidence:
    """A quote that made a hit: `getattr(article, field)[start:end] == text`."""

    role: Role
    field: Field
    start: int
    end: int
    text: str
    term: str

    def __reduce__(self) -> tuple[object, ...]:
        """Be made by one call when unpickled: setting field by field takes twice as long."""
        return Evidence, (self.role, self.field, self.start, self.end, self.text, self.term)


@dataclass(frozen=True, slots=True)
class Amount:
    """Money as printed: *value* in units of *currency* (ISO 4217), *text* the very words."""

    value: Decimal
    currency: str
    text: str


@dataclass(frozen=True, slots=True)
class ScorePart:
    """What one rule gave to a score: *rule* in words an analyst reads, *value* added or taken."""

    rule: str
    value: float

    def __reduce__(self) -> tuple[object, ...]:
        """Be made by one call when unpickled, as `Evidence`."""
        return ScorePart, (self.rule, self.value)


@dataclass(frozen=True, slots=True)
class Match:
    """A company and a topic met in one text; becomes a hit once stored.

    *rejected* is None for a match that is reported, else the reason why not. *possible* marks a
    rejected match that a reader should still be offered. *score* is the sum of *parts*, held
    between 0 and 1. *event_date* is the day the text gives for what happened.
    """

    company: str
    topic: str
    score: float
    sentence: str
    evidence: tuple[Evidence, ...]
    stage: str | None = None
    regulator: str | None = None
    amounts: tuple[Amount, ...] = ()
    rejected: str | None = None
    possible: bool = False
    parts: tuple[ScorePart, ...] = ()
    event_date: date | None = None

    def __reduce__(self) -> tuple[object, ...]:
        """Be made by one call when unpickled, as `Evidence`."""
        return Match, tuple(getattr(self, name) for name in self.__slots__)


class Verdict(StrEnum):
    """What an analyst said of a hit."""

    RELEVANT = "relevant"
    IRRELEVANT = "irrelevant"
    DUPLICATE = "duplicate"


@dataclass(frozen=True, slots=True)
class Review:
    """An analyst's verdict on a hit; the latest of a hit's reviews holds."""

    hit_id: int
    verdict: Verdict
    who: str
    at: datetime
    note: str | None = None
