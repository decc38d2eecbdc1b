"""Digests in the store: which slot is open, which hits are unreported, and freezing an edition.

A digest takes hits *not yet reported to this subscription*, never "hits of the last day": so a
digest that comes late, or comes after days of downtime, leaves nothing out and repeats nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import ColumnElement, exists, func, or_, select
from sqlalchemy.sql.functions import coalesce

from monitor.model import Coverage, DigestKind, FeedState, FeedTrouble, ReportedHit
from monitor.store import audit, deliveries
from monitor.store.queries import hits_with_articles, reported_hit
from monitor.store.schema import (
    ArticleRow,
    DeliveryRow,
    DigestItemRow,
    DigestRow,
    FeedRow,
    HitRow,
    PollRow,
    StoryRow,
    SubscriptionRow,
)
from monitor.store.upsert import insert_new, inserting

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from sqlalchemy.orm import Session

    from monitor.model import Rendered, Subscription

ANSWERING = (FeedState.OK, FeedState.STALE)
RECENT = timedelta(days=7)  # how long a digest that did not arrive is told of
_CHUNK = 500  # numbers in one IN
LOOKBACK = timedelta(days=1)  # what a new subscription's first digest reaches back to


@dataclass(frozen=True, slots=True)
class FrozenDigest:
    """A composed digest, ready to be frozen. *message_ids* maps recipient to Message-ID.

    *brief* is what channels get: needed if one of the recipients is a channel.
    """

    subscription: str
    slot: datetime
    composed_at: datetime
    lexicon: str
    content: dict[str, Any]
    rendered: Rendered
    hits: Sequence[int]
    message_ids: dict[str, str]
    kind: DigestKind = DigestKind.DIGEST
    brief: dict[str, Any] | None = None


def sync_subscriptions(session: Session, names: Iterable[str], *, now: datetime) -> None:
    """Remember when each subscription was first seen. The caller commits."""
    rows = [{"name": name, "started_at": now} for name in names]
    insert_new(session, SubscriptionRow, rows)


def _of(subscription: str) -> ColumnElement[bool]:
    """Return what is true of the digests of *subscription*, alerts left out."""
    return (DigestRow.subscription == subscription) & (DigestRow.kind == DigestKind.DIGEST)


def is_open(session: Session, subscription: str, slot: datetime) -> bool:
    """Return whether *slot* is later than the subscription's start and has no digest yet."""
    started = select(SubscriptionRow.started_at).where(SubscriptionRow.name == subscription)
    made = exists().where(_of(subscription), DigestRow.slot == slot)
    started_at = session.scalar(started)
    return started_at is not None and slot > started_at and not session.scalar(select(made))


def last_sent(session: Session, subscription: str, *, before: datetime) -> datetime | None:
    """Return the last slot before *before* whose digest went to anybody, else the start."""
    sent = exists().where(DeliveryRow.digest_id == DigestRow.id)
    last = func.max(DigestRow.slot, type_=DigestRow.slot.type)
    made = _of(subscription), DigestRow.slot < before
    started = select(SubscriptionRow.started_at).where(SubscriptionRow.name == subscription)
    return session.scalar(select(last).where(*made, sent)) or session.scalar(started)


def last_made(session: Session, subscription: str, *, now: datetime) -> datetime | None:
    """Return the last slot not after *now* that has a digest, else the subscription's start.

    None for a subscription that was never seen. Slots after *now* are left of a clock that ran
    ahead, and hide none.
    """
    last = func.max(DigestRow.slot, type_=DigestRow.slot.type)
    made = _of(subscription), DigestRow.slot <= now
    started = select(SubscriptionRow.started_at).where(SubscriptionRow.name == subscription)
    return session.scalar(select(last).where(*made)) or session.scalar(started)


def unreported(
    session: Session, subscription: Subscription, *, now: datetime, until: datetime | None = None
) -> list[ReportedHit]:
    """Return the grouped hits that *subscription* wants and was not told of, oldest first.

    Those found up to *until* only, if it is given. A subscription that was never seen before starts
    now. Quiet and withdrawn hits are left out.
    """
    reported = exists().where(
        DigestItemRow.subscription == subscription.name, DigestItemRow.hit_id == HitRow.id
    )
    started = select(SubscriptionRow.started_at).where(SubscriptionRow.name == subscription.name)
    started_at = session.scalar(started) or now
    query = (
        hits_with_articles()
        .where(HitRow.found_at >= started_at - LOOKBACK, HitRow.story_id.is_not(None), ~reported)
        .where(HitRow.withdrawn_at.is_(None), ~HitRow.quiet)
        .where(*_wanted(subscription))
        .order_by(HitRow.id)
    )
    if until is not None:
        query = query.where(HitRow.found_at <= until)
    return [reported_hit(row) for row in session.execute(query)]


def told(session: Session, hit_ids: Sequence[int]) -> list[ReportedHit]:
    """Return hits with their articles, for what is told of them in short."""
    found: list[ReportedHit] = []
    for start in range(0, len(hit_ids), _CHUNK):
        some = HitRow.id.in_(hit_ids[start : start + _CHUNK])
        query = hits_with_articles().where(some).order_by(HitRow.id)
        found += [reported_hit(row) for row in session.execute(query)]
    return found


def _wanted(subscription: Subscription) -> list[ColumnElement[bool]]:
    wanted: list[ColumnElement[bool]] = [HitRow.score >= subscription.min_score]
    if subscription.companies:
        wanted.append(HitRow.company.in_(subscription.companies))
    if subscription.topics:
        wanted.append(HitRow.topic.in_(subscription.topics))
    if subscription.stages:
        # That of the story, since not every article of a fine says that it is one.
        wanted.append(func.coalesce(StoryRow.stage, HitRow.stage).in_(subscription.stages))
    if subscription.languages:
        # "zh" wants "zh-Hans" too; an article that does not say its language is not left out.
        like = [ArticleRow.language.startswith(code) for code in subscription.languages]
        wanted.append(or_(ArticleRow.language.is_(None), *like))
    return wanted


def coverage(session: Session, subscription: str, *, now: datetime) -> Coverage:
    """Return what was polled since the subscription's previous digest (since its start)."""
    last = func.max(DigestRow.composed_at, type_=DigestRow.composed_at.type)
    since = session.scalar(select(last).where(_of(subscription)))
    polls = select(
        func.count(PollRow.id),
        coalesce(func.sum(PollRow.entries), 0),
        coalesce(func.sum(PollRow.new), 0),
    ).where(PollRow.at <= now)
    if since is not None:
        polls = polls.where(PollRow.at > since)
    count, entries, new = session.execute(polls).one()
    feeds = session.scalars(select(FeedRow).where(FeedRow.enabled).order_by(FeedRow.name)).all()
    troubled = [feed for feed in feeds if feed.state != FeedState.OK]
    return Coverage(
        since=since,
        until=now,
        feeds=len(feeds),
        feeds_ok=sum(feed.state in ANSWERING for feed in feeds),
        polls=count,
        entries=entries,
        new_articles=new,
        troubled=tuple(
            FeedTrouble(
                feed.name,
                FeedState(feed.state),
                feed.last_ok_at,
                feed.last_error or feed.state_reason,
            )
            for feed in troubled
        ),
        undelivered=tuple(deliveries.undelivered(session, subscription, since=now - RECENT)),
    )


def freeze(session: Session, edition: FrozenDigest) -> bool:
    """Store *edition*, its items and its deliveries; False if the slot has its digest already.

    Raises IntegrityError if one of its hits was reported to the subscription meanwhile: nothing
    is stored then, and the slot stays open. The caller commits.
    """
    insert = inserting(session, DigestRow).on_conflict_do_nothing().returning(DigestRow.id)
    row: dict[str, Any] = {
        "subscription": edition.subscription,
        "slot": edition.slot,
        "composed_at": edition.composed_at,
        "lexicon": edition.lexicon,
        "content": edition.content,
        "subject": edition.rendered.subject,
        "text": edition.rendered.text,
        "html": edition.rendered.html,
        "kind": edition.kind,
        "brief": edition.brief,
    }
    digest_id = session.execute(insert, [row]).scalar_one_or_none()
    if digest_id is None:
        return False
    audit.append(
        session,
        audit.DIGEST,
        str(digest_id),
        audit.of_digest(row["subject"], row["text"], row["html"]),
        who=audit.SERVICE,
        now=edition.composed_at,
    )
    items = [
        {"digest_id": digest_id, "subscription": edition.subscription, "hit_id": hit_id}
        for hit_id in edition.hits
    ]
    if items:
        session.execute(inserting(session, DigestItemRow), items)
    rows = [
        {
            "digest_id": digest_id,
            "recipient": recipient,
            "message_id": message_id,
            "status": "waiting",
            "attempts": 0,
            "doubts": 0,
            "due_at": edition.composed_at,
        }
        for recipient, message_id in edition.message_ids.items()
    ]
    if rows:
        session.execute(inserting(session, DeliveryRow), rows)
    return True


def made_since(session: Session, subscription: str, slot: datetime) -> bool:
    """Return whether the subscription has a digest for a slot later than *slot*."""
    made = exists().where(_of(subscription), DigestRow.slot > slot)
    return bool(session.scalar(select(made)))
