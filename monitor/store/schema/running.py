"""What the service keeps of itself: secrets, workers, the audit chain."""

from __future__ import annotations

from sqlalchemy import Column, Table, Text, text

from monitor.store.schema.columns import NUMBER, metadata, numbered, required
from monitor.store.types import Instant

keys = Table(
    "keys",
    metadata,
    Column("name", Text, primary_key=True),
    required("secret", Text),
    required("made_at", Instant),
)
"""A secret of ours, made once: what signs the links in mails."""


workers = Table(
    "workers",
    metadata,
    Column("name", Text, primary_key=True),
    required("started_at", Instant),
    required("beat_at", Instant),
    Column("stopped_at", Instant),
)
"""A running service and its last sign of life."""


heartbeats = Table(
    "heartbeats",
    metadata,
    Column("name", Text, primary_key=True),
    required("digest_id", NUMBER, server_default=text("0")),
    Column("called_at", Instant),
    Column("due_at", Instant),
    required("attempts", NUMBER, server_default=text("0")),
    Column("tried_at", Instant),
    Column("error", Text),
)
"""What a watcher outside was told: that all digests up to `digest_id` went well.

`due_at` is when it is to be called again, after `attempts` that failed; null if none did.
"""


prunings = Table(
    "prunings",
    metadata,
    Column("name", Text, primary_key=True),
    required("first_seen", Instant),
    required("article_id", NUMBER),
)
"""Up to which article, in the order they were first seen, texts were looked through: see
`monitor.store.retention`.
"""


audit = Table(
    "audit",
    metadata,
    numbered(),
    required("at", Instant),
    required("who", Text),
    required("kind", Text),
    required("subject", Text),
    required("content", Text),
    required("previous", Text, unique=True),
    required("hash", Text, unique=True),
)
"""A link of the chain: what was done, by whom, and the hash of that and of the link before.

`previous` is unique, so that the chain cannot fork; "" stands before the first link.
"""
