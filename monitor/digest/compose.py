"""Composing: the stories that are due and the coverage in, the content of one digest out.

* One entry per story, however many articles tell it, the most consequential first: what is of a
  high stage above all, then company by company in the order of the watch-list.
* More articles of a story that was told before are no news: they are a line under "what changed".
* Nothing is left out: what is not in the mail itself is counted, and is in the list of hits.
* What is not well is said before anything else, and an edition without stories still says what
  was watched.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from monitor.digest.changes import changed
from monitor.digest.chart import chart
from monitor.digest.coverage import notes, period, polled, rules, table, troubles
from monitor.digest.dates import ReaderCalendar
from monitor.digest.edition import HIGH, Edition, Possible, Section
from monitor.digest.entries import language, link
from monitor.digest.news import places_of
from monitor.text.html import one_line

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from monitor.digest.edition import Entry
    from monitor.digest.material import Material
    from monitor.digest.names import Names
    from monitor.digest.news import Due
    from monitor.model import NearMissToTell, Subscription

POSSIBLE = 10  # near-misses that are named


def compose(made_of: Material) -> Edition:
    """Return the content of a digest."""
    subscription, names, coverage = made_of.subscription, made_of.names, made_of.coverage
    when = ReaderCalendar(subscription.schedule.zone, made_of.slot)
    news, entries = made_of.news, made_of.entries
    shown = list(zip(news, entries, strict=False))
    hidden = news[len(entries) :]
    tally = made_of.tally
    changes = changed(made_of, when)
    return Edition(
        subscription=subscription.name,
        slot=made_of.slot.isoformat(timespec="minutes"),
        day=_day(subscription, when),
        date=when.date(),
        period=period(coverage, when),
        stories=len(news),
        articles=tally.new_articles,
        hits=tally.hits,
        leads=_leads(news, entries),
        troubles=troubles(coverage, when),
        notes=notes(coverage, made_of.fingerprint, when),
        feeds=coverage.feeds,
        feeds_ok=coverage.feeds_ok,
        polls=coverage.polls,
        changed=changes.shown,
        changed_more=changes.more,
        high=tuple(entry for due, entry in shown if due.rank >= HIGH),
        high_count=sum(due.rank >= HIGH for due in news),
        sections=_sections(subscription, names, shown),
        hidden=len(hidden),
        hidden_hits=sum(len(due.hits) for due in hidden),
        file=made_of.file,
        possible=tuple(_possible(it, names) for it in made_of.near_misses[:POSSIBLE]),
        possible_more=max(0, len(made_of.near_misses) - POSSIBLE),
        chart=chart(made_of.counted, when),
        coverage=polled(coverage, matched=tally.articles),
        table=table(coverage, tally.by_feed),
        rules=rules(coverage, made_of.fingerprint),
        fingerprint=made_of.fingerprint[:12],
        permalink=made_of.permalink,
        contact=made_of.contact,
    )


def _sections(
    subscription: Subscription, names: Names, shown: Iterable[tuple[Due, Entry]]
) -> tuple[Section, ...]:
    companies, topics = places_of(subscription, names)
    under: dict[str, list[tuple[Due, Entry]]] = defaultdict(list)
    for due, entry in shown:
        if due.rank < HIGH:
            under[due.company].append((due, entry))
    for entries in under.values():  # within a topic they stay in their order
        entries.sort(key=lambda it: (topics.get(it[0].topic, len(topics)), it[0].topic))
    return tuple(
        Section(names.company(company), tuple(entry for _, entry in under[company]))
        for company in sorted(under, key=lambda it: (companies.get(it, len(companies)), it))
    )


def _possible(it: NearMissToTell, names: Names) -> Possible:
    return Possible(
        names.company(it.kind.company),
        names.topic(it.kind.topic),
        one_line(it.title),
        link(it.url),
        one_line(it.publisher),
        language(it.language),
    )


def _leads(news: Sequence[Due], entries: Sequence[Entry]) -> tuple[str, ...]:
    """Return what a subject says of the gravest story, in names alone, the fullest first."""
    if not news or not entries:
        return ()
    entry = entries[0]
    if entry.stage is None:
        leads = [f"{entry.company} {entry.topic}", entry.company]
    else:
        leads = [f"{entry.company} {_lower(entry.stage)}", entry.company]
        if entry.regulator:
            leads.insert(0, f"{leads[0]} ({entry.regulator})")
    return tuple(one_line(lead) for lead in leads)


def _lower(name: str) -> str:
    """Return a name as it stands within a sentence: "Fine" does not, "IPO filing" does."""
    return name if name[1:2].isupper() else name[:1].lower() + name[1:]


def _day(subscription: Subscription, when: ReaderCalendar) -> str:
    """Return the day of the edition, with its time where a day has several."""
    daily = len(subscription.schedule.at) == 1
    return when.day() if daily else f"{when.day()} {when.clock()}"
