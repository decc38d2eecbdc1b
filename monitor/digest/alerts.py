"""Alerts: which stories are told at once in mails of their own, which together, and what they say.

* A story is told alone while there is room: so many alerts an hour. What is more goes into one mail
  that says so, at once the first time and then every ten minutes. Nothing is dropped: what does
  not fit into it stays due, for the next one or for the digest.
* The gravest is told first. An alert says what an entry of a digest says, and no more.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from monitor.digest.brief import link_of
from monitor.digest.dates import ReaderCalendar
from monitor.digest.excerpt import Piece, excerpt, headline
from monitor.text.html import one_line

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from monitor.model import ReportedHit, Subscription

HOUR: Final = timedelta(hours=1)
BUNDLE_MOST: Final = 120  # stories in one mail
BUNDLE_EVERY: Final = timedelta(minutes=10)  # once an hour's room is used up


@dataclass(frozen=True, slots=True)
class Due:
    """A story to be told at once, at its stage, with the hits that tell it."""

    story_id: int
    stage: str
    rank: int
    hits: tuple[ReportedHit, ...]


@dataclass(frozen=True, slots=True)
class Told:
    """One story of an alert, in a reader's words. *sources* are its further publishers."""

    story: int
    company: str
    topic: str
    stage: str
    rank: int
    regulator: str | None
    amount: str | None
    headline: tuple[Piece, ...]
    url: str | None
    publisher: str
    language: str | None
    published: str | None
    found: str
    late: str | None
    excerpt: tuple[Piece, ...]
    sources: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Alert:
    """The content of one alert. *bundled* says that there were more than *at_most* in an hour."""

    subscription: str
    slot: str
    when: str
    zone: str
    stories: tuple[Told, ...]
    bundled: bool
    at_most: int
    fingerprint: str


def plan(
    due: Iterable[Due], sent: Sequence[datetime], now: datetime, at_most: int
) -> list[tuple[Due, ...]]:
    """Return the alerts to make *now* for the stories that are *due*: one each, or some together.

    *sent* is when alerts were made before, those of the last hour at least; *at_most* is how many
    there may be in an hour. What is in no alert is due again later.
    """
    stories = sorted(due, key=lambda it: (-it.rank, it.story_id))
    recent = [at for at in sent if now - HOUR < at <= now]
    room = at_most - len(recent)
    if len(stories) <= room:
        return [(story,) for story in stories]
    if room > 0:
        together = tuple(stories[room - 1 :][:BUNDLE_MOST])
        return [*((story,) for story in stories[: room - 1]), together]
    if stories and now - max(recent) >= BUNDLE_EVERY:
        return [tuple(stories[:BUNDLE_MOST])]
    return []


def alert_of(
    subscription: Subscription,
    at: datetime,
    stories: Sequence[Due],
    names: Mapping[str, Mapping[str, str]],
    *,
    at_most: int,
    fingerprint: str,
) -> Alert:
    """Return the content of the alert of *stories*, made *at*; *names* are by kind, then key."""
    when = ReaderCalendar(subscription.schedule.zone, at)
    return Alert(
        subscription=subscription.name,
        slot=at.isoformat(timespec="seconds"),
        when=when.moment(at),
        zone=when.zone_name(),
        stories=tuple(_told(story, names, when) for story in stories),
        bundled=len(stories) > 1,
        at_most=at_most,
        fingerprint=fingerprint[:12],
    )


def as_json(alert: Alert) -> dict[str, Any]:
    """Return *alert* as JSON-ready values, to be stored with the digest."""
    return asdict(alert)


def _told(story: Due, names: Mapping[str, Mapping[str, str]], when: ReaderCalendar) -> Told:
    hits = sorted(story.hits, key=lambda hit: (hit.published_at or hit.found_at, hit.id))
    # By the story's own headline: that of its head, which no round-up or opinion is.
    head = next((hit for hit in hits if hit.title == hit.headline), hits[0])
    called: dict[str, Mapping[str, str]] = defaultdict(dict, names)
    regulator = head.regulator or next((hit.regulator for hit in hits if hit.regulator), None)
    amount = head.amount_text or next((hit.amount_text for hit in hits if hit.amount_text), None)
    publisher = _publisher(head)
    return Told(
        story=story.story_id,
        company=called["companies"].get(head.company, head.company),
        topic=called["topics"].get(head.topic, head.topic),
        stage=called["stages"].get(story.stage, story.stage),
        rank=story.rank,
        regulator=called["regulators"].get(regulator, regulator) if regulator else None,
        amount=one_line(amount) if amount else None,
        headline=headline(head),
        url=link_of(head.url),
        publisher=publisher,
        language=head.language,
        published=when.moment(head.published_at) if head.published_at else None,
        found=when.moment(min(hit.found_at for hit in hits)),
        late=when.late(head.published_at, head.found_at),
        excerpt=excerpt(head),
        sources=tuple(
            dict.fromkeys(_publisher(hit) for hit in hits if _publisher(hit) != publisher)
        ),
    )


def _publisher(hit: ReportedHit) -> str:
    return one_line(hit.publisher or "") or one_line(hit.feed)
