"""Near-misses in the store: pairs found and not reported, so that a miss can be explained.

* There is at most one for a pair in an article, of its present text; it goes when the pair
  becomes a hit.
* They are kept for KEPT; whoever prunes deletes a batch at a time, so that no writer waits long.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import delete, select

from monitor.store import schema as t
from monitor.store.hits import evidence_of, plain
from monitor.store.many import Many
from monitor.store.upsert import inserting

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from datetime import datetime

    from sqlalchemy import Connection, Insert

    from monitor.model import Evidence, Match
    from monitor.store.hits import Finding

KEPT: Final = timedelta(days=30)
_KEY: Final = ("article_id", "company", "topic")
_JUDGED: Final = ("revision", "score", "reason", "possible", "sentence", "evidence", "parts")


@dataclass(frozen=True, slots=True)
class NearMiss:
    """A near-miss as it is stored."""

    company: str
    topic: str
    score: float
    reason: str
    possible: bool
    sentence: str
    evidence: tuple[Evidence, ...]
    found_at: datetime


def row(match: Match, at: Finding) -> dict[str, Any]:
    """Return the row of a rejected match."""
    return {
        "article_id": at.article,
        "revision": at.revision,
        "company": match.company,
        "topic": match.topic,
        "score": match.score,
        "reason": match.rejected or "",
        "possible": match.possible,
        "sentence": match.sentence,
        "evidence": [plain(quote) for quote in match.evidence],
        "parts": [plain(part) for part in match.parts],
        "lexicon": at.lexicon,
        "found_at": at.now,
    }


def replace(
    connection: Connection, articles: Collection[int], rows: Sequence[dict[str, Any]]
) -> None:
    """Store *rows*, and delete what else *articles* had; a pair found again keeps its date.

    The caller holds the articles, and commits.
    """
    wanted = {tuple(row[name] for name in _KEY) for row in rows}
    if articles:
        had = select(t.near_misses.c.id, *(t.near_misses.c[name] for name in _KEY))
        had = had.where(t.near_misses.c.article_id.in_(articles))
        gone = [number for number, *key in connection.execute(had) if tuple(key) not in wanted]
        if gone:
            connection.execute(delete(t.near_misses).where(t.near_misses.c.id.in_(gone)))
    _PUT.execute_dicts(connection, rows)


def _putting(connection: Connection) -> Insert:
    insert = inserting(connection, t.near_misses)
    changed = {name: insert.excluded[name] for name in (*_JUDGED, "lexicon")}
    return insert.on_conflict_do_update(index_elements=_KEY, set_=changed)


_PUT: Final = Many((*_KEY, *_JUDGED, "lexicon", "found_at"), _putting)


def of_article(connection: Connection, article: int) -> list[NearMiss]:
    """Return the near-misses of an article."""
    query = (
        select(t.near_misses)
        .where(t.near_misses.c.article_id == article)
        .order_by(t.near_misses.c.id)
    )
    return [
        NearMiss(
            company=stored.company,
            topic=stored.topic,
            score=stored.score,
            reason=stored.reason,
            possible=stored.possible,
            sentence=stored.sentence,
            evidence=evidence_of(stored.evidence),
            found_at=stored.found_at,
        )
        for stored in connection.execute(query)
    ]


def prune(connection: Connection, *, before: datetime, limit: int) -> int:
    """Delete up to *limit* near-misses found before that instant; return how many. Commit after."""
    old = select(t.near_misses.c.id).where(t.near_misses.c.found_at < before)
    old = old.order_by(t.near_misses.c.found_at).limit(limit)
    deleted = delete(t.near_misses).where(t.near_misses.c.id.in_(old)).returning(t.near_misses.c.id)
    return len(connection.scalars(deleted).all())
