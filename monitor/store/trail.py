"""The trail of a story, a hit or a digest: what was known when, and who was told. Reads only.

* Every event comes from the row that recorded it, at the instant that row has: nothing is guessed.
* A story's events are those of the hits it has now, with those an analyst moved in or out named.
* What is "known" counts from the moment it was found, not from when it was published.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import func, or_, select

from monitor.model import DeliveryStatus
from monitor.store import schema as t
from monitor.store.rows import row_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import datetime

    from sqlalchemy import Connection, Row


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


def of_story(connection: Connection, story_id: int) -> list[Event] | None:
    """Return all that is recorded of a story, oldest first; None if there is no such story."""
    if row_of(connection, t.stories, story_id) is None:
        return None
    hits = connection.execute(select(t.hits).where(t.hits.c.story_id == story_id)).all()
    edits = select(t.story_edits).where(
        or_(t.story_edits.c.story_id == story_id, t.story_edits.c.other_story_id == story_id)
    )
    told = [
        Event(
            edit.at,
            f"story {edit.verb}",
            f"story {edit.story_id}",
            edit.who,
            f"hits {_numbers(edit.hits)} to story {edit.other_story_id}" + _noted(edit.note),
        )
        for edit in connection.execute(edits)
    ]
    return _sorted([*_of_hits(connection, hits), *told])


def of_hit(connection: Connection, hit_id: int) -> list[Event] | None:
    """Return all that is recorded of a hit, oldest first; None if there is no such hit."""
    hit = row_of(connection, t.hits, hit_id)
    return None if hit is None else _sorted(_of_hits(connection, [hit]))


def of_digest(connection: Connection, digest_id: int) -> list[Event] | None:
    """Return all that is recorded of a digest, oldest first; None if there is no such digest.

    Whoever had left its list when it was made is named: they were not told.
    """
    digest = row_of(connection, t.digests, digest_id)
    if digest is None:
        return None
    away = select(t.suppressions).where(
        t.suppressions.c.subscription == digest.subscription,
        t.suppressions.c.left_at <= digest.composed_at,
        or_(
            t.suppressions.c.returned_at.is_(None),
            t.suppressions.c.returned_at > digest.composed_at,
        ),
    )
    left = [
        Event(row.left_at, "recipient left", digest.subscription, row.recipient, row.left_by)
        for row in connection.execute(away)
    ]
    return _sorted([*left, *_of_digests(connection, [digest])])


def known_at(connection: Connection, company: str, at: datetime) -> list[Known]:
    """Return the stories of *company* that were known at *at*, the longest known first.

    Which hits are of one story is as it is now; all else is as it was then: what was found up to
    *at*, the headlines of that time, and mails sent up to then.
    """
    title = func.coalesce(t.revisions.c.title, t.articles.c.title)
    query = (
        select(
            t.hits.c.id, t.hits.c.story_id, t.hits.c.topic, t.hits.c.stage, t.hits.c.found_at, title
        )
        .join(t.articles, t.articles.c.id == t.hits.c.article_id)
        .outerjoin(
            t.revisions,
            (t.revisions.c.article_id == t.hits.c.article_id)
            & (t.revisions.c.number == t.hits.c.revision),
        )
        .where(t.hits.c.company == company, t.hits.c.found_at <= at, t.hits.c.story_id.is_not(None))
        .where(or_(t.hits.c.withdrawn_at.is_(None), t.hits.c.withdrawn_at > at))
        .order_by(t.hits.c.found_at, t.hits.c.id)
    )
    stories: dict[int, list[tuple[int, str, str | None, datetime, str]]] = {}
    for hit, story, topic, stage, found_at, headline in connection.execute(query):
        if story is not None:
            stories.setdefault(story, []).append((hit, topic, stage, found_at, headline))
    known = []
    for story, hits in stories.items():
        told = _told(connection, [hit[0] for hit in hits], at)
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


def _told(connection: Connection, hits: Sequence[int], at: datetime) -> dict[str, datetime]:
    query = (
        select(
            t.deliveries.c.recipient,
            func.min(t.deliveries.c.sent_at, type_=t.deliveries.c.sent_at.type),
        )
        .join(t.digest_items, t.digest_items.c.digest_id == t.deliveries.c.digest_id)
        .where(t.digest_items.c.hit_id.in_(hits), t.deliveries.c.status == DeliveryStatus.SENT)
        .where(t.deliveries.c.sent_at <= at)
        .group_by(t.deliveries.c.recipient)
        .order_by(t.deliveries.c.recipient)
    )
    return {to: sent_at for to, sent_at in connection.execute(query) if sent_at is not None}


def _of_hits(connection: Connection, hits: Sequence[Row[Any]]) -> Iterator[Event]:
    numbers = [hit.id for hit in hits]
    yield from _of_articles(connection, {hit.article_id for hit in hits})
    for hit in hits:
        facts = [hit.company, hit.topic, hit.stage, hit.regulator, hit.amount_text]
        said = ", ".join(fact for fact in facts if fact)
        rules = f"score {hit.score:.2f}, lexicon {hit.lexicon[:12]}"
        quiet = ", quiet: in no digest" if hit.quiet else ""
        text = f"{said}; {rules}; revision {hit.revision} of article {hit.article_id}{quiet}"
        yield Event(hit.found_at, "hit found", f"hit {hit.id}", None, text)
        if hit.withdrawn_at is not None:
            yield Event(hit.withdrawn_at, "hit withdrawn", f"hit {hit.id}", None, said)
    reviews = select(t.reviews).where(t.reviews.c.hit_id.in_(numbers))
    for review in connection.execute(reviews):
        text = review.verdict + _noted(review.note)
        yield Event(review.at, "hit reviewed", f"hit {review.hit_id}", review.who, text)
    reported = select(t.digest_items.c.digest_id).where(t.digest_items.c.hit_id.in_(numbers))
    digests = connection.execute(select(t.digests).where(t.digests.c.id.in_(reported))).all()
    yield from _of_digests(connection, digests)


def _of_articles(connection: Connection, articles: set[int]) -> Iterator[Event]:
    seen = (
        select(t.sightings.c.article_id, t.feeds.c.key)
        .join(t.feeds, t.feeds.c.id == t.sightings.c.feed_id)
        .where(t.sightings.c.article_id.in_(articles))
        .order_by(t.sightings.c.id)
    )
    feeds: dict[int, list[str]] = {}
    for number, feed in connection.execute(seen):
        if feed not in feeds.setdefault(number, []):
            feeds[number].append(feed)
    revised = (
        select(t.revisions)
        .where(t.revisions.c.article_id.in_(articles))
        .order_by(t.revisions.c.article_id, t.revisions.c.number)
    )
    earlier: dict[int, list[Row[Any]]] = {}
    for revision in connection.execute(revised):
        earlier.setdefault(revision.article_id, []).append(revision)
    first = select(t.articles, t.feeds.c.key.label("feed")).join(
        t.feeds, t.feeds.c.id == t.articles.c.feed_id
    )
    for article in connection.execute(first.where(t.articles.c.id.in_(articles))):
        feed = article.feed
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


def _of_digests(connection: Connection, digests: Sequence[Row[Any]]) -> Iterator[Event]:
    by_id = {digest.id: digest for digest in digests}
    for digest in digests:
        text = f"slot {digest.slot:%Y-%m-%d %H:%M} UTC: {digest.subject}"
        made = f"{digest.kind} made"
        yield Event(digest.composed_at, made, f"digest {digest.id}", digest.subscription, text)
        if digest.pruned_at is not None:
            deleted = f"{digest.kind} deleted"
            text = "by retention: its words and files"
            yield Event(digest.pruned_at, deleted, f"digest {digest.id}", None, text)
    query = (
        select(t.deliveries).where(t.deliveries.c.digest_id.in_(by_id)).order_by(t.deliveries.c.id)
    )
    for delivery in connection.execute(query):
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
