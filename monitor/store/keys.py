"""Secrets of ours in the store: each is made once, whichever process needs it first."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from sqlalchemy import select

from monitor.store.schema import KeyRow
from monitor.store.upsert import insert_new

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.orm import Session

_BYTES = 32


def kept(session: Session, name: str, *, now: datetime) -> str:
    """Return the secret *name*, made now if there is none yet. The caller commits."""
    query = select(KeyRow.secret).where(KeyRow.name == name)
    found = session.scalar(query)
    if found is not None:
        return found
    row = {"name": name, "secret": secrets.token_urlsafe(_BYTES), "made_at": now}
    insert_new(session, KeyRow, [row])
    return session.scalars(query).one()
