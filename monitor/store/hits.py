"""Hits in the store: the rows of new ones, what is stored, and what a new judgement changes.

* The caller holds the article: its row is new in this transaction, or locked (`FOR UPDATE`).
* Number, date of finding and story of a hit never change, whatever else does.
* Nothing is deleted: a hit that is not found any more is marked as withdrawn.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import func, select, update

from monitor.detect.changes import KnownHit
from monitor.model import Evidence, Role, ScorePart
from monitor.store import numbering
from monitor.store import schema as t
from monitor.store.many import Many
from monitor.store.upsert import inserting

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from datetime import datetime

    from sqlalchemy import Connection

    from monitor.detect.changes import Changes
    from monitor.model import Match
    from monitor.store.counts import Tally

MOST_MONEY: Final = 10**21  # what the column `amount` holds with room to spare; more is a slip

_STORED: Final = (
    t.hits.c.id,
    t.hits.c.article_id,
    t.hits.c.revision,
    t.hits.c.company,
    t.hits.c.topic,
    t.hits.c.score,
    t.hits.c.stage,
    t.hits.c.regulator,
    t.hits.c.amount_text,
    t.hits.c.event_date,
    t.hits.c.sentence,
    t.hits.c.evidence,
    t.hits.c.parts,
    t.hits.c.lexicon,
    t.hits.c.withdrawn_at,
)


def count_ungrouped(connection: Connection, *, limit: int) -> int:
    """Return how many hits have no story yet, counting no further than *limit*."""
    free = select(t.hits.c.id).where(t.hits.c.story_id.is_(None), t.hits.c.withdrawn_at.is_(None))
    return connection.scalar(select(func.count()).select_from(free.limit(limit).subquery())) or 0


def evidence_of(stored: Sequence[dict[str, Any]]) -> tuple[Evidence, ...]:
    """Return stored quotes as values."""
    return tuple(Evidence(**{**quote, "role": Role(quote["role"])}) for quote in stored)


def evidence(connection: Connection, hit_id: int) -> tuple[Evidence, ...]:
    """Return the quotes that made a hit; none if there is no such hit."""
    stored = connection.scalar(select(t.hits.c.evidence).where(t.hits.c.id == hit_id))
    return evidence_of(stored or ())


@dataclass(frozen=True, slots=True)
class Finding:
    """Where and when matches were found: in which text of which article, by which lexicon."""

    article: int
    revision: int
    lexicon: str
    now: datetime


def row(match: Match, at: Finding, *, quiet: bool = False) -> dict[str, Any]:
    """Return the row of a new hit."""
    keys = {"article_id": at.article, "revision": at.revision}
    pair = {"company": match.company, "topic": match.topic}
    return {**keys, **pair, **_details(match, at.lexicon), "found_at": at.now, "quiet": quiet}


_DETAILS: Final = (
    *("score", "stage", "regulator", "amount", "currency", "amount_text", "amounts"),
    *("event_date", "sentence", "evidence", "parts", "lexicon"),
)


def _details(match: Match, lexicon: str) -> dict[str, Any]:
    amount = match.amounts[0] if match.amounts else None
    return {
        "score": match.score,
        "stage": match.stage,
        "regulator": match.regulator,
        "amount": float(amount.value) if amount and amount.value < MOST_MONEY else None,
        "currency": amount.currency if amount else None,
        "amount_text": amount.text if amount else None,
        "amounts": [
            {"value": f"{it.value:f}", "currency": it.currency, "text": it.text}
            for it in match.amounts
        ],
        "event_date": match.event_date,
        "sentence": match.sentence,
        "evidence": [plain(quote) for quote in match.evidence],
        "parts": [plain(part) for part in match.parts],
        "lexicon": lexicon,
    }


def plain(value: Evidence | ScorePart) -> dict[str, Any]:
    """Return what JSON keeps of *value*."""
    return {name: getattr(value, name) for name in value.__slots__}


def insert(connection: Connection, rows: Sequence[dict[str, Any]], tally: Tally) -> list[int]:
    """Insert the hits *rows*, but those that are there; return the article of each inserted.

    *tally* counts them.
    """
    if not rows:
        return []
    numbers = numbering.reserve(connection, t.hits, len(rows))
    numbered = [{"id": number, **row} for number, row in zip(numbers, rows, strict=True)]
    _ADD.execute_dicts(connection, numbered)
    landed = numbering.landed(connection, t.hits, numbers)
    articles: list[int] = [row["article_id"] for row in numbered if row["id"] in landed]
    for article in articles:
        tally.hit(article, 1)
    return articles


_ADD: Final = Many(
    ("id", "article_id", "revision", "company", "topic", *_DETAILS, "found_at", "quiet"),
    lambda connection: inserting(connection, t.hits).on_conflict_do_nothing(),
)


def of_articles(connection: Connection, articles: Collection[int]) -> dict[int, list[KnownHit]]:
    """Return by article the hits of up to 500 *articles*, oldest first, withdrawn ones too."""
    query = select(*_STORED).where(t.hits.c.article_id.in_(articles)).order_by(t.hits.c.id)
    found: dict[int, list[KnownHit]] = {}
    for stored in connection.execute(query):
        found.setdefault(stored.article_id, []).append(_known(stored))
    return found


def get(connection: Connection, number: int) -> KnownHit | None:
    """Return the hit of that number, withdrawn or not."""
    stored = connection.execute(select(*_STORED).where(t.hits.c.id == number)).one_or_none()
    return _known(stored) if stored else None


def _known(stored: Any) -> KnownHit:  # noqa: ANN401 - a row of _STORED
    return KnownHit(
        id=stored.id,
        article=stored.article_id,
        revision=stored.revision,
        company=stored.company,
        topic=stored.topic,
        score=stored.score,
        stage=stored.stage,
        regulator=stored.regulator,
        amount=stored.amount_text,
        event_date=stored.event_date,
        sentence=stored.sentence,
        evidence=evidence_of(stored.evidence),
        parts=tuple(ScorePart(**part) for part in stored.parts),
        lexicon=stored.lexicon,
        withdrawn=stored.withdrawn_at is not None,
    )


def correct(
    connection: Connection, changes: Changes, tally: Tally, *, lexicon: str, now: datetime
) -> set[int]:
    """Write what became of an article's hits: details as they are found now, and withdrawals.

    Return the stories whose hits came to say something else: the caller refreshes them, after all
    else it has to write, and commits. *tally* counts what came back and what was withdrawn, as the
    rows say it, which another may have changed since *changes* were worked out.
    """
    differing = {hit.id for hit, _ in changes.corrected}
    same = [hit.id for hit, _ in changes.kept if hit.id not in differing]
    if same:  # found as they are under these rules too: those are what explains them now
        connection.execute(
            update(t.hits)
            .where(t.hits.c.id.in_(same), t.hits.c.lexicon != lexicon)
            .values(lexicon=lexicon)
        )
    touched: set[int | None] = set()
    if differing:
        away = t.hits.c.id.in_(differing), t.hits.c.withdrawn_at.is_not(None)
        back = update(t.hits).where(*away).values(withdrawn_at=None)
        for article in connection.scalars(back.returning(t.hits.c.article_id)):
            tally.hit(article, 1)
    for hit, match in changes.corrected:
        its = update(t.hits).where(t.hits.c.id == hit.id).values(_details(match, lexicon))
        touched |= set(connection.scalars(its.returning(t.hits.c.story_id)))
    gone = [hit.id for hit, _ in changes.lost]
    if gone:
        live = t.hits.c.id.in_(gone), t.hits.c.withdrawn_at.is_(None)
        away_now = update(t.hits).where(*live).values(withdrawn_at=now)
        for article, story in connection.execute(
            away_now.returning(t.hits.c.article_id, t.hits.c.story_id)
        ):
            tally.hit(article, -1)
            touched.add(story)
    return {story for story in touched if story is not None}
