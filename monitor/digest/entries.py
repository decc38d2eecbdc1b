"""Entries: one story, as its reader meets it.

* The story's head gives the entry its words, if it is among the hits that are due; else the best
  of those does. All its publishers are sources, whoever was told of which.
* Nothing is cut but an excerpt, and a list of sources longer than SOURCES.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from monitor.digest.edition import Entry, Past, Reason, Source
from monitor.digest.excerpt import excerpt, headline
from monitor.model import Role
from monitor.stories.head import is_official
from monitor.text.html import one_line

if TYPE_CHECKING:
    from collections.abc import Iterator

    from monitor.digest.dates import ReaderCalendar
    from monitor.digest.names import Names
    from monitor.digest.news import Due
    from monitor.model import ReportedHit, Story
    from monitor.model import Source as StorySource

FEW_SOURCES = 3
SOURCES = 20  # listed by name in one entry; all of them are in the list of hits

_LANGUAGE = re.compile(r"[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*")
_UNIT_PARTS = 4  # of the id of a unit's term: alibaba.cainiao.en.cainiao


def head_of(due: Due, story: Story) -> int:
    """Return the id of the hit that gives the entry of *due* its words."""
    ids = {hit.id for hit in due.hits}
    for source in story.sources:
        if source.hit_id in ids and not source.comment:
            return source.hit_id
    return next((it.hit_id for it in story.sources if it.hit_id in ids), due.hits[0].id)


def entry_of(
    due: Due, story: Story, head: ReportedHit, names: Names, when: ReaderCalendar
) -> Entry:
    """Return the entry of *due*; *head* is the hit that `head_of` names."""
    publisher = publisher_of(head)
    others = [it for it in story.sources if one_line(it.publisher) != publisher]
    return Entry(
        story=story.id,
        hit=head.id,
        hits=tuple(hit.id for hit in due.hits),
        company=names.company(due.company),
        unit=_unit(head, names),
        topic=names.topic(due.topic),
        stage=names.stage(story.stage) if story.stage else None,
        rank=names.rank(story.stage),
        regulator=names.regulators.get(story.regulator, story.regulator)
        if story.regulator
        else None,
        amount=one_line(story.amount_text) if story.amount_text else None,
        headline=headline(head),
        url=link(head.url),
        publisher=publisher,
        language=language(head.language),
        published=when.moment(head.published_at) if head.published_at else None,
        found=when.moment(head.found_at),
        late=when.late(head.published_at, head.found_at),
        badges=tuple(_badges(due, story, head)),
        steps=tuple(
            Past(names.stage(step.stage), when.date_of(step.at))
            for step in story.earlier
            if step.stage
        ),
        excerpt=excerpt(head),
        why=tuple(_why(head)),
        sources=1 + len(others),
        others=tuple(_source(it) for it in others[:SOURCES]),
        unlisted=max(0, len(others) - SOURCES),
    )


def in_brief(entry: Entry) -> Entry:
    """Return *entry* without excerpt and reasons, and with few sources, for a crowded mail."""
    return replace(
        entry,
        excerpt=(),
        why=(),
        others=entry.others[:FEW_SOURCES],
        unlisted=entry.unlisted + len(entry.others[FEW_SOURCES:]),
    )


def _badges(due: Due, story: Story, head: ReportedHit) -> Iterator[str]:
    if is_official(head.url):
        yield "official"
    if story.comment:
        yield "opinion"
    if due.updated:
        yield "updated"


def _why(head: ReportedHit) -> Iterator[Reason]:
    for role in (Role.COMPANY, Role.TOPIC, Role.STAGE):
        quote = next((it for it in head.evidence if it.role is role), None)
        if quote is not None:
            yield Reason(role.value, one_line(quote.text), one_line(quote.term))


def _unit(head: ReportedHit, names: Names) -> str | None:
    for quote in head.evidence:
        company, _, rest = quote.term.partition(".")
        if company == head.company and quote.term.count(".") >= _UNIT_PARTS - 1:
            unit = rest.partition(".")[0]
            return names.units.get(f"{company}.{unit}", one_line(quote.text))
    return None


def _source(it: StorySource) -> Source:
    return Source(one_line(it.publisher), one_line(it.title), link(it.url), language(it.language))


def publisher_of(hit: ReportedHit) -> str:
    """Return who published the article of *hit*: its feed, if it does not say."""
    return one_line(hit.publisher or "") or one_line(hit.feed)


def link(url: str | None) -> str | None:
    """Return *url* if a reader may be sent there: http or https, a host, no odd characters."""
    if url is None or url != one_line(url) or " " in url:
        return None
    try:
        parts = urlsplit(url)
    except ValueError:
        return None
    return url if parts.scheme in {"http", "https"} and parts.hostname else None


def language(code: str | None) -> str | None:
    """Return *code* if it is fit for a `lang` attribute (BCP 47, by its letters)."""
    return code if code and _LANGUAGE.fullmatch(code) else None
