"""Material: what one edition is made of."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date, datetime

    from monitor.digest.edition import Entry
    from monitor.digest.names import Names
    from monitor.digest.news import Due
    from monitor.model import Alerted, Alteration, Coverage, NearMissToTell, Story, Subscription


@dataclass(frozen=True, slots=True)
class Tally:
    """How much is due: hits, articles, those of news alone, and articles by the key of the feed."""

    hits: int = 0
    articles: int = 0
    new_articles: int = 0
    by_feed: Mapping[str, int] = field(default_factory=dict)

    @classmethod
    def of(cls, news: Sequence[Due], follows: Sequence[Due]) -> Tally:
        """Count what is due."""
        new = {hit.article_id: hit.feed for due in news for hit in due.hits}
        feeds = new | {hit.article_id: hit.feed for due in follows for hit in due.hits}
        hits = sum(len(due.hits) for due in (*news, *follows))
        return cls(hits, len(feeds), len(new), Counter(feeds.values()))


@dataclass(frozen=True, slots=True)
class Material:
    """What an edition is made of.

    *tally* counts *news* and *follows*. *news* are all stories that are due, in order, with
    *entries* for the first of them; *follows* are those told before, with what is told of the
    first of them in *stories*. *alerted* are those told at once since the digest before. *counted*
    gives hits, and how many at a high stage, by local day. *file* and *permalink*: see `Edition`.
    """

    subscription: Subscription
    slot: datetime
    names: Names
    fingerprint: str
    coverage: Coverage
    tally: Tally = Tally()
    news: Sequence[Due] = ()
    entries: Sequence[Entry] = ()
    follows: Sequence[Due] = ()
    stories: Mapping[int, Story] = field(default_factory=dict)
    alerted: Sequence[Alerted] = ()
    alterations: Sequence[Alteration] = ()
    near_misses: Sequence[NearMissToTell] = ()
    counted: Mapping[date, tuple[int, int]] = field(default_factory=dict)
    file: str | None = None
    permalink: str | None = None
    contact: str | None = None
