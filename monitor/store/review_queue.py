"""Hits that wait for an analyst's verdict, and the verdicts a hit was given. Reads only."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import exists, select

from monitor.model import Review, Verdict
from monitor.store import schema as t
from monitor.store.among import among
from monitor.store.queries import NEWEST, found_before, hits_with_articles, reported_hit

if TYPE_CHECKING:
    from collections.abc import Collection

    from sqlalchemy import Connection

    from monitor.model import ReportedHit
    from monitor.store.listed import Wanted


def waiting(
    connection: Connection, wanted: Wanted, *, before: int | None = None, limit: int
) -> list[ReportedHit]:
    """Return up to *limit* hits that hold and have no verdict yet, the newest first."""
    its = t.hits.c
    reviewed = exists().where(t.reviews.c.hit_id == its.id)
    some = select(its.id).where(
        *wanted.of(t.hits), its.withdrawn_at.is_(None), its.story_id.is_not(None), ~reviewed
    )
    if before is not None:
        some = some.where(found_before(before))
    return hits(connection, connection.scalars(some.order_by(*NEWEST).limit(limit)).all())


def hits(connection: Connection, numbers: Collection[int]) -> list[ReportedHit]:
    """Return the hits of those numbers that are in a story, the newest first."""
    query = hits_with_articles().where(among(t.hits.c.id, numbers)).order_by(*NEWEST)
    return [reported_hit(row) for row in connection.execute(query)]


def hit(connection: Connection, number: int) -> ReportedHit | None:
    """Return the hit of that number, withdrawn or not, if it is in a story."""
    row = connection.execute(hits_with_articles().where(t.hits.c.id == number)).one_or_none()
    return reported_hit(row) if row else None


def given(connection: Connection, hit_id: int) -> list[Review]:
    """Return the verdicts on a hit, the one that holds first."""
    its = t.reviews.c
    query = select(its.hit_id, its.verdict, its.who, its.at, its.note)
    rows = connection.execute(query.where(its.hit_id == hit_id).order_by(its.id.desc()))
    return [Review(row.hit_id, Verdict(row.verdict), row.who, row.at, row.note) for row in rows]
