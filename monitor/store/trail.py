"""The trail of a story, a hit or a digest: what was known when, and who was told. Reads only.

* Every event comes from the row that recorded it, at the instant that row has: nothing is guessed.
* A story's events are those of the hits it has now, with those an analyst moved in or out named.
* What is "known" counts from the moment it was found, not from when it was published.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import func, or_, select

from monitor.model import DeliveryStatus
from monitor.store.schema import (
    ArticleRow,
    DeliveryRow,
    DigestItemRow,
    DigestRow,
    FeedRow,
    HitRow,
    ReviewRow,
    RevisionRow,
    SightingRow,
    StoryEditRow,
    StoryRow,
    SuppressionRow,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import datetime

    from sqlalchemy.orm import Session


@dataclass(frozen=True, slots=True)
class Event:
    """Something that was recorded: at which instant, what, of which thing, by or to whom."""

    at: datetime
    event: str
    subject: str
    who: str | None
    detail: str


@dataclass(frozen=True, slots=True)
class Known:
    """A story as it was known at an instant: since when, and when who was first told."""

    story_id: int
    topic: str
    stage: str | None
    headline: str
    known_since: datetime
    hits: int
    told_at: datetime | None
    told: tuple[str, ...]


def of_story(session: Session, story_id: int) -> list[Event] | None:
    """Return all that is recorded of a story, oldest first; None if there is no such story."""
    if session.get(StoryRow, story_id) is None:
        return None
    hits = session.scalars(select(HitRow).where(HitRow.story_id == story_id)).all()
    edits = select(StoryEditRow).where(
        or_(StoryEditRow.story_id == story_id, StoryEditRow.other_story_id == story_id)
    )
    told = [
        Event(
            edit.at,
            f"story {edit.verb}",
            f"story {edit.story_id}",
            edit.who,
            f"hits {_numbers(edit.hits)} to story {edit.other_story_id}" + _noted(edit.note),
        )
        for edit in session.scalars(edits)
    ]
    return _sorted([*_of_hits(session, hits), *told])


def of_hit(session: Session, hit_id: int) -> list[Event] | None:
    """Return all that is recorded of a hit, oldest first; None if there is no such hit."""
    hit = session.get(HitRow, hit_id)
    return None if hit is None else _sorted(_of_hits(session, [hit]))


def of_digest(session: Session, digest_id: int) -> list[Event] | None:
    """Return all that is recorded of a digest, oldest first; None if there is no such digest.

    Whoever had left its list when it was made is named: they were not told.
    """
    digest = session.get(DigestRow, digest_id)
    if digest is None:
        return None
    away = select(SuppressionRow).where(
        SuppressionRow.subscription == digest.subscription,
        SuppressionRow.left_at <= digest.composed_at,
        or_(SuppressionRow.returned_at.is_(None), SuppressionRow.returned_at > digest.composed_at),
    )
    left = [
        Event(row.left_at, "recipient left", digest.subscription, row.recipient, row.left_by)
        for row in session.scalars(away)
    ]
    return _sorted([*left, *_of_digests(session, [digest])])


def known_at(session: Session, company: str, at: datetime) -> list[Known]:
    """Return the stories of *company* that were known at *at*, the longest known first.

    Which hits are of one story is as it is now; all else is as it was then: what was found up to
    *at*, the headlines of that time, and mails sent up to then.
    """
    title = func.coalesce(RevisionRow.title, ArticleRow.title)
    query = (
        select(HitRow.id, HitRow.story_id, HitRow.topic, HitRow.stage, HitRow.found_at, title)
        .join(ArticleRow, ArticleRow.id == HitRow.article_id)
        .outerjoin(
            RevisionRow,
            (RevisionRow.article_id == HitRow.article_id) & (RevisionRow.number == HitRow.revision),
        )
        .where(HitRow.company == company, HitRow.found_at <= at, HitRow.story_id.is_not(None))
        .where(or_(HitRow.withdrawn_at.is_(None), HitRow.withdrawn_at > at))
        .order_by(HitRow.found_at, HitRow.id)
    )
    stories: dict[int, list[tuple[int, str, str | None, datetime, str]]] = {}
    for hit, story, topic, stage, found_at, headline in session.execute(query):
        if story is not None:
            stories.setdefault(story, []).append((hit, topic, stage, found_at, headline))
    known = []
    for story, hits in stories.items():
        told = _told(session, [hit[0] for hit in hits], at)
        stages = [stage for _, _, stage, _, _ in hits if stage is not None]
        known.append(
            Known(
                story_id=story,
                topic=hits[0][1],
                stage=stages[-1] if stages else None,
                headline=hits[0][4],
                known_since=hits[0][3],
                hits=len(hits),
                told_at=min(told.values(), default=None),
                told=tuple(told),
            )
        )
    return known


def _told(session: Session, hits: Sequence[int], at: datetime) -> dict[str, datetime]:
    query = (
        select(DeliveryRow.recipient, func.min(DeliveryRow.sent_at, type_=DeliveryRow.sent_at.type))
        .join(DigestItemRow, DigestItemRow.digest_id == DeliveryRow.digest_id)
        .where(DigestItemRow.hit_id.in_(hits), DeliveryRow.status == DeliveryStatus.SENT)
        .where(DeliveryRow.sent_at <= at)
        .group_by(DeliveryRow.recipient)
        .order_by(DeliveryRow.recipient)
    )
    return {to: sent_at for to, sent_at in session.execute(query) if sent_at is not None}


def _of_hits(session: Session, hits: Sequence[HitRow]) -> Iterator[Event]:
    numbers = [hit.id for hit in hits]
    yield from _of_articles(session, {hit.article_id for hit in hits})
    for hit in hits:
        facts = [hit.company, hit.topic, hit.stage, hit.regulator, hit.amount_text]
        said = ", ".join(fact for fact in facts if fact)
        rules = f"score {hit.score:.2f}, lexicon {hit.lexicon[:12]}"
        quiet = ", quiet: in no digest" if hit.quiet else ""
        text = f"{said}; {rules}; revision {hit.revision} of article {hit.article_id}{quiet}"
        yield Event(hit.found_at, "hit found", f"hit {hit.id}", None, text)
        if hit.withdrawn_at is not None:
            yield Event(hit.withdrawn_at, "hit withdrawn", f"hit {hit.id}", None, said)
    reviews = select(ReviewRow).where(ReviewRow.hit_id.in_(numbers))
    for review in session.scalars(reviews):
        text = review.verdict + _noted(review.note)
        yield Event(review.at, "hit reviewed", f"hit {review.hit_id}", review.who, text)
    reported = select(DigestItemRow.digest_id).where(DigestItemRow.hit_id.in_(numbers))
    digests = session.scalars(select(DigestRow).where(DigestRow.id.in_(reported))).all()
    yield from _of_digests(session, digests)


def _of_articles(session: Session, articles: set[int]) -> Iterator[Event]:
    seen = (
        select(SightingRow.article_id, FeedRow.key)
        .join(FeedRow, FeedRow.id == SightingRow.feed_id)
        .where(SightingRow.article_id.in_(articles))
        .order_by(SightingRow.id)
    )
    feeds: dict[int, list[str]] = {}
    for number, feed in session.execute(seen):
        if feed not in feeds.setdefault(number, []):
            feeds[number].append(feed)
    revised = (
        select(RevisionRow)
        .where(RevisionRow.article_id.in_(articles))
        .order_by(RevisionRow.article_id, RevisionRow.number)
    )
    earlier: dict[int, list[RevisionRow]] = {}
    for revision in session.scalars(revised):
        earlier.setdefault(revision.article_id, []).append(revision)
    first = select(ArticleRow, FeedRow.key).join(FeedRow, FeedRow.id == ArticleRow.feed_id)
    for article, feed in session.execute(first.where(ArticleRow.id.in_(articles))):
        subject, texts = f"article {article.id}", earlier.get(article.id, [])
        titles = [*(text.title for text in texts), article.title]
        others = [key for key in feeds.get(article.id, []) if key != feed]
        also = f"; also in {', '.join(others)}" if others else ""
        text = f"{titles[0]} <{article.url or 'no address'}>{also}"
        yield Event(article.first_seen, "article first seen", subject, feed, text)
        for text_before, title in zip(texts, titles[1:], strict=True):
            number = text_before.number + 1
            text = f"revision {number}: {title}"
            yield Event(text_before.replaced_at, "article revised", subject, None, text)


def _of_digests(session: Session, digests: Sequence[DigestRow]) -> Iterator[Event]:
    by_id = {digest.id: digest for digest in digests}
    for digest in digests:
        text = f"slot {digest.slot:%Y-%m-%d %H:%M} UTC: {digest.subject}"
        made = f"{digest.kind} made"
        yield Event(digest.composed_at, made, f"digest {digest.id}", digest.subscription, text)
    query = select(DeliveryRow).where(DeliveryRow.digest_id.in_(by_id)).order_by(DeliveryRow.id)
    for delivery in session.scalars(query):
        # What did not end with "sent" has no instant of its own: it stands with its digest.
        at = delivery.sent_at or by_id[delivery.digest_id].composed_at
        error = f"; {delivery.last_error}" if delivery.last_error else ""
        text = (
            f"delivery {delivery.id} of digest {delivery.digest_id}, {delivery.message_id}{error}"
        )
        told = f"mail {delivery.status}".replace("_", " ")
        yield Event(at, told, f"digest {delivery.digest_id}", delivery.recipient, text)


def _sorted(events: Iterable[Event]) -> list[Event]:
    return sorted(events, key=lambda event: event.at)


def _numbers(hits: Iterable[int]) -> str:
    return ", ".join(map(str, hits))


def _noted(note: str | None) -> str:
    return f" ({note})" if note else ""
