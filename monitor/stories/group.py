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
    from monitor.stories.report import Report

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


@dataclass(frozen=True, slots=True)
class Opened:
    """A story that may still take hits, as an `OpenStory` is compared; its reports in any order."""

    id: int
    company: str
    topic: str
    reports: tuple[Report, ...]
    merged: bool = False


def group(hits: Sequence[HitToGroup], stories: Sequence[OpenStory]) -> Grouping:
    """Return where each hit belongs: every hit is once in `joined` or once in `new`.

    New stories come in the order of their first hits, each one's hits in order of time.
    """
    opened = [
        Opened(it.id, it.company, it.topic, tuple(map(read, it.hits)), it.merged) for it in stories
    ]
    return place([read(hit) for hit in hits], opened)


def place(reports: Sequence[Report], stories: Sequence[Opened]) -> Grouping:
    """Return what `group` does, of hits that are read already."""
    of: dict[tuple[str, str], list[Report]] = defaultdict(list)
    for report in reports:
        of[report.company, report.topic].append(report)
    open_of: dict[tuple[str, str], list[Opened]] = defaultdict(list)
    for story in stories:
        if story.reports:
            open_of[story.company, story.topic].append(story)
    order = {report.hit: (report.at, report.hit) for report in reports}
    joined: dict[int, int] = {}
    new: list[tuple[int, ...]] = []
    reasons: dict[int, str] = {}
    for about, fresh in of.items():  # one after the other: what a shelf takes is soon given back
        shelf = Shelf()
        tales = [*map(_opened, open_of[about]), *map(Tale, fresh)]
        for tale in sorted(tales, key=lambda it: it.place):
            shelf.put(tale)
        shelf.settle()
        for tale in shelf.standing():
            ids = sorted((it.hit for it in tale.fresh), key=order.__getitem__)
            if tale.id is None and ids:
                new.append(tuple(ids))
            elif tale.id is not None:
                joined |= dict.fromkeys(ids, tale.id)
        reasons |= shelf.reasons
    return Grouping(joined, tuple(sorted(new, key=lambda ids: order[ids[0]])), reasons)


def _opened(story: Opened) -> Tale:
    first, *others = sorted(story.reports, key=lambda it: (it.at, it.hit))
    tale = Tale(first, story.id, fresh=False)
    for report in others:
        tale.take(report, fresh=False)
    tale.merged = story.merged
    return tale
