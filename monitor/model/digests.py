"""Digests: what one is made from, and what it is made into."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    from monitor.model.detection import Evidence
    from monitor.model.feeds import FeedState
    from monitor.model.subscriptions import Kind


@dataclass(frozen=True, slots=True)
class OpenHit:
    """A stored hit that may be due: what decides in which order it is told.

    *official* marks an authority's or exchange's own page, *searched* a search engine's feed;
    *story_stage* is its story's stage. The last three are for filters.
    """

    id: int
    story_id: int
    article_id: int
    company: str
    topic: str
    found_at: datetime
    feed: str
    official: bool
    searched: bool
    story_stage: str | None
    regulator: str | None = None
    amount: float | None = None
    currency: str | None = None


@dataclass(frozen=True, slots=True)
class NearMissToTell:
    """A near-miss that a reader should be offered."""

    article_id: int
    feed: str
    kind: Kind
    found_at: datetime
    title: str
    url: str | None
    publisher: str
    language: str | None


@dataclass(frozen=True, slots=True)
class Alteration:
    """What became of an article after it was reported, by a hit in it.

    *before* is its former title where it has another now; None says that the hit was withdrawn.
    """

    hit_id: int
    company: str
    topic: str
    at: datetime
    title: str
    before: str | None
    url: str | None
    language: str | None


@dataclass(frozen=True, slots=True)
class Alerted:
    """A story that a subscription was told of at once, at *stage*; *url* is its head's."""

    story_id: int
    company: str
    topic: str
    stage: str
    at: datetime
    headline: str
    url: str | None
    language: str | None


@dataclass(frozen=True, slots=True)
class ReportedHit:
    """A stored hit with its article: all a digest entry needs."""

    id: int
    company: str
    topic: str
    stage: str | None
    regulator: str | None
    amount_text: str | None
    score: float
    sentence: str
    evidence: tuple[Evidence, ...]
    found_at: datetime
    story_id: int
    headline: str  # of the story
    title: str
    summary: str
    url: str | None
    publisher: str | None
    language: str | None
    published_at: datetime | None
    feed: str


@dataclass(frozen=True, slots=True)
class FeedTrouble:
    """A feed that is not well, for the coverage line; *tries* are the failures since it was."""

    name: str
    state: FeedState
    last_ok_at: datetime | None
    error: str | None
    tries: int = 0


@dataclass(frozen=True, slots=True)
class FeedFigures:
    """What one feed did in the time a digest stands for."""

    key: str
    name: str
    state: FeedState
    polls: int
    entries: int
    new: int


@dataclass(frozen=True, slots=True)
class FeedEvent:
    """Something that happened to a feed, and when."""

    name: str
    at: datetime


class DigestKind(StrEnum):
    """What a row of digests is."""

    DIGEST = "digest"  # an edition for a slot
    ALERT = "alert"  # sent at once, for one story or several


@dataclass(frozen=True, slots=True)
class Undelivered:
    """An earlier digest or alert that *missing* of its *recipients* have not got."""

    slot: datetime
    missing: int
    recipients: int
    kind: DigestKind = DigestKind.DIGEST


@dataclass(frozen=True, slots=True)
class Coverage:
    """What was polled in the time a digest stands for; *since* is None for a first digest.

    *gaps* are polls after which entries may be missing, *removed* feeds that are no longer polled.
    *lexicon* is the fingerprint of the rules of the digest before, if there was one.
    """

    since: datetime | None
    until: datetime
    feeds: int
    feeds_ok: int
    polls: int
    entries: int
    new_articles: int
    troubled: tuple[FeedTrouble, ...]
    undelivered: tuple[Undelivered, ...] = ()
    figures: tuple[FeedFigures, ...] = ()
    gaps: tuple[FeedEvent, ...] = ()
    removed: tuple[FeedEvent, ...] = ()
    lexicon: str | None = None


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file that goes with a mail; *kind* is its media type, such as `text/csv`."""

    name: str
    kind: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Rendered:
    """A digest as it will be sent: frozen, so that every attempt sends the same bytes."""

    subject: str
    text: str
    html: str
    attachments: tuple[Attachment, ...] = ()
