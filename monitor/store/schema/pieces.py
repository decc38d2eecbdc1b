"""Articles: their present text, their earlier ones, where they were seen, and their counts."""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, Index, Table, Text, UniqueConstraint, text

from monitor.store.schema.columns import NUMBER, metadata, numbered, partial, required
from monitor.store.types import Instant

UNMATCHED = text("matched_with IS NULL")
UNINDEXED = text("indexed IS NULL OR indexed = 0")

articles = Table(
    "articles",
    metadata,
    numbered(),
    required("key", Text, unique=True),
    Column("link", Text, index=True),
    Column("url", Text),
    required("feed_id", NUMBER, ForeignKey("feeds.id")),
    required("title", Text),
    required("summary", Text),
    Column("language", Text),
    Column("publisher", Text),
    Column("published_at", Instant),
    required("first_seen", Instant, index=True),
    required("revision", NUMBER, default=1),
    Column("matched_with", Text),
    Column("indexed", NUMBER),
    Index(None, "feed_id", "first_seen", "published_at"),
    partial("ix_articles_unmatched", "id", where=UNMATCHED),
    partial("ix_articles_unindexed", "id", where=UNINDEXED),
)
"""One published piece, in its present revision. `matched_with` is null if detection failed.

`indexed` tells whether its words are in the search index: see `monitor.store.index`.
"""


revisions = Table(
    "revisions",
    metadata,
    numbered(),
    required("article_id", NUMBER, ForeignKey("articles.id")),
    required("number", NUMBER),
    required("title", Text),
    required("summary", Text),
    required("replaced_at", Instant, index=True),
    UniqueConstraint("article_id", "number"),
)
"""A text that an article had before: `number` is the revision it was."""


full_texts = Table(
    "full_texts",
    metadata,
    numbered(),
    required("article_id", NUMBER, ForeignKey("articles.id"), unique=True),
    required("feed_id", NUMBER, ForeignKey("feeds.id"), index=True),
    required("host", Text),
    required("status", Text),
    Column("due_at", Instant, index=True),
    Column("claimed_by", Text),
    required("attempts", NUMBER, default=0, server_default=text("0")),
    Column("asked_at", Instant, index=True),
    Column("error", Text),
)
"""The reading of an article's page, for a feed that says so.

`due_at` is null when nothing more is to be done; `asked_at` is when the page was last asked
for, so that a host is given pauses.
"""


sightings = Table(
    "sightings",
    metadata,
    numbered(),
    required("feed_id", NUMBER, ForeignKey("feeds.id")),
    required("guid", Text),
    required("article_id", NUMBER, ForeignKey("articles.id"), index=True),
    required("content_hash", Text),
    UniqueConstraint("feed_id", "guid", "article_id"),
)
"""An article seen in a feed, under that feed's own id for it ("" if it gives none)."""


feed_counts = Table(
    "feed_counts",
    metadata,
    numbered(),
    required("feed_id", NUMBER),
    Column("newest_article_at", Instant),
    required("articles", NUMBER),
    required("hits", NUMBER),
    required("full_texts", NUMBER),
    required("pages_waiting", NUMBER),
    required("pages_given_up", NUMBER),
)
"""What a transaction added to what a feed has, or took away; rows are summed by `v_feeds`.

Without a reference to `feeds`: it would lock the feed's row, which polls hold, and keep matching
waiting for them. See `monitor.store.counts`.
"""
