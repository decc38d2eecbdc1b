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
    """Return the query whose rows `to_group` reads, by place: no more of a hit and its text."""
    summary = func.substr(func.coalesce(t.revisions.c.summary, t.articles.c.summary), 1, _SUMMARY)
    query: Select[*tuple[Any, ...]] = select(
        *(t.hits.c.id, t.hits.c.story_id, t.hits.c.company, t.hits.c.topic, t.hits.c.stage),
        *(t.hits.c.regulator, t.hits.c.event_date, t.hits.c.evidence),
        *(t.hits.c.amounts, t.hits.c.amount, t.hits.c.currency, t.hits.c.amount_text),
        *(hit_title(), summary.label("summary"), told_at()),
    )
    return text_of_hit(query)


HITS_OF: Final = hits_of().where(among(t.hits.c.id, "some")).order_by(t.hits.c.id)


def to_group(row: Row[*tuple[Any, ...]]) -> HitToGroup:
    """Return one row of `hits_of` as a value."""
    # By place: to ask a row for each of them by its name takes as long as all the rest.
    number, _, company, topic, stage, regulator, day, evidence, *sums, title, summary, at = row
    return HitToGroup(
        id=number,
        company=company,
        topic=topic,
        stage=stage,
        title=title,
        at=at,
        summary=summary,
        regulator=regulator,
        amounts=_amounts(*sums),
        event_date=day,
        subject=subject(company, (quote.get("term", "") for quote in evidence)),
        names=tuple([it["text"] for it in evidence if it.get("role") in WEIGHED]),
    )


def _amounts(
    several: list[dict[str, str]] | None,
    first: float | None,
    currency: str | None,
    text: str | None,
) -> tuple[Amount, ...]:
    """Return the sums of a hit; one stored by an earlier version has the first only."""
    if several is not None:
        return tuple(Amount(Decimal(it["value"]), it["currency"], it["text"]) for it in several)
    if first is None or currency is None:
        return ()
    return (Amount(Decimal(str(first)), currency, text or ""),)


def subject(company: str, terms: Iterable[str]) -> str | None:
    """Return the unit or person of *company* that the ids of *terms* name first, if any."""
    for term in terms:
        parts = term.split(".")
        if len(parts) >= _UNIT_PARTS and parts[0] == company:
            return parts[1]
    return None
