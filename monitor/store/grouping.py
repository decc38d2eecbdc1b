"""Hits as grouping reads them: with the text they quote, and when that was published."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import Select, func, select

from monitor.model import Amount, HitToGroup, Role
from monitor.store.queries import hit_title, text_of_hit
from monitor.store.schema import ArticleRow, HitRow, RevisionRow

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from sqlalchemy import ColumnElement, Row

# Quotes that are weighed as what they stand for, and not as words again.
WEIGHED: Final = frozenset({Role.COMPANY, Role.REGULATOR})
_UNIT_PARTS: Final = 4  # of the id of a unit's term: alibaba.cainiao.en.cainiao


def told_at() -> ColumnElement[datetime]:
    """Return when the article of a hit was published, else first seen."""
    when = func.coalesce(ArticleRow.published_at, ArticleRow.first_seen, type_=HitRow.found_at.type)
    return when.label("at")


def hits_of() -> Select[*tuple[Any, ...]]:
    """Return the query whose rows `to_group` reads."""
    summary = func.coalesce(RevisionRow.summary, ArticleRow.summary).label("summary")
    query: Select[*tuple[Any, ...]] = select(HitRow, hit_title(), summary, told_at())
    return text_of_hit(query)


def to_group(row: Row[Any]) -> HitToGroup:
    """Return one row of `hits_of` as a value."""
    hit: HitRow = row.HitRow
    return HitToGroup(
        id=hit.id,
        company=hit.company,
        topic=hit.topic,
        stage=hit.stage,
        title=row.title,
        at=row.at,
        summary=row.summary,
        regulator=hit.regulator,
        amounts=_amounts(hit),
        event_date=hit.event_date,
        subject=subject(hit.company, (quote.get("term", "") for quote in hit.evidence)),
        names=tuple(it["text"] for it in hit.evidence if it.get("role") in WEIGHED),
    )


def _amounts(hit: HitRow) -> tuple[Amount, ...]:
    """Return the sums of a hit; one stored by an earlier version has the first only."""
    if hit.amounts is not None:
        return tuple(Amount(Decimal(it["value"]), it["currency"], it["text"]) for it in hit.amounts)
    if hit.amount is None or hit.currency is None:
        return ()
    return (Amount(Decimal(str(hit.amount)), hit.currency, hit.amount_text or ""),)


def subject(company: str, terms: Iterable[str]) -> str | None:
    """Return the unit or person of *company* that the ids of *terms* name first, if any."""
    for term in terms:
        parts = term.split(".")
        if len(parts) >= _UNIT_PARTS and parts[0] == company:
            return parts[1]
    return None
