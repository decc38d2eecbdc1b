"""Stories: hits of one happening, and what is told of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import date, datetime

    from monitor.model.detection import Amount


@dataclass(frozen=True, slots=True)
class HitToGroup:
    """A hit as grouping reads it. *at* is when it was published, else first seen.

    Where only the year or month of that is known, *at* is its first instant and *until* its last.
    *subject* is the unit or person of the company that is named, None for the company itself.
    *names* are the quotes that name company, regulator and stage: no words to compare it by.
    """

    id: int
    company: str
    topic: str
    stage: str | None
    title: str
    at: datetime
    until: datetime | None = None
    summary: str = ""
    regulator: str | None = None
    amounts: tuple[Amount, ...] = ()
    event_date: date | None = None
    subject: str | None = None
    names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class OpenStory:
    """A story that may still take hits, with those it holds, in any order.

    *merged* says that an analyst put it together: it takes what either part would have taken.
    """

    id: int
    company: str
    topic: str
    hits: tuple[HitToGroup, ...]
    merged: bool = False


@dataclass(frozen=True, slots=True)
class Step:
    """An earlier story of the same proceeding: what came before. *at* is when it was first told."""

    story_id: int
    stage: str | None
    at: datetime
    headline: str


@dataclass(frozen=True, slots=True)
class Source:
    """A publisher's first article in a story, by the hit in it.

    *official* marks a regulator's or an exchange's own page, *comment* a round-up or an opinion.
    *at* is when it was published, else first seen. *joined* says why it is in this story.
    """

    hit_id: int
    publisher: str
    title: str
    url: str | None
    language: str | None
    at: datetime
    official: bool = False
    comment: bool = False
    joined: str | None = None


@dataclass(frozen=True, slots=True)
class Story:
    """Hits about one thing that happened, as a reader is told of it.

    *sources* has every publisher once, the head article's first; *earlier* the steps of the
    proceeding before this one, oldest first. *comment* marks a story that nobody reported yet but
    in a round-up or an opinion.
    """

    id: int
    company: str
    topic: str
    stage: str | None
    regulator: str | None
    amount_text: str | None
    headline: str
    first_at: datetime
    last_at: datetime
    hits: int
    sources: tuple[Source, ...]
    proceeding_id: int | None = None
    earlier: tuple[Step, ...] = ()
    comment: bool = False
