"""Tokens in the store: what lets programs use the API.

* A token is shown once, when it is made; only its hash is stored.
* It is never deleted: what was done with it stays under its name, which no other token gets.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import insert, or_, select, update

from monitor.errors import UsageError
from monitor.model import Scope
from monitor.store import schema as t
from monitor.store.logins import hashed

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy import Connection, Row

PREFIX: Final = "monitor_"  # so that a token in a wrong place is known for what it is
_BYTES: Final = 32
_COLUMNS: Final = (
    t.tokens.c.name,
    t.tokens.c.scope,
    t.tokens.c.made_at,
    t.tokens.c.expires_at,
    t.tokens.c.revoked_at,
)


@dataclass(frozen=True, slots=True)
class Token:
    """What lets a program use the API, without its secret."""

    name: str
    scope: Scope
    made_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None

    def state(self, now: datetime) -> str:
        """Return `good`, `expired` or `revoked`."""
        if self.revoked_at is not None:
            return "revoked"
        return "good" if self.expires_at is None or now < self.expires_at else "expired"


def add(
    connection: Connection, name: str, scope: Scope, *, now: datetime, expires_at: datetime | None
) -> str:
    """Make a token and return it: it is not stored. Raise UsageError if the name is taken."""
    if connection.execute(select(t.tokens.c.id).where(t.tokens.c.name == name)).first() is not None:
        raise UsageError(f"there is or was a token called {name}: take another name")
    secret = PREFIX + secrets.token_urlsafe(_BYTES)
    row = {"name": name, "token": hashed(secret), "scope": scope, "made_at": now}
    connection.execute(insert(t.tokens).values(**row, expires_at=expires_at))
    return secret


def find(connection: Connection, secret: str, *, now: datetime) -> Token | None:
    """Return the token that *secret* is, None if it is forged, revoked or too old."""
    good = (
        t.tokens.c.revoked_at.is_(None),
        or_(t.tokens.c.expires_at.is_(None), t.tokens.c.expires_at > now),
    )
    query = select(*_COLUMNS).where(t.tokens.c.token == hashed(secret), *good)
    row = connection.execute(query).first()
    return None if row is None else _token(row)


def listed(connection: Connection) -> list[Token]:
    """Return all tokens, by name."""
    return [_token(row) for row in connection.execute(select(*_COLUMNS).order_by(t.tokens.c.name))]


def revoke(connection: Connection, name: str, *, now: datetime) -> None:
    """Let a token be good for nothing, from the next request on. Raise UsageError if none is."""
    good = t.tokens.c.name == name, t.tokens.c.revoked_at.is_(None)
    if connection.execute(select(t.tokens.c.id).where(*good)).first() is None:
        names = ", ".join(it.name for it in listed(connection) if it.revoked_at is None) or "none"
        raise UsageError(f"no token called {name} can be revoked; there are: {names}")
    connection.execute(update(t.tokens).where(*good).values(revoked_at=now))


def _token(row: Row[*tuple[Any, ...]]) -> Token:
    return Token(row.name, Scope(row.scope), row.made_at, row.expires_at, row.revoked_at)
