"""Reviews in the store: what analysts said of hits. Only added to, each with its audit link."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import exists, insert, select

from monitor.model import Verdict
from monitor.store import audit
from monitor.store import schema as t

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, Connection

    from monitor.model import Review


def dismissed() -> ColumnElement[bool]:
    """Return the condition that an analyst's latest verdict on a hit is that it is of no use."""
    later = t.reviews.alias()
    last = ~exists().where(later.c.hit_id == t.reviews.c.hit_id, later.c.id > t.reviews.c.id)
    no_use = t.reviews.c.verdict.in_((Verdict.IRRELEVANT, Verdict.DUPLICATE))
    return exists().where(t.reviews.c.hit_id == t.hits.c.id, no_use, last)


def add(connection: Connection, review: Review) -> int | None:
    """Add *review*; return its number, None if there is no such hit. The caller commits.

    A hit that was withdrawn can be reviewed: it may have been mailed.
    """
    if connection.scalar(select(t.hits.c.id).where(t.hits.c.id == review.hit_id)) is None:
        return None
    row = {
        "hit_id": review.hit_id,
        "verdict": review.verdict,
        "note": review.note,
        "who": review.who,
        "at": review.at,
    }
    number: int = connection.execute(
        insert(t.reviews).returning(t.reviews.c.id), [row]
    ).scalar_one()
    audit.append(
        connection,
        audit.REVIEW,
        str(number),
        {"hit": review.hit_id, "verdict": review.verdict, "note": review.note},
        who=review.who,
        now=review.at,
    )
    return number
