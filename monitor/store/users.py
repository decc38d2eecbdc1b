"""Users in the store: who may log in to the pages, and as what.

* A name is kept as `canonical_name` has it, so that nobody is there twice in other letters.
* What changes a right ends what was begun with the old one: a new password and a removal log out.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import delete, insert, select, update

from monitor.errors import UsageError
from monitor.model import UserRole
from monitor.store.schema import logins, users

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from sqlalchemy import Row
    from sqlalchemy.orm import Session

LONGEST_NAME: Final = 60
_BESIDE_LETTERS: Final = frozenset("._-@+")
COLUMNS: Final = (users.c.id, users.c.name, users.c.role, users.c.password, users.c.made_at)


@dataclass(frozen=True, slots=True)
class User:
    """Somebody who may log in; *password* is its hash, None if only a proxy says that they came."""

    id: int
    name: str
    role: UserRole
    password: str | None
    made_at: datetime


def user_of(row: Row[*tuple[Any, ...]]) -> User:
    """Return a row of `COLUMNS` as a value."""
    return User(row.id, row.name, UserRole(row.role), row.password, row.made_at)


def canonical_name(text: str) -> str:
    """Return *text* as names are kept: one spelling, small letters. Raise UsageError if it is none.

    A name is 1 to 60 letters and digits of any script, and `.` `_` `-` `@` `+`.
    """
    name = unicodedata.normalize("NFKC", text).casefold()
    fine = all(it.isalnum() or it in _BESIDE_LETTERS for it in name)
    if not (fine and 0 < len(name) <= LONGEST_NAME):
        raise UsageError(
            f"{text[: LONGEST_NAME + 1]!r} is no name: 1 to {LONGEST_NAME} letters, digits"
            " and . _ - @ +"
        )
    return name


def any_users(session: Session) -> bool:
    """Return whether there is any user."""
    return session.execute(select(users.c.id).limit(1)).first() is not None


def listed(session: Session) -> list[User]:
    """Return all users, by name."""
    return [user_of(row) for row in session.execute(select(*COLUMNS).order_by(users.c.name))]


def find(session: Session, name: str) -> User | None:
    """Return the user of that name, in its canonical spelling."""
    row = session.execute(select(*COLUMNS).where(users.c.name == name)).first()
    return None if row is None else user_of(row)


def add(
    session: Session, name: str, role: UserRole, password: str | None, *, now: datetime
) -> None:
    """Add a user; *password* is its hash. Raise UsageError if there is one. The caller commits."""
    if find(session, name) is not None:
        raise UsageError(f"there is a user called {name}")
    row = {"name": name, "role": role, "password": password, "made_at": now}
    session.execute(insert(users).values(row))


def remove(session: Session, name: str) -> None:
    """Remove a user, who is logged out everywhere. Raise UsageError if there is none."""
    log_out(session, _id(session, name))
    session.execute(delete(users).where(users.c.name == name))


def change_role(session: Session, name: str, role: UserRole) -> None:
    """Give a user another role, from the next request on. Raise UsageError if there is none."""
    _change(session, _id(session, name), {"role": role})


def change_password(session: Session, name: str, password: str) -> None:
    """Give a user another password, by its hash, and log them out everywhere.

    Raises UsageError if there is no such user.
    """
    number = _id(session, name)
    log_out(session, number)
    _change(session, number, {"password": password})


def rehash(session: Session, user: User, password: str) -> None:
    """Keep another hash of the same password."""
    _change(session, user.id, {"password": password})


def log_out(session: Session, user_id: int) -> None:
    """End all that a user began by logging in."""
    session.execute(delete(logins).where(logins.c.user_id == user_id))


def _change(session: Session, user_id: int, values: dict[str, str]) -> None:
    session.execute(update(users).where(users.c.id == user_id).values(values))


def _id(session: Session, name: str) -> int:
    found = find(session, name)
    if found is None:
        raise UsageError(f"no user is called {name}; there are: {_names(listed(session))}")
    return found.id


def _names(found: Sequence[User]) -> str:
    return ", ".join(user.name for user in found) or "none"
