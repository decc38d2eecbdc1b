"""Group: hits about one thing that happened become one story."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from monitor.stories.report import comparable, read
from monitor.stories.shelf import Shelf
from monitor.stories.tale import Tale

if TYPE_CHECKING:
    from collections.abc import Sequence

    from monitor.model import HitToGroup, OpenStory

__all__ = ["WINDOW", "Grouping", "comparable", "group"]

WINDOW: Final = timedelta(days=30)  # within which a story is looked for by its words


@dataclass(frozen=True, slots=True)
class Grouping:
    """Which hit joined which open story, and the hits of each new story, earliest first.

    *joined_by* says why each hit but the first of a story is in it.
    """

    joined: dict[int, int]
    new: tuple[tuple[int, ...], ...]
    joined_by: dict[int, str] = field(default_factory=dict, compare=False)


def group(hits: Sequence[HitToGroup], stories: Sequence[OpenStory]) -> Grouping:
    """Return where each hit belongs: every hit is once in `joined` or once in `new`.

    New stories come in the order of their first hits, each one's hits in order of time.
    """
    shelves: dict[tuple[str, str], Shelf] = defaultdict(Shelf)
    about = {(hit.company, hit.topic) for hit in hits}
    tales = [_opened(it) for it in stories if it.hits and (it.company, it.topic) in about]
    tales += [Tale(read(hit)) for hit in hits]
    for tale in sorted(tales, key=lambda it: it.place):
        shelves[tale.company, tale.topic].put(tale)
    order = {hit.id: (hit.at, hit.id) for hit in hits}
    joined: dict[int, int] = {}
    new = []
    for shelf in shelves.values():
        shelf.settle()
        for tale in shelf.standing():
            ids = sorted((it.hit.id for it in tale.fresh), key=order.__getitem__)
            if tale.id is None and ids:
                new.append(tuple(ids))
            elif tale.id is not None:
                joined |= dict.fromkeys(ids, tale.id)
    reasons = {hit: why for shelf in shelves.values() for hit, why in shelf.reasons.items()}
    return Grouping(joined, tuple(sorted(new, key=lambda ids: order[ids[0]])), reasons)


def _opened(story: OpenStory) -> Tale:
    first, *others = sorted(map(read, story.hits), key=lambda it: (it.hit.at, it.hit.id))
    tale = Tale(first, story.id, fresh=False)
    for report in others:
        tale.take(report, fresh=False)
    tale.merged = story.merged
    return tale
