"""The lexicon: companies, topics, and how they are written."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum


class Strength(StrEnum):
    """How much a term says by itself."""

    STRONG = "strong"
    CONTEXT = "context"  # counts only with one of its `needs` in the same sentence


@dataclass(frozen=True, slots=True)
class Term:
    """One spelling of a company, topic, stage or regulator. *id* is what evidence names.

    Matching rules are in `monitor.detect.terms`. *unless* lists longer phrases that hold the
    spelling but mean something else; *needs* lists words of which a `context` term wants one in
    its sentence, at most *near* characters away if that is not 0. *without* lists words that must
    not stand in the sentence. *after_company* lets a company's name directly before stand for the
    needs. *person* marks a person's name, which gives way to any company's. *always* keeps its
    topic where the topic has another for companies without listed shares.
    How a spelling, phrase or word is written is in `monitor.detect.lexicon`.
    """

    id: str
    text: str
    strength: Strength = Strength.STRONG
    case: bool = False
    unless: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    near: int = 0
    without: tuple[str, ...] = ()
    after_company: bool = False
    person: bool = False
    always: bool = False


@dataclass(frozen=True, slots=True)
class Company:
    """Who is watched. *units* and people report under the company: their terms are its terms.

    *listed* is False for a company none of whose shares are listed: a listing is its first.
    *identifiers* are its numbers by kind: "lei", "cik", "isin", "wikidata", and those of its units.
    """

    key: str
    name: str
    names: dict[str, str] = field(default_factory=dict)  # language -> name, for pages and mails
    terms: tuple[Term, ...] = ()
    listed: bool = True
    identifiers: dict[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Topic:
    """What about: its terms are the words that say so.

    *if_unlisted* is the key of the topic that its words mean for a company without listed shares.
    *queries* have a query as their text, in the language of searches: a text that answers one tells
    of the topic.
    """

    key: str
    name: str
    names: dict[str, str] = field(default_factory=dict)
    terms: tuple[Term, ...] = ()
    if_unlisted: str | None = None
    queries: tuple[Term, ...] = ()


@dataclass(frozen=True, slots=True)
class Label:
    """A stage or a regulator: a key, names and terms.

    *rank* orders stages, gravest highest. *topics*, if not empty, are the only ones it stands by;
    it stands by none of *not_topics*.
    """

    key: str
    name: str
    names: dict[str, str] = field(default_factory=dict)
    terms: tuple[Term, ...] = ()
    rank: int = 0
    topics: tuple[str, ...] = ()
    not_topics: tuple[str, ...] = ()

    def fits(self, topic: str) -> bool:
        """Return whether it may stand by *topic*."""
        return topic in (self.topics or (topic,)) and topic not in self.not_topics
