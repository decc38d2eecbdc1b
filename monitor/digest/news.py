"""News: which stories are due to a subscription, and in which order.

* A story is new to a subscription, or told to it before. One told before is news again only if
  its stage is graver than any it was told; else its new articles are a line under "what changed".
* The most consequential comes first: by the rank of its stage, then by who says so (an authority
  or exchange, the press, a search engine's feed), then as on the watch-list, then the last found.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, MutableMapping
    from collections.abc import Set as AbstractSet

    from monitor.digest.names import Names
    from monitor.model import OpenHit, Subscription

OFFICIAL, PRESS, SEARCH = range(3)


@dataclass(frozen=True, slots=True)
class Due:
    """A story with the hits of it that are due, oldest first. *updated*: it was told before."""

    story_id: int
    company: str
    topic: str
    stage: str | None
    rank: int
    tier: int
    hits: tuple[OpenHit, ...]
    updated: bool = False


def arrange(
    subscription: Subscription,
    hits: Iterable[OpenHit],
    told: Mapping[int, AbstractSet[str | None]],
    names: Names,
    made: MutableMapping[tuple[int, ...], Due] | None = None,
) -> tuple[list[Due], list[Due]]:
    """Return the stories that are news, and those that only have more articles.

    *hits* are all that are due; *told* gives the stages of the hits of a story that the
    subscription was told before. Both lists are in order. *made* keeps stories by the ids of their
    hits for other subscriptions, which are due many of the same.
    """
    made = {} if made is None else made
    stories: dict[int, list[OpenHit]] = defaultdict(list)
    for hit in hits:
        stories[hit.story_id].append(hit)
    news: list[Due] = []
    follows: list[Due] = []
    for story_id, members in stories.items():
        key = tuple([hit.id for hit in members])
        due = made.get(key)
        if due is None:
            due = made[key] = _due(members, names)
        stages = told.get(story_id)
        if stages is None:
            news.append(due)
        else:
            before = max(map(names.rank, stages), default=-1)
            (news if due.rank > before else follows).append(replace(due, updated=True))
    places = places_of(subscription, names)
    return _ordered(news, places), _ordered(follows, places)


def places_of(subscription: Subscription, names: Names) -> tuple[dict[str, int], dict[str, int]]:
    """Return the places of companies and topics in the order a subscription reads them in."""
    companies = list(subscription.companies or names.companies)
    return (
        {company: at for at, company in enumerate(companies)},
        {topic: at for at, topic in enumerate(names.topics)},
    )


def _due(hits: Iterable[OpenHit], names: Names) -> Due:
    members = sorted(hits, key=lambda hit: hit.id)
    first = members[0]
    stage = first.story_stage
    tiers = [OFFICIAL if it.official else SEARCH if it.searched else PRESS for it in members]
    return Due(
        story_id=first.story_id,
        company=first.company,
        topic=first.topic,
        stage=stage,
        rank=names.rank(stage),
        tier=min(tiers),
        hits=tuple(members),
    )


def _ordered(stories: Iterable[Due], places: tuple[dict[str, int], dict[str, int]]) -> list[Due]:
    # Many stories are alike in all that comes before their last hit: they are ordered together.
    alike: dict[tuple[int, int, str, str], list[Due]] = defaultdict(list)
    for due in stories:
        alike[-due.rank, due.tier, due.company, due.topic].append(due)
    companies, topics = places

    def place(of: tuple[int, int, str, str]) -> tuple[int, int, int, str, int, str]:
        weight, tier, company, topic = of
        last = len(companies), len(topics)
        return (
            *(weight, tier, companies.get(company, last[0]), company),
            *(topics.get(topic, last[1]), topic),
        )

    ordered: list[Due] = []
    for of in sorted(alike, key=place):
        ordered += sorted(alike[of], key=lambda due: -due.hits[-1].id)
    return ordered
