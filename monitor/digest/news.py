"""News: which stories are due to a subscription, and in which order.

* A story is new to a subscription, or told to it before. One told before is news again only if
  its stage is graver than any it was told; else its new articles are a line under "what changed".
* The most consequential comes first: by the rank of its stage, then by who says so (an authority
  or exchange, the press, a search engine's feed), then as on the watch-list, then the last found.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from collections.abc import Set as AbstractSet
    from typing import Any

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
) -> tuple[list[Due], list[Due]]:
    """Return the stories that are news, and those that only have more articles.

    *hits* are all that are due; *told* gives the stages of the hits of a story that the
    subscription was told before. Both lists are in order.
    """
    stories: dict[int, list[OpenHit]] = defaultdict(list)
    for hit in hits:
        stories[hit.story_id].append(hit)
    news: list[Due] = []
    follows: list[Due] = []
    for story_id, members in stories.items():
        members.sort(key=lambda hit: hit.id)
        due = _due(members, names, updated=story_id in told)
        before = max((names.rank(stage) for stage in told.get(story_id, ())), default=-1)
        (news if due.rank > before else follows).append(due)
    places = places_of(subscription, names)
    for listed in (news, follows):
        listed.sort(key=lambda due: _order(due, places))
    return news, follows


def places_of(subscription: Subscription, names: Names) -> tuple[dict[str, int], dict[str, int]]:
    """Return the places of companies and topics in the order a subscription reads them in."""
    companies = list(subscription.companies or names.companies)
    return (
        {company: at for at, company in enumerate(companies)},
        {topic: at for at, topic in enumerate(names.topics)},
    )


def _due(members: Sequence[OpenHit], names: Names, *, updated: bool) -> Due:
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
        updated=updated,
    )


def _order(due: Due, places: tuple[dict[str, int], dict[str, int]]) -> tuple[Any, ...]:
    companies, topics = places
    return (
        -due.rank,
        due.tier,
        companies.get(due.company, len(companies)),
        due.company,
        topics.get(due.topic, len(topics)),
        due.topic,
        -due.hits[-1].id,
    )
