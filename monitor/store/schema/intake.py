"""Feeds, what is asked of them, and the ledger of polls."""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    ForeignKey,
    Index,
    LargeBinary,
    Table,
    Text,
    false,
    text,
)

from monitor.store.schema.columns import NUMBER, metadata, numbered, partial, required
from monitor.store.types import Instant

CLAIMED = text("claimed_by IS NOT NULL AND host IS NOT NULL")

feeds = Table(
    "feeds",
    metadata,
    numbered(),
    required("key", Text, unique=True),
    required("url", Text),
    required("name", Text),
    Column("language", Text),
    Column("company", Text),
    Column("interval_s", NUMBER),
    Column("page", JSON),
    Column("usual_s", NUMBER),
    Column("host", Text),
    required("enabled", Boolean, default=True),
    required("due_at", Instant, index=True),
    Column("claimed_by", Text),
    required("state", Text, default="probation"),
    Column("state_since", Instant),
    Column("state_reason", Text),
    required("failures", NUMBER, default=0),
    Column("last_ok_at", Instant),
    Column("last_error", Text),
    Column("etag", Text),
    Column("last_modified", Text),
    Column("body_hash", Text),
    Column("moved_to", Text),
    Column("moved_since", Instant),
    Column("articles", JSON),
    Column("prints", LargeBinary),
    required("gaps", NUMBER, default=0, server_default=text("0")),
    Column("gap_at", Instant),
    required("haste", NUMBER, default=0, server_default=text("0")),
    Column("news_at", Instant),
    Column("rhythm", JSON),
    Column("wishes", JSON),
    required("full_text", Boolean, default=False, server_default=false()),
    Column("push_until", Instant),
    partial("ix_feeds_claimed", "host", where=CLAIMED),
)
"""A feed: what the configuration says of it, when it is due, how it fared.

`usual_s` is the interval the configuration gave it at the last start, `host` what it shares
with feeds that are asked with it one after another. `articles` are those it showed last, and
`prints` tells which of their entries are still the same: null, or of each article one. Whoever
deletes articles empties it.
"""


pushes = Table(
    "pushes",
    metadata,
    numbered(),
    required("feed_id", NUMBER, ForeignKey("feeds.id"), unique=True),
    required("hub", Text),
    required("topic", Text),
    required("token", Text, unique=True),
    required("secret", Text),
    required("state", Text),
    Column("due_at", Instant, index=True),
    Column("claimed_by", Text),
    required("attempts", NUMBER, default=0, server_default=text("0")),
    Column("lease_until", Instant),
    Column("pushed_at", Instant),
    required("pending", Boolean, default=False, server_default=false()),
    Column("error", Text),
)
"""A hub that is asked to call when a feed changes. Its address ends in `token`.

`due_at` is when the hub is to be asked next; `pending` that it called and the feed is to be
made due.
"""


polls = Table(
    "polls",
    metadata,
    numbered(),
    required("feed_id", NUMBER, ForeignKey("feeds.id")),
    required("at", Instant, index=True),
    required("outcome", Text),
    Column("status", NUMBER),
    required("bytes", NUMBER, default=0),
    required("entries", NUMBER, default=0),
    required("new", NUMBER, default=0),
    required("known", NUMBER, default=0),
    required("revised", NUMBER, default=0),
    required("rejected", NUMBER, default=0),
    Column("overlap", NUMBER),
    required("gap", Boolean, default=False, server_default=false()),
    Column("newest_at", Instant),
    Column("took_ms", NUMBER),
    Column("handed_over", Text),
    Column("error", Text),
    Column("notes", JSON),
    Index(None, "feed_id", "at"),
)
"""The ledger: one request to a feed and its outcome.

`entries` is the sum of `new`, `known`, `revised` and `rejected`. `overlap` is how many of them
the feed showed at the poll before, null where there is nothing to compare.
"""
