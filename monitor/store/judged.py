"""Hits with the verdict that holds, as the search for contexts takes them. Reads only."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import exists, func, select

from monitor.detect.contexts import JudgedHit, Quote
from monitor.model import Role, Verdict
from monitor.store import schema as t

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy import Connection


def mark(connection: Connection) -> tuple[int | None, datetime | None]:
    """Return what changes whenever a verdict is given, or a hit is withdrawn."""
    return (
        connection.scalar(select(func.max(t.reviews.c.id))),
        connection.scalar(
            select(func.max(t.hits.c.withdrawn_at)).where(t.hits.c.withdrawn_at.is_not(None))
        ),
    )


def judged(
    connection: Connection, *, since: datetime | None = None, limit: int | None = None
) -> list[JudgedHit]:
    """Return up to *limit* hits that stand and were judged, those judged last first.

    *since* is when the verdict that holds was given. A duplicate was found rightly.
    """
    later = t.reviews.alias()
    its = t.reviews.c
    query = (
        select(
            t.hits.c.id,
            its.verdict,
            t.hits.c.company,
            t.hits.c.topic,
            t.feeds.c.key,
            t.hits.c.sentence,
            t.hits.c.evidence,
        )
        .select_from(t.reviews)
        .join(t.hits, t.hits.c.id == its.hit_id)
        .join(t.articles, t.articles.c.id == t.hits.c.article_id)
        .join(t.feeds, t.feeds.c.id == t.articles.c.feed_id)
        .where(
            t.hits.c.withdrawn_at.is_(None),
            ~exists().where(later.c.hit_id == its.hit_id, later.c.id > its.id),
        )
        .order_by(its.id.desc())
        .limit(limit)
    )
    if since is not None:
        query = query.where(its.at >= since)
    return [
        JudgedHit(
            number,
            verdict == Verdict.IRRELEVANT,
            company,
            topic,
            feed,
            sentence,
            tuple(Quote(Role(it["role"]), it["text"], it["term"]) for it in evidence),
        )
        for number, verdict, company, topic, feed, sentence, evidence in connection.execute(query)
    ]
