"""Subscriptions, what is made for them, and what became of each delivery."""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    Column,
    ForeignKey,
    LargeBinary,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from monitor.store.schema.columns import NUMBER, metadata, numbered, partial, required
from monitor.store.types import Instant

STILL_AWAY = text("returned_at IS NULL")
WHOLE = text("pruned_at IS NULL")

subscriptions = Table(
    "subscriptions",
    metadata,
    Column("name", Text, primary_key=True),
    required("started_at", Instant),
)
"""When a subscription was first seen. What it says is owned by the configuration."""


digests = Table(
    "digests",
    metadata,
    numbered(),
    required("subscription", Text),
    required("slot", Instant),
    required("composed_at", Instant, index=True),
    required("lexicon", Text),
    required("content", JSON),
    required("subject", Text),
    required("text", Text),
    required("html", Text),
    Column("body", LargeBinary),
    required("kind", Text, default="digest", server_default=text("'digest'")),
    Column("brief", JSON(none_as_null=True)),
    Column("token", Text, index=True),
    Column("pruned_at", Instant),
    UniqueConstraint("subscription", "slot"),
    partial("ix_digests_whole", "composed_at", where=WHOLE),
)
"""One edition for one subscription and slot, frozen: every attempt sends these words.

`body` is what they became in the mails, packed (zlib), once one was about to be handed over.
`brief` is what channels get, where one is a recipient; an alert's slot is when it was made.
`token` is what the address of its page ends in, for whoever got a mail. `pruned_at` is when its
words were deleted; what is left then is its subject, and who got it when.
"""


attachments = Table(
    "attachments",
    metadata,
    numbered(),
    required("digest_id", NUMBER, ForeignKey("digests.id")),
    required("number", NUMBER),
    required("name", Text),
    required("kind", Text),
    required("content", LargeBinary),
    UniqueConstraint("digest_id", "number"),
)
"""A file that goes with a digest's mails, frozen with it."""


alerts = Table(
    "alerts",
    metadata,
    numbered(),
    required("digest_id", NUMBER, ForeignKey("digests.id"), index=True),
    required("subscription", Text),
    required("story_id", NUMBER, ForeignKey("stories.id")),
    required("stage", Text),
    required("at", Instant),
    UniqueConstraint("subscription", "story_id", "stage"),
)
"""A story told at once at a stage. The constraint is the promise: one alert, and no more."""


digest_items = Table(
    "digest_items",
    metadata,
    numbered(),
    required("digest_id", NUMBER, ForeignKey("digests.id"), index=True),
    required("subscription", Text),
    required("hit_id", NUMBER, ForeignKey("hits.id"), index=True),
    UniqueConstraint("subscription", "hit_id"),
)
"""A hit reported to a subscription. The constraint is the promise: once, and once only."""


deliveries = Table(
    "deliveries",
    metadata,
    numbered(),
    required("digest_id", NUMBER, ForeignKey("digests.id")),
    required("recipient", Text),
    required("message_id", Text, unique=True),
    required("status", Text, default="waiting"),
    required("attempts", NUMBER, default=0),
    required("doubts", NUMBER, default=0),
    Column("due_at", Instant, index=True),
    Column("claimed_by", Text),
    Column("sent_at", Instant, index=True),
    Column("last_error", Text),
    Column("head", LargeBinary),
    Column("give_up_at", Instant),
    required("revivals", NUMBER, default=0, server_default=text("0")),
    UniqueConstraint("digest_id", "recipient"),
)
"""One digest to one recipient. `due_at` is null when nothing more is to be done.

`doubts` counts the attempts that were handed over whole and never answered. `head` are the
bytes before the digest's `body` in what was sent. `give_up_at` counts from the first attempt;
`revivals` is how often a mail that got through brought it back after its end.
"""


suppressions = Table(
    "suppressions",
    metadata,
    numbered(),
    required("subscription", Text),
    required("recipient", Text),
    required("left_at", Instant),
    required("left_by", Text),
    Column("returned_at", Instant),
    Column("returned_by", Text),
    partial("uq_suppressions_away", "subscription", "recipient", unique=True, where=STILL_AWAY),
)
"""A recipient who left a subscription, in lower case; over once `returned_at` is set.

`left_by` and `returned_by` say how: see `LeftBy`.
"""
