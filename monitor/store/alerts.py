"""Alerts in the store: which stories are to be told at once, and freezing what tells them.

* An alert is a digest of its own kind: its hits are reported by it, and in no digest again.
* A story is told once at a stage, by constraint. A story that a digest told at this stage already,
  or whose hits were alerted before it was merged into another, is not news.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import bindparam, exists, func, insert, or_, select
from sqlalchemy.orm import aliased

from monitor.model import Alerted, DigestKind, Kind, wants
from monitor.store import digests
from monitor.store.queries import hits_with_articles, reported_hit
from monitor.store.schema import (
    AlertRow,
    ArticleRow,
    DigestItemRow,
    DigestRow,
    HitRow,
    StoryRow,
    SubscriptionRow,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence
    from datetime import datetime

    from sqlalchemy import ColumnElement, Select
    from sqlalchemy.orm import Session

    from monitor.model import Alerting, ReportedHit, Subscription
    from monitor.store.digests import FrozenDigest

_CHUNK: Final = 500  # numbers in one IN
REACH: Final = timedelta(days=2)  # what was found longer ago is no matter of minutes any more


@dataclass(frozen=True, slots=True)
class Touched:
    """A story that got a hit, and what decides who is alerted of it."""

    story_id: int
    stage: str
    company: str
    topic: str

    def may_concern(self, subscription: Subscription) -> bool:
        """Return whether *subscription* may have to be alerted of it: a look at its hits tells."""
        alert = subscription.alert
        return (
            alert is not None
            and self.stage in alert.stages
            and self.company in (alert.companies or subscription.companies or (self.company,))
            and self.topic in (alert.topics or subscription.topics or (self.topic,))
        )


def due(
    session: Session, subscription: Subscription, stories: Iterable[int], *, now: datetime
) -> dict[tuple[int, str], list[ReportedHit]]:
    """Return the unreported hits of those of *stories* that *subscription* is alerted of.

    By story and its stage. Found since the subscription began, and published not longer ago than
    it wants.
    """
    alert = subscription.alert
    if alert is None:
        return {}
    started = select(SubscriptionRow.started_at).where(SubscriptionRow.name == subscription.name)
    values = {
        "subscription": subscription.name,
        "since": max(session.scalar(started) or now, now - REACH),
        "oldest": now - alert.max_age,
        "stages": alert.stages,
    }
    found: dict[tuple[int, str], list[ReportedHit]] = {}
    for chunk in _chunks(stories):
        for row in session.execute(_due_hits(), values | {"stories": chunk}):
            hit = reported_hit(row)
            kind = Kind(hit.company, hit.topic, row.story_stage, hit.language, hit.score)
            if wants(subscription, kind) and _narrowed(alert, kind):
                found.setdefault((hit.story_id, row.story_stage), []).append(hit)
    return found


@cache
def _due_hits() -> Select[*tuple[Any, ...]]:
    """Return the query of `due`, made once: making it costs more than running it."""
    return (
        hits_with_articles()
        .add_columns(StoryRow.stage.label("story_stage"))
        .where(HitRow.story_id.in_(bindparam("stories", expanding=True)))
        .where(StoryRow.stage.in_(bindparam("stages", expanding=True)))
        .where(HitRow.found_at >= bindparam("since"), HitRow.withdrawn_at.is_(None), ~HitRow.quiet)
        .where(
            or_(
                ArticleRow.published_at.is_(None),
                ArticleRow.published_at >= bindparam("oldest"),
            )
        )
        .where(~_reported(), ~_told())
        .order_by(HitRow.id)
    )


def touched(
    session: Session, *, since: datetime, stages: Collection[str]
) -> Iterator[tuple[int, Touched]]:
    """Yield each live hit found since then with its story, of stories at one of *stages*."""
    query = (
        select(HitRow.id, StoryRow.id, StoryRow.stage, StoryRow.company, StoryRow.topic)
        .join(StoryRow, StoryRow.id == HitRow.story_id)
        .where(HitRow.found_at >= since, StoryRow.stage.in_(stages))
        .where(HitRow.withdrawn_at.is_(None), ~HitRow.quiet)
    )
    for hit_id, story_id, stage, company, topic in session.execute(query):
        yield hit_id, Touched(story_id, stage or "", company, topic)


def sent_since(session: Session, subscription: str, since: datetime) -> list[datetime]:
    """Return when the alerts of *subscription* after *since* were made."""
    query = select(DigestRow.composed_at).where(
        DigestRow.subscription == subscription,
        DigestRow.kind == DigestKind.ALERT,
        DigestRow.composed_at > since,
    )
    return list(session.scalars(query))


def told_since(session: Session, subscription: str, since: datetime | None) -> list[Alerted]:
    """Return the stories alerted after *since*, or ever, as they are called now, oldest first."""
    query = (
        select(
            AlertRow.story_id,
            StoryRow.company,
            StoryRow.topic,
            AlertRow.stage,
            AlertRow.at,
            StoryRow.headline,
            ArticleRow.url,
            ArticleRow.language,
        )
        .join(StoryRow, StoryRow.id == AlertRow.story_id)
        .outerjoin(HitRow, HitRow.id == StoryRow.head_hit_id)
        .outerjoin(ArticleRow, ArticleRow.id == HitRow.article_id)
        .where(AlertRow.subscription == subscription)
        .order_by(AlertRow.id)
    )
    if since is not None:
        query = query.where(AlertRow.at > since)
    return [Alerted(*row) for row in session.execute(query)]


def free_slot(session: Session, subscription: str, now: datetime) -> datetime:
    """Return *now*, or the first instant after it that no digest or alert stands for."""
    last = func.max(DigestRow.slot, type_=DigestRow.slot.type)
    query = select(last).where(
        DigestRow.subscription == subscription,
        DigestRow.kind == DigestKind.ALERT,
        DigestRow.slot >= now,
    )
    taken = session.scalar(query)
    return now if taken is None else taken + timedelta.resolution


def freeze(session: Session, frozen: FrozenDigest, stories: Sequence[tuple[int, str]]) -> bool:
    """Store the alert *frozen* of *stories*, each with its stage; False if its instant is taken.

    Raises IntegrityError if one of them was told to the subscription meanwhile: nothing is stored
    then. The caller commits.
    """
    if not digests.freeze(session, frozen):
        return False
    made = DigestRow.subscription == frozen.subscription, DigestRow.slot == frozen.slot
    digest_id = session.execute(select(DigestRow.id).where(*made)).scalar_one()
    rows = [
        {
            "digest_id": digest_id,
            "subscription": frozen.subscription,
            "story_id": story_id,
            "stage": stage,
            "at": frozen.composed_at,
        }
        for story_id, stage in stories
    ]
    session.execute(insert(AlertRow), rows)
    return True


def _chunks(numbers: Iterable[int]) -> Iterator[list[int]]:
    rest = sorted(set(numbers))
    while rest:
        yield rest[:_CHUNK]
        rest = rest[_CHUNK:]


def _narrowed(alert: Alerting, kind: Kind) -> bool:
    return (not alert.companies or kind.company in alert.companies) and (
        not alert.topics or kind.topic in alert.topics
    )


def _reported() -> ColumnElement[bool]:
    return exists().where(
        DigestItemRow.subscription == bindparam("subscription"), DigestItemRow.hit_id == HitRow.id
    )


def _told() -> ColumnElement[bool]:
    """Return whether the story was told at its stage: by an alert, or by a hit in a digest."""
    other = aliased(HitRow)
    reported = exists().where(
        DigestItemRow.subscription == bindparam("subscription"),
        DigestItemRow.hit_id == other.id,
        other.story_id == HitRow.story_id,
        other.stage == StoryRow.stage,
    )
    alerted = exists().where(
        AlertRow.subscription == bindparam("subscription"),
        AlertRow.story_id == HitRow.story_id,
        AlertRow.stage == StoryRow.stage,
    )
    return reported.correlate(HitRow, StoryRow) | alerted.correlate(HitRow, StoryRow)
