"""Group: hits about one thing that happened become one story.

* A hit joins a story of the same company and topic, within WINDOW of it, whose stage is the same
  or which has none, and one of whose headlines is nearly the same; else it starts a story.
* Of several such stories the most similar takes it, then the oldest.
* Headlines are compared folded, without the publisher's name at the end, Han by pairs of
  characters, so that one measure serves every language. Nothing is grouped across languages yet.
* An article with hits on two topics is in two stories.
* The same hits and stories, in whatever order, give the same grouping.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from rapidfuzz import process
from rapidfuzz.distance import Indel

from monitor.text import fold, words

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from monitor.model import HitToGroup, OpenStory

WINDOW: Final = timedelta(hours=72)
# The share of words two headlines have in common (twice the common ones over all of both). At 0.6
# two wordings of one piece of news join, and two steps of one affair told alike do not.
SIMILAR: Final = 0.6

_PUBLISHER: Final = re.compile(r"(?: [-|_] |[|_])[^-|_]{2,30}$")


@dataclass(frozen=True, slots=True)
class Grouping:
    """Which hit joined which open story, and the hits of each new story, earliest first."""

    joined: dict[int, int]
    new: tuple[tuple[int, ...], ...]


@dataclass(slots=True)
class _Story:
    """A story while it grows; *id* is None for a new one."""

    id: int | None
    about: tuple[str, str]
    stage: str | None
    first_at: datetime
    last_at: datetime
    titles: list[tuple[str, ...]]
    hits: list[int] = field(default_factory=list)


def group(hits: Sequence[HitToGroup], stories: Sequence[OpenStory]) -> Grouping:
    """Return where each hit belongs: every hit is once in `joined` or once in `new`.

    New stories come in the order of their first hits, each one's hits in order of time.
    """
    shelves: dict[tuple[str, str], list[_Story]] = {}
    opened = [_opened(story) for story in stories if story.hits]
    for story in sorted(opened, key=lambda it: (it.first_at, it.id)):
        shelves.setdefault(story.about, []).append(story)
    order = {hit.id: (hit.at, hit.id) for hit in hits}
    for hit in sorted(hits, key=lambda hit: order[hit.id]):
        shelf = shelves.setdefault((hit.company, hit.topic), [])
        title = comparable(hit.title)
        best = _best(hit, title, shelf)
        if best is None:
            best = _Story(None, (hit.company, hit.topic), hit.stage, hit.at, hit.at, [])
            shelf.append(best)
        _add(hit, title, best)
    grown = [story for shelf in shelves.values() for story in shelf if story.hits]
    new = [tuple(story.hits) for story in grown if story.id is None]
    return Grouping(
        joined={hit: story.id for story in grown if story.id is not None for hit in story.hits},
        new=tuple(sorted(new, key=lambda ids: order[ids[0]])),
    )


def comparable(title: str) -> tuple[str, ...]:
    """Return the words of a headline, sorted, in a form that two outlets' wordings share."""
    folded = fold(title).text
    return tuple(sorted(words(_PUBLISHER.sub("", folded)) or words(folded)))


def _opened(given: OpenStory) -> _Story:
    first = min(given.hits, key=lambda hit: (hit.at, hit.id))
    story = _Story(given.id, (given.company, given.topic), None, first.at, first.at, [])
    for hit in sorted(given.hits, key=lambda hit: (hit.at, hit.id)):
        _add(hit, comparable(hit.title), story)
    story.hits.clear()
    return story


def _best(hit: HitToGroup, title: tuple[str, ...], shelf: Iterable[_Story]) -> _Story | None:
    best: _Story | None = None
    cutoff = SIMILAR
    for story in shelf:
        if not title or not _may_hold(story, hit):
            continue
        found = process.extractOne(
            title, story.titles, scorer=Indel.normalized_similarity, score_cutoff=cutoff
        )
        if found is not None and (best is None or found[1] > cutoff):
            best, cutoff = story, found[1]
    return best


def _may_hold(story: _Story, hit: HitToGroup) -> bool:
    in_time = story.first_at - WINDOW <= hit.at <= story.last_at + WINDOW
    return in_time and (story.stage == hit.stage or None in (story.stage, hit.stage))


def _add(hit: HitToGroup, title: tuple[str, ...], story: _Story) -> None:
    story.hits.append(hit.id)
    story.stage = story.stage or hit.stage
    story.first_at = min(story.first_at, hit.at)
    story.last_at = max(story.last_at, hit.at)
    if title not in story.titles:
        story.titles.append(title)
