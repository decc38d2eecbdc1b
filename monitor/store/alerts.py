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

from monitor.model import Alerted, DigestKind, Kind, wants
from monitor.query import HitFacts, Piece, matches, read_filter
from monitor.store import digests
from monitor.store import schema as t
from monitor.store.queries import hits_with_articles, reported_hit

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence
    from datetime import datetime

    from sqlalchemy import ColumnElement, Connection, Row, Select

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
    connection: Connection, subscription: Subscription, stories: Iterable[int], *, now: datetime
) -> dict[tuple[int, str], list[ReportedHit]]:
    """Return the unreported hits of those of *stories* that *subscription* is alerted of.

    By story and its stage. Found since the subscription began, and published not longer ago than
    it wants.
    """
    alert = subscription.alert
    if alert is None:
        return {}
    started = select(t.subscriptions.c.started_at).where(
        t.subscriptions.c.name == subscription.name
    )
    values = {
        "subscription": subscription.name,
        "since": max(connection.scalar(started) or now, now - REACH),
        "oldest": now - alert.max_age,
        "stages": alert.stages,
    }
    filters = [read_filter(it) for it in (subscription.filter, alert.filter) if it is not None]
    found: dict[tuple[int, str], list[ReportedHit]] = {}
    for chunk in _chunks(stories):
        for row in connection.execute(_due_hits(), values | {"stories": chunk}):
            hit = reported_hit(row)
            kind = Kind(hit.company, hit.topic, row.story_stage, hit.language, hit.score)
            if not (wants(subscription, kind) and _narrowed(alert, kind)):
                continue
            piece = _piece(row, kind)
            if all(matches(query, piece) for query in filters):
                found.setdefault((hit.story_id, row.story_stage), []).append(hit)
    return found


@cache
def _due_hits() -> Select[*tuple[Any, ...]]:
    """Return the query of `due`, made once: making it costs more than running it."""
    return (
        hits_with_articles()
        .add_columns(
            t.stories.c.stage.label("story_stage"),
            t.articles.c.title.label("title_now"),
            t.articles.c.summary.label("summary_now"),
        )
        .where(t.hits.c.story_id.in_(bindparam("stories", expanding=True)))
        .where(t.stories.c.stage.in_(bindparam("stages", expanding=True)))
        .where(
            t.hits.c.found_at >= bindparam("since"),
            t.hits.c.withdrawn_at.is_(None),
            ~t.hits.c.quiet,
        )
        .where(
            or_(
                t.articles.c.published_at.is_(None),
                t.articles.c.published_at >= bindparam("oldest"),
            )
        )
        .where(~_reported(), ~_told())
        .order_by(t.hits.c.id)
    )


def touched(
    connection: Connection, *, since: datetime, stages: Collection[str]
) -> Iterator[tuple[int, Touched]]:
    """Yield each live hit found since then with its story, of stories at one of *stages*."""
    query = (
        select(
            t.hits.c.id, t.stories.c.id, t.stories.c.stage, t.stories.c.company, t.stories.c.topic
        )
        .join(t.stories, t.stories.c.id == t.hits.c.story_id)
        .where(t.hits.c.found_at >= since, t.stories.c.stage.in_(stages))
        .where(t.hits.c.withdrawn_at.is_(None), ~t.hits.c.quiet)
    )
    for hit_id, story_id, stage, company, topic in connection.execute(query):
        yield hit_id, Touched(story_id, stage or "", company, topic)


def sent_since(connection: Connection, subscription: str, since: datetime) -> list[datetime]:
    """Return when the alerts of *subscription* after *since* were made."""
    query = select(t.digests.c.composed_at).where(
        t.digests.c.subscription == subscription,
        t.digests.c.kind == DigestKind.ALERT,
        t.digests.c.composed_at > since,
    )
    return list(connection.scalars(query))


def told_since(connection: Connection, subscription: str, since: datetime | None) -> list[Alerted]:
    """Return the stories alerted after *since*, or ever, as they are called now, oldest first."""
    query = (
        select(
            t.alerts.c.story_id,
            t.stories.c.company,
            t.stories.c.topic,
            t.alerts.c.stage,
            t.alerts.c.at,
            t.stories.c.headline,
            t.articles.c.url,
            t.articles.c.language,
        )
        .join(t.stories, t.stories.c.id == t.alerts.c.story_id)
        .outerjoin(t.hits, t.hits.c.id == t.stories.c.head_hit_id)
        .outerjoin(t.articles, t.articles.c.id == t.hits.c.article_id)
        .where(t.alerts.c.subscription == subscription)
        .order_by(t.alerts.c.id)
    )
    if since is not None:
        query = query.where(t.alerts.c.at > since)
    return [Alerted(*row) for row in connection.execute(query)]


def free_slot(connection: Connection, subscription: str, now: datetime) -> datetime:
    """Return *now*, or the first instant after it that no digest or alert stands for."""
    last = func.max(t.digests.c.slot, type_=t.digests.c.slot.type)
    query = select(last).where(
        t.digests.c.subscription == subscription,
        t.digests.c.kind == DigestKind.ALERT,
        t.digests.c.slot >= now,
    )
    taken = connection.scalar(query)
    return now if taken is None else taken + timedelta.resolution


def freeze(
    connection: Connection, frozen: FrozenDigest, stories: Sequence[tuple[int, str]]
) -> bool:
    """Store the alert *frozen* of *stories*, each with its stage; False if its instant is taken.

    Raises IntegrityError if one of them was told to the subscription meanwhile: nothing is stored
    then. The caller commits.
    """
    if not digests.freeze(connection, frozen):
        return False
    made = t.digests.c.subscription == frozen.subscription, t.digests.c.slot == frozen.slot
    digest_id = connection.execute(select(t.digests.c.id).where(*made)).scalar_one()
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
    connection.execute(insert(t.alerts), rows)
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


def _piece(row: Row[Any], kind: Kind) -> Piece:
    """Return what a filter is asked of: a row of `_due_hits`, whose story is of that *kind*."""
    facts = HitFacts(
        kind.company, kind.topic, kind.stage, row.regulator, row.amount, row.currency, kind.score
    )
    return Piece(row.title_now, row.summary_now, row.feed, kind.language, row.found_at, facts)


def _reported() -> ColumnElement[bool]:
    return exists().where(
        t.digest_items.c.subscription == bindparam("subscription"),
        t.digest_items.c.hit_id == t.hits.c.id,
    )


def _told() -> ColumnElement[bool]:
    """Return whether the story was told at its stage: by an alert, or by a hit in a digest."""
    other = t.hits.alias()
    reported = exists().where(
        t.digest_items.c.subscription == bindparam("subscription"),
        t.digest_items.c.hit_id == other.c.id,
        other.c.story_id == t.hits.c.story_id,
        other.c.stage == t.stories.c.stage,
    )
    alerted = exists().where(
        t.alerts.c.subscription == bindparam("subscription"),
        t.alerts.c.story_id == t.hits.c.story_id,
        t.alerts.c.stage == t.stories.c.stage,
    )
    return reported.correlate(t.hits, t.stories) | alerted.correlate(t.hits, t.stories)
