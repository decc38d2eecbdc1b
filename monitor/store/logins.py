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

from monitor.store.schema import login_failures, logins, users
from monitor.store.users import COLUMNS, user_of

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.orm import Session

    from monitor.store.users import User

WINDOW: Final = timedelta(minutes=15)
MOST: Final = 20  # failures of one account, and of one address, within the window
_BYTES: Final = 32


def begin(session: Session, user: User, *, now: datetime, lasts: timedelta) -> str:
    """Log *user* in; return what their browser is to keep. The caller commits."""
    session.execute(delete(logins).where(logins.c.expires_at <= now))
    session.execute(delete(login_failures).where(login_failures.c.account == hashed(user.name)))
    token = secrets.token_urlsafe(_BYTES)
    row = {"user_id": user.id, "token": hashed(token), "made_at": now, "expires_at": now + lasts}
    session.execute(insert(logins).values(row))
    return token


def find(session: Session, token: str, *, now: datetime) -> User | None:
    """Return the user whose browser keeps *token*, None if it is forged, ended or too old."""
    query = (
        select(*COLUMNS)
        .join(logins, logins.c.user_id == users.c.id)
        .where(logins.c.token == hashed(token), logins.c.expires_at > now)
    )
    row = session.execute(query).first()
    return None if row is None else user_of(row)


def end(session: Session, token: str) -> None:
    """Log out whoever keeps *token*. The caller commits."""
    session.execute(delete(logins).where(logins.c.token == hashed(token)))


def too_many(session: Session, account: str, address: str, *, now: datetime) -> bool:
    """Return whether so many logins of *account* or from *address* failed that none is tried."""
    since = login_failures.c.at > now - WINDOW
    for column, value in (
        (login_failures.c.account, hashed(account)),
        (login_failures.c.address, address),
    ):
        count = session.scalar(select(func.count()).where(column == value, since))
        if (count or 0) >= MOST:
            return True
    return False


def failed(session: Session, account: str, address: str, *, now: datetime) -> None:
    """Count a login that failed. The caller commits."""
    session.execute(delete(login_failures).where(login_failures.c.at <= now - WINDOW))
    row = {"account": hashed(account), "address": address, "at": now}
    session.execute(insert(login_failures).values(row))


def hashed(secret: str) -> str:
    """Return the hash that stands for *secret*, which is long and random, or not to be read."""
    return sha256(secret.encode()).hexdigest()
