"""Hits as grouping reads them: with the text they quote, and when that was published."""

from __future__ import annotations

from decimal import Decimal
from functools import cache
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from sqlalchemy import Select, func, or_, select

from monitor.model import Amount, HitToGroup, Role
from monitor.store import schema as t
from monitor.store.among import among
from monitor.store.quoted import hit_title, text_of_hit

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime

    from sqlalchemy import ColumnElement, Row

    Alike: TypeAlias = ColumnElement[Any]

# Quotes that are weighed as what they stand for, and not as words again.
WEIGHED: Final = frozenset({Role.COMPANY, Role.REGULATOR})
Kind: TypeAlias = tuple[int, tuple["Alike", ...]]  # how many hits that are alike in what
_SUMMARY: Final = 400  # characters; no report compares more
_CHUNK: Final = 500  # numbers in one IN
_UNIT_PARTS: Final = 4  # of the id of a unit's term: alibaba.cainiao.en.cainiao


def told_at() -> ColumnElement[datetime]:
    """Return when the article of a hit was published, else first seen."""
    when = func.coalesce(
        t.articles.c.published_at, t.articles.c.first_seen, type_=t.hits.c.found_at.type
    )
    return when.label("at")


@cache
def earliest(*kinds: Kind) -> Select[*tuple[Any, ...]]:
    """Return the query of live hits (`story_id`, `hit_id`) of the stories that are its list `some`.

    They come in order of story and time.
    A hit is in it if it is among the earliest of its story that are alike in the columns of some
    kind, as many as that kind says: so a story of thousands is known by few, whatever the order
    in which they came. The columns may be of the hit, its article and its feed.
    """
    order = told_at(), t.hits.c.id
    ranks = [
        func.row_number().over(partition_by=[t.hits.c.story_id, *alike], order_by=order)
        for _, alike in kinds
    ]
    ranked = (
        select(
            *(t.hits.c.story_id, t.hits.c.id.label("hit_id"), told_at()),
            *(rank.label(f"rank{at}") for at, rank in enumerate(ranks)),
        )
        .join(t.articles, t.articles.c.id == t.hits.c.article_id)
        .join(t.feeds, t.feeds.c.id == t.articles.c.feed_id)
        .where(among(t.hits.c.story_id, "some"), t.hits.c.withdrawn_at.is_(None))
        .subquery()
    )
    few = or_(*(ranked.c[f"rank{at}"] <= most for at, (most, _) in enumerate(kinds)))
    query: Select[*tuple[Any, ...]] = select(ranked.c.story_id, ranked.c.hit_id)
    return query.where(few).order_by(ranked.c.story_id, ranked.c.at, ranked.c.hit_id)


def chunks(numbers: Iterable[int]) -> Iterator[list[int]]:
    """Yield *numbers* in order, as many at a time as one IN takes."""
    ordered = sorted(numbers)
    for start in range(0, len(ordered), _CHUNK):
        yield ordered[start : start + _CHUNK]


def hits_of() -> Select[*tuple[Any, ...]]:
    """Return the query whose rows `to_group` reads: no more of a hit and its text than that."""
    summary = func.substr(func.coalesce(t.revisions.c.summary, t.articles.c.summary), 1, _SUMMARY)
    query: Select[*tuple[Any, ...]] = select(
        *(t.hits.c.id, t.hits.c.story_id, t.hits.c.company, t.hits.c.topic, t.hits.c.stage),
        *(
            t.hits.c.regulator,
            t.hits.c.amount,
            t.hits.c.currency,
            t.hits.c.amount_text,
            t.hits.c.amounts,
        ),
        *(t.hits.c.event_date, t.hits.c.evidence),
        *(hit_title(), summary.label("summary"), told_at()),
    )
    return text_of_hit(query)


HITS_OF: Final = hits_of().where(among(t.hits.c.id, "some")).order_by(t.hits.c.id)


def to_group(row: Row[Any]) -> HitToGroup:
    """Return one row of `hits_of` as a value."""
    return HitToGroup(
        id=row.id,
        company=row.company,
        topic=row.topic,
        stage=row.stage,
        title=row.title,
        at=row.at,
        summary=row.summary,
        regulator=row.regulator,
        amounts=_amounts(row),
        event_date=row.event_date,
        subject=subject(row.company, (quote.get("term", "") for quote in row.evidence)),
        names=tuple(it["text"] for it in row.evidence if it.get("role") in WEIGHED),
    )


def _amounts(hit: Row[Any]) -> tuple[Amount, ...]:
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
