"""What comes out of the API, as pydantic models: the only description there is.

The columns of lists are those of the views for analysts (docs/guide/sql.md).
"""

from datetime import date, datetime
from typing import Any, Generic, TypeVar

from pydantic import BaseModel, ConfigDict

from monitor.web.api.takes import Kind, Shape

Item = TypeVar("Item")


class Page(Shape, Generic[Item]):
    """A page of a list; it may have fewer than `limit` items, and yet not be the last."""

    items: list[Item]
    next: str | None
    """The cursor of the next page; null if this is the last one."""


class Hit(Shape):
    """A company and a topic that met in an article."""

    hit_id: int
    found_at: datetime
    published_at: datetime | None
    company: str
    topic: str
    stage: str | None
    regulator: str | None
    amount: float | None
    currency: str | None
    score: float
    verdict: str | None
    title: str
    url: str | None
    publisher: str | None
    language: str | None
    feed: str
    story_id: int | None
    sentence: str
    event_date: date | None


class Quote(Shape):
    """Words that made a hit: `field` of the article, from `start` to `end` in code points."""

    role: str
    field: str
    start: int
    end: int
    text: str
    term: str


class HitInFull(Hit):
    """A hit with the words that made it."""

    evidence: list[Quote]


class Story(Shape):
    """What happened, however many reported it."""

    story_id: int
    company: str
    topic: str
    stage: str | None
    headline: str
    first_seen: datetime
    last_seen: datetime
    sources: int
    hits: int
    regulator: str | None
    amount: float | None
    currency: str | None
    proceeding_id: int | None
    head_hit_id: int | None


class ProceedingStep(Shape):
    """A story that is a step of the same proceeding."""

    story_id: int
    stage: str | None
    first_seen: datetime
    headline: str


class ToldIn(Shape):
    """A digest that told of a story."""

    digest_id: int
    subscription: str
    slot: datetime
    recipients: int
    sent: int


class StoryInFull(Story):
    """A story with its proceeding and who was told; its hits are at `/hits?story=`."""

    proceeding: list[ProceedingStep]
    told_in: list[ToldIn]


class Article(Shape):
    """One published piece, matched or not."""

    article_id: int
    first_seen: datetime
    published_at: datetime | None
    title: str
    url: str | None
    publisher: str | None
    language: str | None
    feed: str
    hits: int
    revision: int
    summary: str | None


class Feed(Shape):
    """A feed and how it fares."""

    feed_id: str
    name: str
    url: str
    enabled: bool
    state: str
    state_since: datetime | None
    state_reason: str | None
    last_ok_at: datetime | None
    last_error: str | None
    failures: int
    gaps: int
    last_gap_at: datetime | None
    newest_article_at: datetime | None
    next_poll_at: datetime
    moved_to: str | None
    articles: int
    hits: int


class Poll(Shape):
    """One request to a feed."""

    poll_id: int
    at: datetime
    outcome: str
    status: int | None
    took_ms: int | None
    entries: int
    new: int
    gap: bool
    error: str | None


class FeedInFull(Feed):
    """A feed with its last hundred polls."""

    polls: list[Poll]


class Digest(Shape):
    """One edition for one subscription and slot."""

    digest_id: int
    subscription: str
    slot: datetime
    composed_at: datetime
    subject: str
    recipients: int
    sent: int


class Delivery(Shape):
    """What became of a digest for one recipient; what was sent is at `/deliveries/ID.eml`."""

    delivery_id: int
    recipient: str
    status: str
    attempts: int
    message_id: str
    sent_at: datetime | None
    next_attempt_at: datetime | None
    last_error: str | None


class DigestInFull(Shape):
    """A digest exactly as it was sent; its words are empty once retention deleted them."""

    digest_id: int
    subscription: str
    slot: datetime
    composed_at: datetime
    subject: str
    lexicon: str
    text: str
    html: str
    hits: int
    deleted_at: datetime | None
    deliveries: list[Delivery]


class Company(Shape):
    """What was told of a company lately: its stories by topic and by week."""

    company: str
    name: str
    watched: bool
    since: datetime
    """When the first of the weeks began; the last ends with today."""
    stories: int
    topics: dict[str, int]
    weeks: list[int]
    newest_story_id: int | None


class Subscription(Shape):
    """Who is sent digests of what, and when next; in the order of the configuration."""

    subscription: str
    recipients: list[str]
    """Addresses, and names of channels."""
    left: list[str]
    """Those of them who get it no more."""
    next_slot: datetime | None
    companies: list[str]
    topics: list[str]
    stages: list[str]


class Review(Shape):
    """An analyst's verdict on a hit."""

    review_id: int
    at: datetime
    who: str
    hit_id: int
    verdict: str
    note: str | None
    company: str
    topic: str
    stage: str | None
    score: float
    feed: str
    title: str
    url: str | None
    holds: bool


class Search(Shape):
    """A saved search; its answers are at `/KIND?q=QUERY`."""

    search_id: int
    name: str
    query: str
    kind: Kind
    who: str
    made_at: datetime
    changed_at: datetime


class ProblemDetails(BaseModel):
    """What is wrong (RFC 9457); some problems have members of their own."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    type: str
    """`about:blank`, or `urn:monitor:problem:` and what it is, such as `query` or `parameters`."""
    title: str
    status: int
    detail: str
    errors: list[dict[str, Any]] | None = None
    """Of `parameters` and `body`: each mistake with its place."""
    shown: str | None = None
    """Of `query`: the query with a caret under the mistake."""
    start: int | None = None
    """Of `query`: where the mistake begins, in code points."""
    end: int | None = None
    """Of `query`: where it ends."""
    hint: str | None = None
    """Of `query`: what may help."""
