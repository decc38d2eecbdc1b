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
from monitor.store import schema as t

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from sqlalchemy import Connection, Row

LONGEST_NAME: Final = 60
_BESIDE_LETTERS: Final = frozenset("._-@+")
COLUMNS: Final = (
    t.users.c.id,
    t.users.c.name,
    t.users.c.role,
    t.users.c.password,
    t.users.c.made_at,
)


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


def any_users(connection: Connection) -> bool:
    """Return whether there is any user."""
    return connection.execute(select(t.users.c.id).limit(1)).first() is not None


def listed(connection: Connection) -> list[User]:
    """Return all users, by name."""
    return [user_of(row) for row in connection.execute(select(*COLUMNS).order_by(t.users.c.name))]


def find(connection: Connection, name: str) -> User | None:
    """Return the user of that name, in its canonical spelling."""
    row = connection.execute(select(*COLUMNS).where(t.users.c.name == name)).first()
    return None if row is None else user_of(row)


def add(
    connection: Connection, name: str, role: UserRole, password: str | None, *, now: datetime
) -> None:
    """Add a user; *password* is its hash. Raise UsageError if there is one. The caller commits."""
    if find(connection, name) is not None:
        raise UsageError(f"there is a user called {name}")
    row = {"name": name, "role": role, "password": password, "made_at": now}
    connection.execute(insert(t.users).values(row))


def remove(connection: Connection, name: str) -> None:
    """Remove a user, who is logged out everywhere. Raise UsageError if there is none."""
    log_out(connection, _id(connection, name))
    connection.execute(delete(t.users).where(t.users.c.name == name))


def change_role(connection: Connection, name: str, role: UserRole) -> None:
    """Give a user another role, from the next request on. Raise UsageError if there is none."""
    _change(connection, _id(connection, name), {"role": role})


def change_password(connection: Connection, name: str, password: str) -> None:
    """Give a user another password, by its hash, and log them out everywhere.

    Raises UsageError if there is no such user.
    """
    number = _id(connection, name)
    log_out(connection, number)
    _change(connection, number, {"password": password})


def rehash(connection: Connection, user: User, password: str) -> None:
    """Keep another hash of the same password."""
    _change(connection, user.id, {"password": password})


def log_out(connection: Connection, user_id: int) -> None:
    """End all that a user began by logging in."""
    connection.execute(delete(t.logins).where(t.logins.c.user_id == user_id))


def _change(connection: Connection, user_id: int, values: dict[str, str]) -> None:
    connection.execute(update(t.users).where(t.users.c.id == user_id).values(values))


def _id(connection: Connection, name: str) -> int:
    found = find(connection, name)
    if found is None:
        raise UsageError(f"no user is called {name}; there are: {_names(listed(connection))}")
    return found.id


def _names(found: Sequence[User]) -> str:
    return ", ".join(user.name for user in found) or "none"
