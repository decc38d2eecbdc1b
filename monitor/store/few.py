"""Hits of a kind of which there are few: they are looked up at once.

A list, the newest first, is otherwise looked through to its end where nothing is like that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sqlalchemy import select

from monitor.store import schema as t

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from sqlalchemy import Connection

NAMED: Final = ("company", "topic", "stage")  # what an index has for any of them
FEW: Final = 3000


def few(connection: Connection, kind: Mapping[str, Collection[str]]) -> Sequence[int] | None:
    """Return the hits that hold and are of *kind*, by number; None if there are many.

    *kind* gives for some of NAMED the values that are meant.
    """
    its = [t.hits.c[name].in_(kind[name]) for name in NAMED if name in kind]
    if not its:
        return None
    its = [t.hits.c.withdrawn_at.is_(None), *its]
    newest = t.hits.c.found_at.desc()  # the order of the indexes, which then are used in any case
    many = select(t.hits.c.found_at).where(*its).order_by(newest).offset(FEW).limit(1)
    if connection.execute(many).first() is not None:
        return None
    return connection.scalars(select(t.hits.c.id).where(*its).order_by(newest)).all()
