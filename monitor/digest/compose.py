"""Composing: unreported hits and the coverage in, the content of one digest out.

* One entry per story, however many articles tell it. The earliest article heads it; the others
  are its further sources. Nothing is left out and nothing is cut but an excerpt.
* Companies stand in the order of the watch-list, then topics, then the newest story first.
* Words from a feed stay words: titles and excerpts are pieces of plain text, of which some are
  marked as matched; a link is http or https or none at all. How they look is `render`'s business.
* Every instant is written in the reader's zone. What is not well is said before anything else,
  and an edition without stories still says what was watched.
"""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from monitor.digest.coverage import period, polled, troubles
from monitor.digest.dates import ReaderCalendar
from monitor.digest.excerpt import Piece, excerpt, headline
from monitor.text import one_line

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from monitor.model import Coverage, ReportedHit, Subscription

_LANGUAGE = re.compile(r"[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*")


@dataclass(frozen=True, slots=True)
class Names:
    """What readers call things: keys to display names, in the order of the watch-list.

    A key without a name shows as itself. *ranks* orders stages, gravest highest.
    """

    companies: Mapping[str, str] = field(default_factory=dict)
    topics: Mapping[str, str] = field(default_factory=dict)
    stages: Mapping[str, str] = field(default_factory=dict)
    regulators: Mapping[str, str] = field(default_factory=dict)
    ranks: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Source:
    """A further article of a story."""

    publisher: str
    title: str
    url: str | None
    language: str | None


@dataclass(frozen=True, slots=True)
class Entry:
    """One story as a reader meets it; *hits* are the ids it reports.

    *late* is said of an article whose own date lies well before the day it was found. *earlier*
    is the story's headline where none of its articles here bears it.
    """

    story: int
    hits: tuple[int, ...]
    topic: str
    stage: str | None
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
    earlier: str | None
    excerpt: tuple[Piece, ...]
    others: tuple[Source, ...]


@dataclass(frozen=True, slots=True)
class Section:
    """The stories of one company."""

    company: str
    entries: tuple[Entry, ...]


@dataclass(frozen=True, slots=True)
class Edition:
    """The content of one digest: everything it says, nothing about how it looks.

    *slot* is ISO 8601 in UTC. *leads* name the gravest story, the fullest wording first.
    """

    subscription: str
    slot: str
    day: str
    date: str
    period: str
    stories: int
    articles: int
    leads: tuple[str, ...]
    troubles: tuple[str, ...]
    feeds: int
    feeds_ok: int
    polls: int
    sections: tuple[Section, ...]
    coverage: str
    fingerprint: str


def compose(
    subscription: Subscription,
    slot: datetime,
    hits: Sequence[ReportedHit],
    coverage: Coverage,
    names: Names,
    fingerprint: str,
) -> Edition:
    """Return the content of the digest of *subscription* for *slot*.

    *hits* are those not yet reported to it, in any order; *slot* is an aware instant;
    *fingerprint* is the lexicon's.
    """
    when = ReaderCalendar(subscription.schedule.zone, slot)
    sections = _sections(subscription, hits, names, when)
    articles = len({hit.url or (hit.feed, hit.title) for hit in hits})
    return Edition(
        subscription=subscription.name,
        slot=slot.isoformat(timespec="minutes"),
        day=_day(subscription, when),
        date=when.date(),
        period=period(coverage, when),
        stories=sum(len(section.entries) for section in sections),
        articles=articles,
        leads=_leads(sections),
        troubles=troubles(coverage, when),
        feeds=coverage.feeds,
        feeds_ok=coverage.feeds_ok,
        polls=coverage.polls,
        sections=sections,
        coverage=polled(coverage, matched=articles),
        fingerprint=fingerprint[:12],
    )


def as_json(edition: Edition) -> dict[str, Any]:
    """Return *edition* as JSON-ready values, to be stored with the digest."""
    return asdict(edition)


# --- entries -----------------------------------------------------------------------------------


def _sections(
    subscription: Subscription, hits: Iterable[ReportedHit], names: Names, when: ReaderCalendar
) -> tuple[Section, ...]:
    stories: dict[int, list[ReportedHit]] = defaultdict(list)
    for hit in hits:
        stories[hit.story_id].append(hit)
    topics = list(names.topics)
    companies: dict[str, list[tuple[Any, Entry]]] = defaultdict(list)
    for told in stories.values():
        told.sort(key=_age)
        head = told[0]
        order = (_place(head.topic, topics), -_published(head).timestamp(), head.story_id)
        companies[head.company].append((order, _entry(told, names, when)))
    watch_list = list(subscription.companies or names.companies)
    return tuple(
        Section(
            names.companies.get(company, company),
            tuple(entry for _, entry in sorted(companies[company], key=lambda pair: pair[0])),
        )
        for company in sorted(companies, key=lambda company: _place(company, watch_list))
    )


def _entry(told: Sequence[ReportedHit], names: Names, when: ReaderCalendar) -> Entry:
    """Return the entry of one story; *told* holds its hits, the earliest article first."""
    head, *others = told
    stage = next((hit.stage for hit in told if hit.stage), None)
    regulator = next((hit.regulator for hit in told if hit.regulator), None)
    amount = next((hit.amount_text for hit in told if hit.amount_text), None)
    story = one_line(head.headline)
    known = {one_line(hit.title).casefold() for hit in told}
    return Entry(
        story=head.story_id,
        hits=tuple(sorted(hit.id for hit in told)),
        topic=names.topics.get(head.topic, head.topic),
        stage=names.stages.get(stage, stage) if stage else None,
        rank=names.ranks.get(stage, 0) if stage else 0,
        regulator=names.regulators.get(regulator, regulator) if regulator else None,
        amount=one_line(amount) if amount else None,
        headline=headline(head),
        url=_link(head.url),
        publisher=_publisher(head),
        language=_language(head.language),
        published=when.moment(head.published_at) if head.published_at else None,
        found=when.moment(head.found_at),
        late=when.late(head.published_at, head.found_at),
        earlier=story if story and story.casefold() not in known else None,
        excerpt=excerpt(head),
        others=tuple(_source(hit) for hit in others),
    )


def _source(hit: ReportedHit) -> Source:
    return Source(_publisher(hit), one_line(hit.title), _link(hit.url), _language(hit.language))


def _publisher(hit: ReportedHit) -> str:
    return one_line(hit.publisher or "") or one_line(hit.feed)


def _published(hit: ReportedHit) -> datetime:
    return hit.published_at or hit.found_at


def _age(hit: ReportedHit) -> tuple[datetime, int]:
    return _published(hit), hit.id


def _place(key: str, order: list[str]) -> tuple[int, str]:
    return (order.index(key) if key in order else len(order)), key


def _link(url: str | None) -> str | None:
    """Return *url* if a reader may be sent there: http or https, a host, no odd characters."""
    if url is None or url != one_line(url) or " " in url:
        return None
    try:
        parts = urlsplit(url)
    except ValueError:
        return None
    return url if parts.scheme in {"http", "https"} and parts.hostname else None


def _language(code: str | None) -> str | None:
    """Return *code* if it is fit for a `lang` attribute (BCP 47, by its letters)."""
    return code if code and _LANGUAGE.fullmatch(code) else None


def _leads(sections: Iterable[Section]) -> tuple[str, ...]:
    entries = [(section.company, entry) for section in sections for entry in section.entries]
    if not entries:
        return ()
    company, entry = max(entries, key=lambda pair: pair[1].rank)
    leads = [company, f"{company} {entry.topic}"]
    if entry.stage:
        leads.append(f"{leads[-1]}: {entry.stage}")
    if entry.regulator:
        leads.append(f"{leads[-1]} ({entry.regulator})")
    return tuple(one_line(lead) for lead in reversed(leads))


def _day(subscription: Subscription, when: ReaderCalendar) -> str:
    """Return the day of the edition, with its time where a day has several."""
    daily = len(subscription.schedule.at) == 1
    return when.day() if daily else f"{when.day()} {when.clock()}"
