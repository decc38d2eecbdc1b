"""Reviews in the store: what analysts said of hits. Only added to, each with its audit link."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import exists, insert, select
from sqlalchemy.orm import aliased

from monitor.model import Verdict
from monitor.store import audit
from monitor.store.schema import HitRow, ReviewRow

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement
    from sqlalchemy.orm import Session

    from monitor.model import Review


def dismissed() -> ColumnElement[bool]:
    """Return the condition that an analyst's latest verdict on a hit is that it is of no use."""
    later = aliased(ReviewRow)
    last = ~exists().where(later.hit_id == ReviewRow.hit_id, later.id > ReviewRow.id)
    no_use = ReviewRow.verdict.in_((Verdict.IRRELEVANT, Verdict.DUPLICATE))
    return exists().where(ReviewRow.hit_id == HitRow.id, no_use, last)


def add(session: Session, review: Review) -> int | None:
    """Add *review*; return its number, None if there is no such hit. The caller commits.

    A hit that was withdrawn can be reviewed: it may have been mailed.
    """
    if session.scalar(select(HitRow.id).where(HitRow.id == review.hit_id)) is None:
        return None
    row = {
        "hit_id": review.hit_id,
        "verdict": review.verdict,
        "note": review.note,
        "who": review.who,
        "at": review.at,
    }
    number = session.execute(insert(ReviewRow).returning(ReviewRow.id), [row]).scalar_one()
    audit.append(
        session,
        audit.REVIEW,
        str(number),
        {"hit": review.hit_id, "verdict": review.verdict, "note": review.note},
        who=review.who,
        now=review.at,
    )
    return number
