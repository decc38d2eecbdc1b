"""The tables. What must happen once has a unique constraint here; what is asked often, an index.

* Instants are `Instant` (aware, UTC). Words such as states are text, so that SQL can be read.
* A table of this file may change with any migration; analysts rely on its views.
* `key` columns identify a thing by what it is; `id` columns are numbers for joins.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Column,
    Date,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Numeric,
    Table,
    Text,
    UniqueConstraint,
    false,
    text,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

from monitor.store.types import Instant

SCHEMA = "0017"  # the migration these tables need; the newest in migrations/versions

NAMING = {  # so that a migration can name what it alters, on both databases
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s",
    "pk": "pk_%(table_name)s",
}


UNGROUPED = text("story_id IS NULL")
LIVE = text("withdrawn_at IS NULL")
UNMATCHED = text("matched_with IS NULL")
UNINDEXED = text("indexed IS NULL OR indexed = 0")
WITHDRAWN = text("withdrawn_at IS NOT NULL")
NO_PARTS = text("'[]'")
ZERO = text("0")
DIGEST = text("'digest'")
STILL_AWAY = text("returned_at IS NULL")


class Base(DeclarativeBase):
    """The declarative base: text without length, instants in UTC."""

    metadata = MetaData(naming_convention=NAMING)
    type_annotation_map = {  # noqa: RUF012 - SQLAlchemy reads it from the class
        datetime: Instant(),
        date: Date(),
        int: BigInteger().with_variant(Integer, "sqlite"),  # SQLite counts only INTEGER keys up
        str: Text(),
        bytes: LargeBinary(),
        dict[str, Any]: JSON(),
        list[Any]: JSON(),
    }


class FeedRow(Base):
    """A feed: what the configuration says of it, when it is due, how it fared.

    `usual_s` is the interval the configuration gave it at the last start, `host` what it shares
    with feeds that are asked with it one after another. `articles` are those it showed last, and
    `prints` tells which of their entries are still the same: null, or of each article one. Whoever
    deletes articles empties it.
    """

    __tablename__ = "feeds"

    id: Mapped[int] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(unique=True)
    url: Mapped[str]
    name: Mapped[str]
    language: Mapped[str | None]
    company: Mapped[str | None]
    interval_s: Mapped[int | None]
    page: Mapped[dict[str, Any] | None]
    usual_s: Mapped[int | None]
    host: Mapped[str | None]
    enabled: Mapped[bool] = mapped_column(default=True)
    due_at: Mapped[datetime] = mapped_column(index=True)
    claimed_by: Mapped[str | None]
    state: Mapped[str] = mapped_column(default="probation")
    state_since: Mapped[datetime | None]
    state_reason: Mapped[str | None]
    failures: Mapped[int] = mapped_column(default=0)
    last_ok_at: Mapped[datetime | None]
    last_error: Mapped[str | None]
    etag: Mapped[str | None]
    last_modified: Mapped[str | None]
    body_hash: Mapped[str | None]
    moved_to: Mapped[str | None]
    moved_since: Mapped[datetime | None]
    articles: Mapped[list[Any] | None]
    prints: Mapped[bytes | None]
    gaps: Mapped[int] = mapped_column(default=0, server_default=ZERO)
    gap_at: Mapped[datetime | None]
    haste: Mapped[int] = mapped_column(default=0, server_default=ZERO)
    news_at: Mapped[datetime | None]
    rhythm: Mapped[dict[str, Any] | None]
    wishes: Mapped[dict[str, Any] | None]
    full_text: Mapped[bool] = mapped_column(default=False, server_default=false())
    push_until: Mapped[datetime | None]


class PushRow(Base):
    """A hub that is asked to call when a feed changes. Its address ends in `token`.

    `due_at` is when the hub is to be asked next; `pending` that it called and the feed is to be
    made due.
    """

    __tablename__ = "pushes"

    id: Mapped[int] = mapped_column(primary_key=True)
    feed_id: Mapped[int] = mapped_column(ForeignKey("feeds.id"), unique=True)
    hub: Mapped[str]
    topic: Mapped[str]
    token: Mapped[str] = mapped_column(unique=True)
    secret: Mapped[str]
    state: Mapped[str]
    due_at: Mapped[datetime | None] = mapped_column(index=True)
    claimed_by: Mapped[str | None]
    attempts: Mapped[int] = mapped_column(default=0, server_default=ZERO)
    lease_until: Mapped[datetime | None]
    pushed_at: Mapped[datetime | None]
    pending: Mapped[bool] = mapped_column(default=False, server_default=false())
    error: Mapped[str | None]


class PollRow(Base):
    """The ledger: one request to a feed and its outcome.

    `entries` is the sum of `new`, `known`, `revised` and `rejected`. `overlap` is how many of them
    the feed showed at the poll before, null where there is nothing to compare.
    """

    __tablename__ = "polls"
    __table_args__ = (Index(None, "feed_id", "at"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    feed_id: Mapped[int] = mapped_column(ForeignKey("feeds.id"))
    at: Mapped[datetime] = mapped_column(index=True)
    outcome: Mapped[str]
    status: Mapped[int | None]
    bytes: Mapped[int] = mapped_column(default=0)
    entries: Mapped[int] = mapped_column(default=0)
    new: Mapped[int] = mapped_column(default=0)
    known: Mapped[int] = mapped_column(default=0)
    revised: Mapped[int] = mapped_column(default=0)
    rejected: Mapped[int] = mapped_column(default=0)
    overlap: Mapped[int | None]
    gap: Mapped[bool] = mapped_column(default=False, server_default=false())
    newest_at: Mapped[datetime | None]
    took_ms: Mapped[int | None]
    handed_over: Mapped[str | None]
    error: Mapped[str | None]
    notes: Mapped[list[Any] | None]


class ArticleRow(Base):
    """One published piece, in its present revision. `matched_with` is null if detection failed.

    `indexed` tells whether its words are in the search index: see `monitor.store.index`.
    """

    __tablename__ = "articles"
    __table_args__ = (
        Index(None, "feed_id", "first_seen", "published_at"),
        Index("ix_articles_unmatched", "id", sqlite_where=UNMATCHED, postgresql_where=UNMATCHED),
        Index("ix_articles_unindexed", "id", sqlite_where=UNINDEXED, postgresql_where=UNINDEXED),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(unique=True)
    link: Mapped[str | None] = mapped_column(index=True)
    url: Mapped[str | None]
    feed_id: Mapped[int] = mapped_column(ForeignKey("feeds.id"))
    title: Mapped[str]
    summary: Mapped[str]
    language: Mapped[str | None]
    publisher: Mapped[str | None]
    published_at: Mapped[datetime | None]
    first_seen: Mapped[datetime] = mapped_column(index=True)
    revision: Mapped[int] = mapped_column(default=1)
    matched_with: Mapped[str | None]
    indexed: Mapped[int | None]


class RevisionRow(Base):
    """A text that an article had before: `number` is the revision it was."""

    __tablename__ = "revisions"
    __table_args__ = (UniqueConstraint("article_id", "number"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    article_id: Mapped[int] = mapped_column(ForeignKey("articles.id"))
    number: Mapped[int]
    title: Mapped[str]
    summary: Mapped[str]
    replaced_at: Mapped[datetime] = mapped_column(index=True)


class FullTextRow(Base):
    """The reading of an article's page, for a feed that says so.

    `due_at` is null when nothing more is to be done; `asked_at` is when the page was last asked
    for, so that a host is given pauses.
    """

    __tablename__ = "full_texts"

    id: Mapped[int] = mapped_column(primary_key=True)
    article_id: Mapped[int] = mapped_column(ForeignKey("articles.id"), unique=True)
    feed_id: Mapped[int] = mapped_column(ForeignKey("feeds.id"), index=True)
    host: Mapped[str]
    status: Mapped[str]
    due_at: Mapped[datetime | None] = mapped_column(index=True)
    claimed_by: Mapped[str | None]
    attempts: Mapped[int] = mapped_column(default=0, server_default=ZERO)
    asked_at: Mapped[datetime | None] = mapped_column(index=True)
    error: Mapped[str | None]


class SightingRow(Base):
    """An article seen in a feed, under that feed's own id for it ("" if it gives none)."""

    __tablename__ = "sightings"
    __table_args__ = (UniqueConstraint("feed_id", "guid", "article_id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    feed_id: Mapped[int] = mapped_column(ForeignKey("feeds.id"))
    guid: Mapped[str]
    article_id: Mapped[int] = mapped_column(ForeignKey("articles.id"), index=True)
    content_hash: Mapped[str]


class HitRow(Base):
    """A company and a topic met in an article. `revision` is the text its evidence quotes.

    `amounts` are all sums of its sentence, `amount` the first. `joined` says why it is in its
    story.
    `withdrawn_at` is set while the rules no longer find it; a `quiet` hit is in no digest.
    """

    __tablename__ = "hits"
    __table_args__ = (
        UniqueConstraint("article_id", "company", "topic", "revision"),
        Index(None, "company", "topic", "found_at"),
        Index(None, "company", "article_id"),
        Index("ix_hits_live", "article_id", sqlite_where=LIVE, postgresql_where=LIVE),
        Index("ix_hits_ungrouped", "id", sqlite_where=UNGROUPED, postgresql_where=UNGROUPED),
        Index(
            "ix_hits_withdrawn_at",
            "withdrawn_at",
            sqlite_where=WITHDRAWN,
            postgresql_where=WITHDRAWN,
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    article_id: Mapped[int] = mapped_column(ForeignKey("articles.id"))
    revision: Mapped[int]
    company: Mapped[str]
    topic: Mapped[str]
    score: Mapped[float]
    stage: Mapped[str | None]
    regulator: Mapped[str | None]
    amount: Mapped[float | None] = mapped_column(Numeric(24, 2, asdecimal=False))
    currency: Mapped[str | None]
    amount_text: Mapped[str | None]
    amounts: Mapped[list[Any] | None]
    event_date: Mapped[date | None]
    sentence: Mapped[str]
    evidence: Mapped[list[Any]]
    parts: Mapped[list[Any]] = mapped_column(default=list, server_default=NO_PARTS)
    lexicon: Mapped[str]
    found_at: Mapped[datetime] = mapped_column(index=True)
    quiet: Mapped[bool] = mapped_column(default=False, server_default=false())
    withdrawn_at: Mapped[datetime | None]
    story_id: Mapped[int | None] = mapped_column(ForeignKey("stories.id"), index=True)
    joined: Mapped[str | None]


class NearMissRow(Base):
    """A company and a topic that stand in an article and were not reported, with the reason.

    `possible` marks one that a reader should still be offered.
    """

    __tablename__ = "near_misses"
    __table_args__ = (UniqueConstraint("article_id", "company", "topic"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    article_id: Mapped[int] = mapped_column(ForeignKey("articles.id"))
    revision: Mapped[int]
    company: Mapped[str]
    topic: Mapped[str]
    score: Mapped[float]
    reason: Mapped[str]
    possible: Mapped[bool]
    sentence: Mapped[str]
    evidence: Mapped[list[Any]]
    parts: Mapped[list[Any]]
    lexicon: Mapped[str]
    found_at: Mapped[datetime] = mapped_column(index=True)


class StoryRow(Base):
    """Hits about one thing that happened.

    `headline` is the title of the hit `head_hit_id`. A story that an analyst merged into another
    has no hits left and says where they are.
    """

    __tablename__ = "stories"
    __table_args__ = (Index(None, "company", "topic", "last_at"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    company: Mapped[str]
    topic: Mapped[str]
    stage: Mapped[str | None]
    headline: Mapped[str]
    first_at: Mapped[datetime]
    last_at: Mapped[datetime] = mapped_column(index=True)
    proceeding_id: Mapped[int | None] = mapped_column(index=True)
    head_hit_id: Mapped[int | None]
    merged_into: Mapped[int | None]


class ProceedingRow(Base):
    """Stories that are steps of one affair of a company; they name it."""

    __tablename__ = "proceedings"

    id: Mapped[int] = mapped_column(primary_key=True)
    company: Mapped[str]
    topic: Mapped[str]
    started_at: Mapped[datetime]


class StoryEditRow(Base):
    """What an analyst changed: `hits` went from `story_id` to `other_story_id`. Only added to."""

    __tablename__ = "story_edits"

    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime]
    who: Mapped[str]
    verb: Mapped[str]
    story_id: Mapped[int] = mapped_column(ForeignKey("stories.id"))
    other_story_id: Mapped[int] = mapped_column(ForeignKey("stories.id"))
    hits: Mapped[list[Any]]
    note: Mapped[str | None]


class SubscriptionRow(Base):
    """When a subscription was first seen. What it says is owned by the configuration."""

    __tablename__ = "subscriptions"

    name: Mapped[str] = mapped_column(primary_key=True)
    started_at: Mapped[datetime]


class DigestRow(Base):
    """One edition for one subscription and slot, frozen: every attempt sends these words.

    `body` is what they became in the mails, packed (zlib), once one was about to be handed over.
    `brief` is what channels get, where one is a recipient; an alert's slot is when it was made.
    `token` is what the address of its page ends in, for whoever got a mail.
    """

    __tablename__ = "digests"
    __table_args__ = (UniqueConstraint("subscription", "slot"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    subscription: Mapped[str]
    slot: Mapped[datetime]
    composed_at: Mapped[datetime]
    lexicon: Mapped[str]
    content: Mapped[dict[str, Any]]
    subject: Mapped[str]
    text: Mapped[str]
    html: Mapped[str]
    body: Mapped[bytes | None]
    kind: Mapped[str] = mapped_column(default="digest", server_default=DIGEST)
    brief: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    token: Mapped[str | None] = mapped_column(index=True)
    attachments: Mapped[list[AttachmentRow]] = relationship(
        order_by="AttachmentRow.number", viewonly=True
    )


class AttachmentRow(Base):
    """A file that goes with a digest's mails, frozen with it."""

    __tablename__ = "attachments"
    __table_args__ = (UniqueConstraint("digest_id", "number"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    digest_id: Mapped[int] = mapped_column(ForeignKey("digests.id"))
    number: Mapped[int]
    name: Mapped[str]
    kind: Mapped[str]
    content: Mapped[bytes]


class AlertRow(Base):
    """A story told at once at a stage. The constraint is the promise: one alert, and no more."""

    __tablename__ = "alerts"
    __table_args__ = (UniqueConstraint("subscription", "story_id", "stage"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    digest_id: Mapped[int] = mapped_column(ForeignKey("digests.id"), index=True)
    subscription: Mapped[str]
    story_id: Mapped[int] = mapped_column(ForeignKey("stories.id"))
    stage: Mapped[str]
    at: Mapped[datetime]


class DigestItemRow(Base):
    """A hit reported to a subscription. The constraint is the promise: once, and once only."""

    __tablename__ = "digest_items"
    __table_args__ = (UniqueConstraint("subscription", "hit_id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    digest_id: Mapped[int] = mapped_column(ForeignKey("digests.id"), index=True)
    subscription: Mapped[str]
    hit_id: Mapped[int] = mapped_column(ForeignKey("hits.id"))


class DeliveryRow(Base):
    """One digest to one recipient. `due_at` is null when nothing more is to be done.

    `doubts` counts the attempts that were handed over whole and never answered. `head` are the
    bytes before the digest's `body` in what was sent. `give_up_at` counts from the first attempt;
    `revivals` is how often a mail that got through brought it back after its end.
    """

    __tablename__ = "deliveries"
    __table_args__ = (UniqueConstraint("digest_id", "recipient"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    digest_id: Mapped[int] = mapped_column(ForeignKey("digests.id"))
    recipient: Mapped[str]
    message_id: Mapped[str] = mapped_column(unique=True)
    status: Mapped[str] = mapped_column(default="waiting")
    attempts: Mapped[int] = mapped_column(default=0)
    doubts: Mapped[int] = mapped_column(default=0)
    due_at: Mapped[datetime | None] = mapped_column(index=True)
    claimed_by: Mapped[str | None]
    sent_at: Mapped[datetime | None]
    last_error: Mapped[str | None]
    head: Mapped[bytes | None]
    give_up_at: Mapped[datetime | None]
    revivals: Mapped[int] = mapped_column(default=0, server_default=ZERO)


class SuppressionRow(Base):
    """A recipient who left a subscription, in lower case; over once `returned_at` is set.

    `left_by` and `returned_by` say how: see `LeftBy`.
    """

    __tablename__ = "suppressions"
    __table_args__ = (
        Index(
            "uq_suppressions_away",
            "subscription",
            "recipient",
            unique=True,
            sqlite_where=STILL_AWAY,
            postgresql_where=STILL_AWAY,
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    subscription: Mapped[str]
    recipient: Mapped[str]
    left_at: Mapped[datetime]
    left_by: Mapped[str]
    returned_at: Mapped[datetime | None]
    returned_by: Mapped[str | None]


class KeyRow(Base):
    """A secret of ours, made once: what signs the links in mails."""

    __tablename__ = "keys"

    name: Mapped[str] = mapped_column(primary_key=True)
    secret: Mapped[str]
    made_at: Mapped[datetime]


class LexiconRow(Base):
    """A lexicon that made hits, in full, so that any of them can be explained years later.

    `inputs` is the hash of what it was last made from, by which a start finds it.
    """

    __tablename__ = "lexicons"

    fingerprint: Mapped[str] = mapped_column(primary_key=True)
    content: Mapped[str]
    valid_from: Mapped[datetime]
    inputs: Mapped[str | None]


class WorkerRow(Base):
    """A running service and its last sign of life."""

    __tablename__ = "workers"

    name: Mapped[str] = mapped_column(primary_key=True)
    started_at: Mapped[datetime]
    beat_at: Mapped[datetime]
    stopped_at: Mapped[datetime | None]


class ReviewRow(Base):
    """An analyst's verdict on a hit. Only added to; the latest of a hit holds."""

    __tablename__ = "reviews"
    __table_args__ = (Index(None, "hit_id", "id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    hit_id: Mapped[int] = mapped_column(ForeignKey("hits.id"))
    verdict: Mapped[str]
    note: Mapped[str | None]
    who: Mapped[str]
    at: Mapped[datetime]


class AuditRow(Base):
    """A link of the chain: what was done, by whom, and the hash of that and of the link before.

    `previous` is unique, so that the chain cannot fork; "" stands before the first link.
    """

    __tablename__ = "audit"

    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime]
    who: Mapped[str]
    kind: Mapped[str]
    subject: Mapped[str]
    content: Mapped[str]
    previous: Mapped[str] = mapped_column(unique=True)
    hash: Mapped[str] = mapped_column(unique=True)


# --- who may what: tables without a class of their own ---

_NUMBER = BigInteger().with_variant(Integer, "sqlite")

# Who may log in, and as what. `password` is its hash; null: only a proxy says that they came.
users = Table(
    "users",
    Base.metadata,
    Column("id", _NUMBER, primary_key=True),
    Column("name", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("password", Text),
    Column("made_at", Instant, nullable=False),
    UniqueConstraint("name"),
)
# Somebody logged in, until then. `token` is the hash of what their browser keeps.
logins = Table(
    "logins",
    Base.metadata,
    Column("id", _NUMBER, primary_key=True),
    Column("user_id", ForeignKey("users.id"), nullable=False, index=True),
    Column("token", Text, nullable=False),
    Column("made_at", Instant, nullable=False),
    Column("expires_at", Instant, nullable=False, index=True),
    UniqueConstraint("token"),
)
# A login that failed, kept as long as it counts. `account` is the hash of the name given.
login_failures = Table(
    "login_failures",
    Base.metadata,
    Column("id", _NUMBER, primary_key=True),
    Column("account", Text, nullable=False, index=True),
    Column("address", Text, nullable=False, index=True),
    Column("at", Instant, nullable=False, index=True),
)
# What lets a program use the API. `token` is its hash; never deleted, so that its name stays known.
tokens = Table(
    "tokens",
    Base.metadata,
    Column("id", _NUMBER, primary_key=True),
    Column("name", Text, nullable=False),
    Column("token", Text, nullable=False),
    Column("scope", Text, nullable=False),
    Column("made_at", Instant, nullable=False),
    Column("expires_at", Instant),
    Column("revoked_at", Instant),
    UniqueConstraint("name"),
    UniqueConstraint("token"),
)
