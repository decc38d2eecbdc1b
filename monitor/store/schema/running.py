"""What the service keeps of itself: secrets, workers, backtests, the audit chain."""

from __future__ import annotations

from sqlalchemy import JSON, Column, ForeignKey, Table, Text, UniqueConstraint, text

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


backtests = Table(
    "backtests",
    metadata,
    numbered(),
    required("asked_at", Instant),
    required("lexicon", Text),
    required("fingerprint", Text),
    required("bound", JSON),
    Column("since", Instant),
    required("examples", NUMBER),
)
"""A backtest that replicas do in parts: with which rules, and which feeds are bound to whom.

`examples` is how many of each kind are kept.
"""


backtest_parts = Table(
    "backtest_parts",
    metadata,
    numbered(),
    required("backtest_id", NUMBER, ForeignKey("backtests.id")),
    required("above", NUMBER),
    required("upto", NUMBER),
    required("reached", NUMBER),
    required("outcome", JSON),
    UniqueConstraint("backtest_id", "above"),
)
"""A range of numbers of articles, how far it is looked through, and what that came to.

It is done when `reached` is `upto`.
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
