"""A round of composing: what its digests share is read once, and picked from in memory.

* All digests of a round are made as of one instant, `now`: what is stored later is due to the next.
* Reads are short, and none is open while an edition is composed or rendered.
* What a round keeps is bounded by what is open: hits not older than the oldest subscription's
  reach, in a form without their texts; texts are read for what is shown.
"""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING

from monitor.digest.chart import DAYS
from monitor.digest.edition import HIGH
from monitor.digest.sheet import line
from monitor.model import wants
from monitor.pipeline.sieve import Sieve, of_hit, of_near_miss
from monitor.store import alerts, coverage, deliveries, digests, due, stories
from monitor.store.engine import reading

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Sequence
    from datetime import date, datetime
    from typing import Any
    from zoneinfo import ZoneInfo

    from sqlalchemy import Engine

    from monitor.digest.edition import Entry
    from monitor.digest.names import Names
    from monitor.digest.news import Due
    from monitor.model import (
        Alerted,
        Alteration,
        Coverage,
        Kind,
        NearMissToTell,
        OpenHit,
        ReportedHit,
        Story,
        Subscription,
        Undelivered,
    )
    from monitor.store.digests import Standing

KEPT = 6000  # stories, and entries
HEADS = 1000  # hits with their texts
STORIES_DUE = 50_000  # stories with those of their hits that a filter lets through
FILTERS = 50  # lists of hits that as many ways to filter let through
RECENT = timedelta(days=7)  # how long a digest that did not arrive is told of


@dataclass
class Round:
    """What the digests made at *now* share. *filters* are those that will be asked, in order."""

    engine: Engine
    now: datetime
    names: Names
    filters: Sequence[str] = ()
    rest: int = 12_000  # about what a mail takes without entries, as it was measured last
    _open: dict[Kind, list[OpenHit]] = field(default_factory=dict)
    _open_since: datetime | None = None
    _began: dict[int, datetime] = field(default_factory=dict)
    _made: dict[tuple[int, ...], Due] = field(default_factory=dict)
    _stories: dict[int, Story] = field(default_factory=dict)
    _heads: dict[int, ReportedHit] = field(default_factory=dict)
    _entries: dict[Hashable, Entry] = field(default_factory=dict)
    _lines: dict[int, tuple[bytes, bytes]] = field(default_factory=dict)
    _coverage: dict[tuple[datetime | None, str | None], Coverage] = field(default_factory=dict)
    _undelivered: dict[str, list[Undelivered]] | None = None
    _altered: dict[datetime, list[Alteration]] = field(default_factory=dict)
    _possible: dict[datetime, list[NearMissToTell]] = field(default_factory=dict)
    _daily: dict[str, Counter[tuple[Kind, date]]] = field(default_factory=dict)
    _charts: dict[tuple[Any, ...], dict[date, tuple[int, int]]] = field(default_factory=dict)
    _wanted: dict[tuple[Any, ...], list[OpenHit]] = field(default_factory=dict)
    _sieve: Sieve | None = None
    _sieves: dict[datetime, Sieve] = field(default_factory=dict)  # of near-misses

    def standing(self, subscription: Subscription, slot: datetime) -> Standing:
        """Return where *subscription* stands before its digest of *slot*."""
        with reading(self.engine) as connection:
            return digests.standing(connection, subscription.name, slot, now=self.now)

    def due(self, subscription: Subscription, standing: Standing) -> list[OpenHit]:
        """Return the hits that *subscription* wants and was not told of, oldest first."""
        self._read_open(standing.reaches)
        key = (*_filter(subscription), standing.reaches)
        wanted = self._wanted.get(key)
        if wanted is None:
            if len(self._wanted) > FILTERS:
                self._wanted.clear()
            let_through = self._let_through(subscription)
            wanted = self._wanted[key] = sorted(
                (
                    hit
                    for kind, hits in self._open.items()
                    if wants(subscription, kind)
                    for hit in hits
                    if hit.found_at >= standing.reaches
                    and (let_through is None or hit.id in let_through)
                ),
                key=lambda hit: hit.id,
            )
        if not wanted:
            return []
        with reading(self.engine) as connection:
            told = due.reported(connection, subscription.name, from_hit=wanted[0].id)
        return [hit for hit in wanted if hit.id not in told] if told else wanted

    def _let_through(self, subscription: Subscription) -> set[int] | None:
        """Return the open hits that match the filter of *subscription*, if it has one."""
        if subscription.filter is None:
            return None
        if self._sieve is None:
            items = [of_hit(kind, hit) for kind, hits in self._open.items() for hit in hits]
            self._sieve = Sieve(self.engine, items, deque(self.filters))
        hits = [hit.id for hits in self._open.values() for hit in hits]
        return {hits[at] for at in self._sieve.through(subscription.filter)}

    @property
    def made(self) -> dict[tuple[int, ...], Due]:
        """Stories by the ids of those of their hits that are due: many are due to many."""
        if len(self._made) > STORIES_DUE:
            self._made.clear()
        return self._made

    def told_before(
        self,
        subscription: Subscription,
        standing: Standing,
        hits: Iterable[OpenHit],
        *,
        alerted: bool = False,
    ) -> dict[int, set[str | None]]:
        """Return for those stories of *hits* that were told before the stages of what was told.

        If any was *alerted* since the digest before, young ones may have been told as well.
        """
        since = standing.since
        if since is None and not alerted:  # nothing was told yet
            return {}
        ids = {hit.story_id for hit in hits}
        unknown = ids - self._began.keys()
        with reading(self.engine) as connection:
            if unknown:
                self._began |= due.began(connection, unknown)
            old = [
                story
                for story in ids
                if alerted or (since is not None and self._began[story] <= since)
            ]
            return due.told_before(connection, subscription.name, old) if old else {}

    def stories(self, ids: Sequence[int]) -> dict[int, Story]:
        """Return what is told of stories; one that has no live hits any more is left out."""
        unknown = [story for story in ids if story not in self._stories]
        if unknown:
            if len(self._stories) > KEPT:
                self._stories.clear()
                unknown = list(ids)
            with reading(self.engine) as connection:
                self._stories |= stories.told(connection, unknown)
        return {story: self._stories[story] for story in ids if story in self._stories}

    def hits(self, ids: Sequence[int]) -> dict[int, ReportedHit]:
        """Return hits with their articles."""
        if not ids:
            return {}
        with reading(self.engine) as connection:
            return due.load(connection, ids)

    def heads(self, ids: Sequence[int]) -> dict[int, ReportedHit]:
        """Return a few hits as `hits` does, and keep them: they head entries of many editions."""
        unknown = [hit for hit in ids if hit not in self._heads]
        if unknown:
            if len(self._heads) > HEADS:
                self._heads.clear()
                unknown = list(ids)
            self._heads |= self.hits(unknown)
        return {hit: self._heads[hit] for hit in ids if hit in self._heads}

    def entry(self, key: Hashable) -> Entry | None:
        """Return the entry that was kept under *key*, if any."""
        return self._entries.get(key)

    def keep(self, key: Hashable, entry: Entry) -> Entry:
        """Keep *entry* for editions that hold the same one; return it."""
        if len(self._entries) > KEPT:
            self._entries.clear()
        self._entries[key] = entry
        return entry

    def lines(self, ids: Sequence[int]) -> list[tuple[bytes, bytes]]:
        """Return the lines of hits in the list of hits: with all columns, and with the fewest."""
        unknown = [hit for hit in ids if hit not in self._lines]
        if unknown:
            with reading(self.engine) as connection:
                self._lines |= {
                    row[0]: (line(row), line([row[at] for at in FEW]))
                    for row in due.listed(connection, unknown)
                }
        return [self._lines[hit] for hit in ids if hit in self._lines]

    def coverage(self, subscription: Subscription, standing: Standing) -> Coverage:
        """Return what was polled since the digest before, and what of that did not arrive."""
        key = standing.since, standing.lexicon
        if key not in self._coverage or self._undelivered is None:
            with reading(self.engine) as connection:
                self._coverage[key] = coverage.coverage(connection, standing, now=self.now)
                self._undelivered = deliveries.undelivered(connection, since=self.now - RECENT)
        shared, missing = self._coverage[key], self._undelivered.get(subscription.name)
        return replace(shared, undelivered=tuple(missing)) if missing else shared

    def alerted(self, subscription: Subscription, standing: Standing) -> list[Alerted]:
        """Return what *subscription* was told of at once since the digest before."""
        with reading(self.engine) as connection:
            return alerts.told_since(connection, subscription.name, standing.since)

    def altered(self, subscription: Subscription, standing: Standing) -> list[Alteration]:
        """Return what became since the digest before of what *subscription* was told."""
        since = standing.since
        if since is None:
            return []
        with reading(self.engine) as connection:
            if since not in self._altered:
                self._altered[since] = due.alterations(connection, since=since, until=self.now)
            altered = self._altered[since]
            if not altered:
                return []
            told = due.reported_among(connection, subscription.name, {it.hit_id for it in altered})
        return [it for it in altered if it.hit_id in told]

    def possible(self, subscription: Subscription, standing: Standing) -> list[NearMissToTell]:
        """Return the near-misses since the digest before that *subscription* may want."""
        since = standing.since or standing.reaches
        if since not in self._possible:
            with reading(self.engine) as connection:
                self._possible[since] = due.possible(connection, since=since, until=self.now)
        # A near-miss has a low score by its nature.
        lenient = _without_score(subscription)
        possible = self._possible[since]
        if subscription.filter is not None:
            if since not in self._sieves:
                items = [of_near_miss(it) for it in possible]
                self._sieves[since] = Sieve(self.engine, items, deque(self.filters))
            possible = [possible[at] for at in self._sieves[since].through(subscription.filter)]
        return [it for it in possible if wants(lenient, it.kind)]

    def counted(self, subscription: Subscription) -> dict[date, tuple[int, int]]:
        """Return hits, and how many at a high stage, by the local day they were found on.

        None for a filter: it would have to be asked of a month of texts.
        """
        if subscription.filter is not None:
            return {}
        zone = subscription.schedule.zone
        key = (*_filter(subscription), zone.key)
        if key not in self._charts:
            counted: dict[date, tuple[int, int]] = defaultdict(lambda: (0, 0))
            for (kind, day), number in self._of_zone(zone).items():
                if wants(subscription, kind):
                    hits, high = counted[day]
                    grave = self.names.rank(kind.stage) >= HIGH
                    counted[day] = hits + number, high + (number if grave else 0)
            self._charts[key] = dict(counted)
        return self._charts[key]

    def _of_zone(self, zone: ZoneInfo) -> Counter[tuple[Kind, date]]:
        if zone.key not in self._daily:
            with reading(self.engine) as connection:
                since = self.now - timedelta(days=DAYS + 1)
                self._daily[zone.key] = due.daily(connection, zone, since=since)
        return self._daily[zone.key]

    def _read_open(self, since: datetime) -> None:
        if self._open_since is not None and self._open_since <= since:
            return
        self._open.clear()
        self._made.clear()
        self._wanted.clear()
        self._sieve = None
        with reading(self.engine) as connection:
            for kind, hit in due.open_hits(connection, since=since):
                self._open.setdefault(kind, []).append(hit)
        self._open_since = since


FEW = tuple(due.LISTED.index(name) for name in ("hit_id", "company", "topic", "stage", "title"))


def _filter(subscription: Subscription) -> tuple[Any, ...]:
    """Return what decides which hits are due: subscriptions that agree in it want the same."""
    return (
        subscription.companies,
        subscription.topics,
        subscription.languages,
        subscription.stages,
        subscription.min_score,
        subscription.filter,
    )


def _without_score(subscription: Subscription) -> Subscription:
    return replace(subscription, min_score=0.0)
