"""Edition: the content of one digest as values; everything it says, nothing about how it looks.

* It is JSON-ready, is stored with the digest, and is what templates get. Fields are only added.
* Words from a feed are plain text on one line, some of it marked as matched; a link is http or
  https or none at all. Instants are words in the reader's zone.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, is_dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from monitor.digest.excerpt import Piece

HIGH = 84  # the rank from which on a stage is a "high" one: a decision, a fine, a suspension...


@dataclass(frozen=True, slots=True)
class Source:
    """A further publisher of a story."""

    publisher: str
    title: str
    url: str | None
    language: str | None


@dataclass(frozen=True, slots=True)
class Past:
    """An earlier step of the proceeding that a story is a step of."""

    stage: str
    day: str


@dataclass(frozen=True, slots=True)
class Reason:
    """Words that made the hit: what they stand for, and the id of the term they are."""

    role: str
    text: str
    term: str


@dataclass(frozen=True, slots=True)
class Entry:
    """One story as a reader meets it; *hits* are the ids it reports, *hit* that of its head.

    *unit* is the part or person of the company that is named. *late* is said of an article whose
    own date lies well before the day it was found. *sources* counts publishers, the head's
    included; *others* are the rest of them, but *unlisted* ones.
    """

    story: int
    hit: int
    hits: tuple[int, ...]
    company: str
    unit: str | None
    topic: str
    stage: str | None
    rank: int
    regulator: str | None
    amount: str | None
    headline: tuple[Piece, ...]
    url: str | None
    publisher: str
    language: str | None
    published: str | None
    found: str
    late: str | None
    badges: tuple[str, ...]
    steps: tuple[Past, ...]
    excerpt: tuple[Piece, ...]
    why: tuple[Reason, ...]
    sources: int
    others: tuple[Source, ...]
    unlisted: int


@dataclass(frozen=True, slots=True)
class Change:
    """What became of something told before, or of a proceeding.

    *kind* is "stage", "alerted", "sources", "retitled" or "withdrawn"; *what* says it in words of
    ours. *before* is a former title.
    """

    kind: str
    company: str
    topic: str
    what: str
    title: str
    url: str | None
    language: str | None
    before: str | None = None


@dataclass(frozen=True, slots=True)
class Possible:
    """An article that was nearly a hit."""

    company: str
    topic: str
    title: str
    url: str | None
    publisher: str
    language: str | None


@dataclass(frozen=True, slots=True)
class Bar:
    """One day of the chart: how many hits, and how many of them at a high stage."""

    day: str
    hits: int
    high: int


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the coverage table."""

    feed: str
    state: str
    polls: int
    entries: int
    new: int
    matched: int


@dataclass(frozen=True, slots=True)
class Section:
    """The stories of one company that are not among the high ones."""

    company: str
    entries: tuple[Entry, ...]


@dataclass(frozen=True, slots=True)
class Edition:
    """The content of one digest.

    *slot* is ISO 8601 in UTC. *leads* name the gravest story, the fullest wording first.
    *stories* and *articles* count all that is new, *hidden* and *hidden_hits* what of it is not in
    the mail itself; *file* is what the attached list of all hits is called, *permalink* where the
    digest is on the web. *contact* is whom to write to in order to leave.
    """

    subscription: str
    slot: str
    day: str
    date: str
    period: str
    stories: int
    articles: int
    hits: int
    leads: tuple[str, ...]
    troubles: tuple[str, ...]
    notes: tuple[str, ...]
    feeds: int
    feeds_ok: int
    polls: int
    changed: tuple[Change, ...]
    changed_more: int
    high: tuple[Entry, ...]
    high_count: int
    sections: tuple[Section, ...]
    hidden: int
    hidden_hits: int
    file: str | None
    possible: tuple[Possible, ...]
    possible_more: int
    chart: tuple[Bar, ...]
    coverage: str
    table: tuple[Line, ...]
    rules: str
    fingerprint: str
    permalink: str | None
    contact: str | None


def as_json(edition: Edition) -> dict[str, Any]:
    """Return *edition* as JSON-ready values, to be stored with the digest."""
    plain: dict[str, Any] = _plain(edition)
    return plain


def _plain(value: Any) -> Any:  # noqa: ANN401 - whatever an edition holds
    # Less time than `dataclasses.asdict` takes, which copies what cannot change.
    kind: Any = type(value)
    if kind is str or kind is int or value is None:
        return value
    if kind is tuple:
        return [_plain(it) for it in value]
    names = _names_of(kind)
    return {name: _plain(getattr(value, name)) for name in names} if names else value


@cache
def _names_of(kind: type) -> tuple[str, ...]:
    return tuple(it.name for it in fields(kind)) if is_dataclass(kind) else ()
