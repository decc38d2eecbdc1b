"""What a query is asked of: an article, and one of its hits if there is one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime


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


@dataclass(frozen=True, slots=True)
class Piece:
    """An article's present text and what is known of it; *hit* is one of its hits, or None."""

    title: str
    summary: str
    feed: str
    language: str | None
    first_seen: datetime
    hit: HitFacts | None = None
