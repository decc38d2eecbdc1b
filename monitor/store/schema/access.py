"""Who may what: users, who is logged in, logins that failed, tokens of programs."""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, Table, Text

from monitor.store.schema.columns import NUMBER, metadata, numbered, required
from monitor.store.types import Instant

users = Table(
    "users",
    metadata,
    numbered(),
    required("name", Text, unique=True),
    required("role", Text),
    Column("password", Text),
    required("made_at", Instant),
)
"""Who may log in, and as what. `password` is its hash; null: only a proxy says that they came."""


logins = Table(
    "logins",
    metadata,
    numbered(),
    required("user_id", NUMBER, ForeignKey("users.id"), index=True),
    required("token", Text, unique=True),
    required("made_at", Instant),
    required("expires_at", Instant, index=True),
)
"""Somebody logged in, until then. `token` is the hash of what their browser keeps."""


login_failures = Table(
    "login_failures",
    metadata,
    numbered(),
    required("account", Text, index=True),
    required("address", Text, index=True),
    required("at", Instant, index=True),
)
"""A login that failed, kept as long as it counts. `account` is the hash of the name given."""


tokens = Table(
    "tokens",
    metadata,
    numbered(),
    required("name", Text, unique=True),
    required("token", Text, unique=True),
    required("scope", Text),
    required("made_at", Instant),
    Column("expires_at", Instant),
    Column("revoked_at", Instant),
)
"""What lets a program use the API. `token` is its hash; never deleted: its name stays known."""


searches = Table(
    "searches",
    metadata,
    numbered(),
    required("name", Text, unique=True),
    required("query", Text),
    required("kind", Text),
    required("who", Text),
    required("made_at", Instant),
    required("changed_at", Instant),
)
"""A query that a desk asks again; `kind` is the list it is asked of."""
