"""Secrets of ours in the store: each is made once, whichever process needs it first."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from sqlalchemy import select

from monitor.store import schema as t
from monitor.store.upsert import insert_new

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy import Connection

_BYTES = 32


def kept(connection: Connection, name: str, *, now: datetime) -> str:
    """Return the secret *name*, made now if there is none yet. The caller commits."""
    query = select(t.keys.c.secret).where(t.keys.c.name == name)
    found: str | None = connection.scalar(query)
    if found is not None:
        return found
    row = {"name": name, "secret": secrets.token_urlsafe(_BYTES), "made_at": now}
    insert_new(connection, t.keys, [row])
    made: str = connection.scalars(query).one()
    return made
