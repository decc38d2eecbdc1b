"""Reviews in the store: what analysts said of hits. Only added to, each with its audit link."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import insert, select

from monitor.store import audit
from monitor.store.schema import HitRow, ReviewRow

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from monitor.model import Review


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
