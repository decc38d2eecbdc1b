"""The vocabulary: one word, one frozen value, used in code, tables, commands and mails alike.

* Instants are aware UTC `datetime`; spans of time are `timedelta`; bare numbers carry a unit.
* A `Span` counts code points of the named field as it is stored: `text[start:end]` is the quote.
* Nothing here reads a clock, a file, a setting or a database.

The meaning of each word is in docs/glossary.md.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Literal

from monitor.documents import Document as Document  # noqa: PLC0414 - a word of ours, too
from monitor.documents import Entry as Entry  # noqa: PLC0414 - a word of ours, too
from monitor.documents import Page as Page  # noqa: PLC0414 - a word of ours, too
from monitor.documents import WebPage as WebPage  # noqa: PLC0414 - a word of ours, too
from monitor.documents import Wishes as Wishes  # noqa: PLC0414 - a word of ours, too

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import date, datetime, time, timedelta
    from decimal import Decimal
    from zoneinfo import ZoneInfo

Field = Literal["title", "summary"]


# --- feeds -------------------------------------------------------------------------------------


class FeedState(StrEnum):
    """Health of a feed; the rules are in `monitor.feeds.health`."""

    PROBATION = "probation"  # never answered with a feed yet
    OK = "ok"
    STALE = "stale"  # answers, but has brought nothing new for long, by its own rhythm
    PLACEHOLDER = "placeholder"  # answers with a notice that stands in for the feed
    FAILING = "failing"  # the last poll failed
    DEAD = "dead"  # failed for long, or the server said 410 Gone
    OFF = "off"  # switched off, or no longer in the configuration


class PollOutcome(StrEnum):
    """How one poll ended."""

    STORED = "stored"  # an answer that was read and stored
    UNCHANGED = "unchanged"  # 304, or the same bytes as last time
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Feed:
    """A feed as configured. *key* is its id; *company* binds every article to one company."""

    key: str
    url: str
    name: str
    language: str | None = None
    interval: timedelta | None = None
    terms: str | None = None
    company: str | None = None
    enabled: bool = True
    page: Page | None = None
    full_text: bool = False


@dataclass(frozen=True, slots=True)
class Rhythm:
    """How a feed publishes, as far as it was watched; the rules are in `monitor.feeds.rhythm`.

    *news_at* is when it last brought something new; *gaps* are the last waits between polls that
    did; *dated_gap* is the usual time between the dates of its entries.
    """

    news_at: datetime | None = None
    gaps: tuple[timedelta, ...] = ()
    dated_gap: timedelta | None = None


@dataclass(frozen=True, slots=True)
class FeedToPoll:
    """A claimed feed: what is needed to ask for it again, and how it fared so far.

    *address* is what is asked: *url*, or *moved_to* once a permanent redirect has held for long.
    *host* is what few feeds at once may be asked of, None where any number may. *haste* counts
    how often its interval was halved after gaps. *prints* and *shown* are of the entries it showed
    last, in order: what tells whether one is the same, and its article. With *full_text* the pages
    of its articles are read too. Until *push_until* a hub calls when it changes. *form* is posted
    to the address, which is then no feed's.
    """

    id: int
    key: str
    url: str
    name: str
    language: str | None
    company: str | None
    interval: timedelta | None
    etag: str | None
    last_modified: str | None
    body_hash: str | None
    failures: int
    last_ok_at: datetime | None = None
    host: str | None = None
    state: FeedState = FeedState.PROBATION
    rhythm: Rhythm = Rhythm()
    wishes: Wishes = Wishes()  # noqa: RUF009 - frozen
    haste: int = 0
    moved_to: str | None = None
    moved_since: datetime | None = None
    moved: bool = False
    page: Page | WebPage | None = None
    prints: bytes = b""
    shown: tuple[int, ...] = ()
    full_text: bool = False
    push_until: datetime | None = None
    form: tuple[tuple[str, str], ...] = ()

    @classmethod
    def once(
        cls,
        number: int,
        key: str,
        url: str,
        *,
        page: Page | WebPage | None = None,
        form: tuple[tuple[str, str], ...] = (),
    ) -> FeedToPoll:
        """Return what is asked for once, of which nothing is known and nothing remembered."""
        return cls(
            id=number,
            key=key,
            url=url,
            name=key,
            language=None,
            company=None,
            interval=None,
            etag=None,
            last_modified=None,
            body_hash=None,
            failures=0,
            page=page,
            form=form,
        )

    @property
    def address(self) -> str:
        """Return the address to ask."""
        return self.moved_to if self.moved and self.moved_to else self.url


@dataclass(frozen=True, slots=True, weakref_slot=True)
class Answer:
    """What a server answered: 200 with a body, or 304 without one; else a FetchError is raised.

    *body* is decoded from its content encoding (gzip, deflate, br, zstd) but not from its charset.
    *url* is the address after redirects; *moved_to* the one that permanent redirects lead to.
    *fresh_for* is how long HTTP says that nothing will change; *took* is the whole exchange.
    """

    status: int
    url: str
    body: bytes
    content_type: str | None = None
    etag: str | None = None
    last_modified: str | None = None
    retry_after: timedelta | None = None
    fresh_for: timedelta | None = None
    moved_to: str | None = None
    took: timedelta | None = None
    hub: str | None = None
    topic: str | None = None


# --- pushes ------------------------------------------------------------------------------------


class PushState(StrEnum):
    """Where it stands with the hub of a feed."""

    WANTED = "wanted"  # to be asked for
    ASKED = "asked"  # the hub has yet to ask back
    HELD = "held"  # the hub has promised to call
    REFUSED = "refused"  # the hub said no; it is asked again later
    LEAVING = "leaving"  # the hub is to stop


@dataclass(frozen=True, slots=True)
class Push:
    """What is known of a push when its hub speaks: whose it is, and what makes it ours."""

    feed: int
    feed_key: str
    topic: str
    secret: str = field(repr=False)
    state: PushState = PushState.WANTED


@dataclass(frozen=True, slots=True)
class PushToAsk:
    """A claimed push; *attempt* is the fence against whatever happens while its hub is asked."""

    id: int
    attempt: int
    hub: str
    topic: str
    token: str
    secret: str = field(repr=False)
    leaving: bool = False


# --- full texts --------------------------------------------------------------------------------


class FullTextStatus(StrEnum):
    """Where the reading of an article's page stands; the rules are in `monitor.feeds.fulltext`."""

    WAITING = "waiting"
    STORED = "stored"  # the article has the text of its page
    NOTHING = "nothing"  # the page has no more than the feed gave
    GIVEN_UP = "given_up"  # it could not be read, and is not tried again


@dataclass(frozen=True, slots=True)
class PageToRead:
    """A claimed page; *attempt* is the fence against a worker whose lease ran out.

    *title* and *lead* are the article's text as the feed gave it, its *revision*. *bound* is the
    company it is about, whatever it says.
    """

    id: int
    attempt: int
    article: int
    revision: int
    feed: str
    url: str
    title: str
    lead: str
    bound: str | None
    published_at: datetime | None


# --- detection ---------------------------------------------------------------------------------


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


# --- who may what ------------------------------------------------------------------------------


class UserRole(StrEnum):
    """What somebody may do on the pages; each may do what those before it may."""

    READER = "reader"
    REVIEWER = "reviewer"
    ADMIN = "admin"

    def covers(self, needed: UserRole) -> bool:
        """Return whether this role may do what *needed* may."""
        order = list(UserRole)
        return order.index(self) >= order.index(needed)


class Scope(StrEnum):
    """What a token may do with the API; to review is to read as well."""

    READ = "read"
    REVIEW = "review"

    @property
    def role(self) -> UserRole:
        """The role that may do the same."""
        return UserRole.READER if self is Scope.READ else UserRole.REVIEWER


# --- stories -----------------------------------------------------------------------------------


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


# --- subscriptions, digests, deliveries --------------------------------------------------------


class EmptyDay(StrEnum):
    """What a slot without hits gives."""

    SEND = "send"  # a "nothing new" mail: proof of life
    SKIP = "skip"
    WEEKLY = "weekly"  # one proof of life for each week in which nothing was sent


class CatchUp(StrEnum):
    """What slots give that passed while nothing ran."""

    ONE = "one"  # one digest, for the latest of them
    EACH = "each"  # a digest for each


@dataclass(frozen=True, slots=True)
class Schedule:
    """When a subscription's slots are: at local times of day, or at every multiple of *every*.

    Exactly one of *at* and *every* is set. *every* counts from midnight UTC, 1 January 1970.
    *open_on* tells of a local date whether it has slots at all, such as a business day; None means
    that all have.
    """

    zone: ZoneInfo
    at: tuple[time, ...] = ()
    every: timedelta | None = None
    open_on: Callable[[date], bool] | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Alerting:
    """What a subscription is told of at once: stories at *stages*, *companies* and *topics*.

    All companies or topics of the subscription if empty. *at_most* a mail each in an hour; nothing
    published longer ago than *max_age*.
    """

    stages: tuple[str, ...]
    at_most: int
    max_age: timedelta
    companies: tuple[str, ...] = ()
    topics: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Subscription:
    """Who gets what, when. *companies*, *topics*, *languages*, *stages*: all of them if empty.

    *templates* is a folder of its own templates.
    """

    name: str
    recipients: tuple[str, ...]
    schedule: Schedule
    companies: tuple[str, ...] = ()
    topics: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()
    min_score: float = 0.0
    empty: EmptyDay = EmptyDay.SEND
    stages: tuple[str, ...] = ()
    catch_up: CatchUp = CatchUp.ONE
    templates: str | None = None
    alert: Alerting | None = None


@dataclass(frozen=True, slots=True)
class Kind:
    """What decides whether a subscription wants a hit, or a near-miss.

    *stage* is the story's, since not every article of a fine says that it is one.
    """

    company: str
    topic: str
    stage: str | None
    language: str | None
    score: float


def wants(subscription: Subscription, kind: Kind) -> bool:
    """Return whether *subscription* is to be told of hits of that kind.

    "zh" wants "zh-Hans" too; an article that does not say its language is not left out.
    """
    language = kind.language
    return (
        kind.score >= subscription.min_score
        and (not subscription.companies or kind.company in subscription.companies)
        and (not subscription.topics or kind.topic in subscription.topics)
        and (not subscription.stages or kind.stage in subscription.stages)
        and (
            not subscription.languages
            or language is None
            or any(language.startswith(code) for code in subscription.languages)
        )
    )


@dataclass(frozen=True, slots=True)
class OpenHit:
    """A stored hit that may be due: what decides in which order it is told.

    *official* marks an authority's or exchange's own page, *searched* a search engine's feed;
    *story_stage* is its story's stage.
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


@dataclass(frozen=True, slots=True)
class NearMissToTell:
    """A near-miss that a reader should be offered."""

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


class DeliveryStatus(StrEnum):
    """Where one digest to one recipient stands."""

    WAITING = "waiting"
    HANDING_OVER = "handing_over"  # its last byte is about to leave, or has left
    SENT = "sent"
    REFUSED = "refused"
    FAILED = "failed"  # given up, after having been put off for days
    UNSURE = "unsure"
    UNSUBSCRIBED = "unsubscribed"  # its recipient left the list before it was handed over


class LeftBy(StrEnum):
    """How a recipient left a subscription, or came back."""

    ONE_CLICK = "one-click"  # a mail program's button (RFC 8058)
    PAGE = "page"
    OPERATOR = "operator"


class Way(StrEnum):
    """By what recipients are reached."""

    ANY = "any"
    MAIL = "mail"
    CHANNEL = "channel"


def is_address(recipient: str) -> bool:
    """Return whether *recipient* is a mail address; else it is the name of a channel."""
    return "@" in recipient


@dataclass(frozen=True, slots=True)
class DeliveryToMake:
    """A claimed delivery; *attempt* is the fence against a worker whose lease ran out.

    *recipient* is a mail address or the name of a channel. *resumed* says that an earlier attempt
    may have been taken by the server; *doubts* counts the attempts that were handed over whole and
    never answered. *head* and *body* are what an earlier attempt sent: see `Mail`. After
    *give_up_at* it is not put off any more.
    """

    id: int
    attempt: int
    recipient: str
    message_id: str
    subscription: str
    composed_at: datetime
    rendered: Rendered
    resumed: bool = False
    doubts: int = 0
    head: bytes | None = None
    body: bytes | None = None
    give_up_at: datetime | None = None
    brief: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Mail:
    """One message to one recipient. The same values always give the same bytes.

    *head* and *body*, if given, are its bytes as an earlier attempt sent them, and are what is sent
    again, whatever the settings have become: *head* is this recipient's own, *body* the same for
    all recipients of the digest. *brief* is what channels make theirs from (`digest/brief.py`).
    """

    message_id: str
    recipient: str
    list_name: str
    date: datetime
    subject: str
    text: str
    html: str
    attachments: tuple[Attachment, ...] = ()
    head: bytes | None = None
    body: bytes | None = None
    brief: Mapping[str, Any] | None = None


# --- companies, topics and the lexicon ---------------------------------------------------------


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
    """

    key: str
    name: str
    names: dict[str, str] = field(default_factory=dict)
    terms: tuple[Term, ...] = ()
    if_unlisted: str | None = None


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
