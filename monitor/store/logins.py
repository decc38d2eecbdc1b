"""Who is logged in, and logins that failed, in the store.

* Only the hash of what a browser keeps is stored: whoever reads the database cannot log in with it.
* Failures count by account and by address, for `WINDOW`; what is older is deleted with the next.
"""

from __future__ import annotations

import secrets
from datetime import timedelta
from hashlib import sha256
from typing import TYPE_CHECKING, Final

from sqlalchemy import delete, func, insert, select

from monitor.store import schema as t
from monitor.store.users import COLUMNS, user_of

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy import Connection

    from monitor.store.users import User

WINDOW: Final = timedelta(minutes=15)
MOST: Final = 20  # failures of one account, and of one address, within the window
_BYTES: Final = 32


def begin(connection: Connection, user: User, *, now: datetime, lasts: timedelta) -> str:
    """Log *user* in; return what their browser is to keep. The caller commits."""
    connection.execute(delete(t.logins).where(t.logins.c.expires_at <= now))
    connection.execute(
        delete(t.login_failures).where(t.login_failures.c.account == hashed(user.name))
    )
    token = secrets.token_urlsafe(_BYTES)
    row = {"user_id": user.id, "token": hashed(token), "made_at": now, "expires_at": now + lasts}
    connection.execute(insert(t.logins).values(row))
    return token


def find(connection: Connection, token: str, *, now: datetime) -> User | None:
    """Return the user whose browser keeps *token*, None if it is forged, ended or too old."""
    query = (
        select(*COLUMNS)
        .join(t.logins, t.logins.c.user_id == t.users.c.id)
        .where(t.logins.c.token == hashed(token), t.logins.c.expires_at > now)
    )
    row = connection.execute(query).first()
    return None if row is None else user_of(row)


def end(connection: Connection, token: str) -> None:
    """Log out whoever keeps *token*. The caller commits."""
    connection.execute(delete(t.logins).where(t.logins.c.token == hashed(token)))


def too_many(connection: Connection, account: str, address: str, *, now: datetime) -> bool:
    """Return whether so many logins of *account* or from *address* failed that none is tried."""
    since = t.login_failures.c.at > now - WINDOW
    for column, value in (
        (t.login_failures.c.account, hashed(account)),
        (t.login_failures.c.address, address),
    ):
        count = connection.scalar(select(func.count()).where(column == value, since))
        if (count or 0) >= MOST:
            return True
    return False


def failed(connection: Connection, account: str, address: str, *, now: datetime) -> None:
    """Count a login that failed. The caller commits."""
    connection.execute(delete(t.login_failures).where(t.login_failures.c.at <= now - WINDOW))
    row = {"account": hashed(account), "address": address, "at": now}
    connection.execute(insert(t.login_failures).values(row))


def hashed(secret: str) -> str:
    """Return the hash that stands for *secret*, which is long and random, or not to be read."""
    return sha256(secret.encode()).hexdigest()
