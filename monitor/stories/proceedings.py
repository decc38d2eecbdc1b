"""Proceedings: stories that are steps of one affair, told by what each says of itself. Pure.

* A step follows an earlier one of the same company, topic and unit, within LONG, if it is further
  along: probe, then fine, then appeal. After a halt or a denial an offering may begin anew.
* Other authorities, other parties or other places make another affair; so does a step that the
  affair has taken already. A suit between companies is no authority's case.
* An answer or a share move belongs to the step that it is about, for some weeks.
* Of several affairs that fit, the one whose last step is nearest in time.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Final, NamedTuple

from monitor.stories.kinds import is_reaction
from monitor.stories.report import OFFERING, read, stage_told
from monitor.stories.stages import FORETOLD, order

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from monitor.model import HitToGroup
    from monitor.stories.report import Report

LONG: Final = timedelta(days=730)
_ANSWERED: Final = timedelta(days=30)
_HALTS: Final = frozenset({"suspension", "withdrawal", "denial"})
_PRIVATE: Final = frozenset({"suit"})


class _Kind(NamedTuple):
    """What of a story tells first whether another may be a step with it."""

    stage: str | None
    reaction: bool
    foretold: bool


@dataclass(frozen=True, slots=True)
class Chapter:
    """A story as a step of an affair: its head's hit, its stage, the proceeding it is of."""

    story_id: int
    stage: str | None
    at: datetime
    head: HitToGroup
    proceeding_id: int | None = None
    kind: _Kind = field(init=False, compare=False)

    def __post_init__(self) -> None:
        """Tell the kind once."""
        foretold = (stage_told(self.head) or "").startswith(FORETOLD)
        kind = _Kind(self.stage, is_reaction(self.head.title), foretold)
        object.__setattr__(self, "kind", kind)


class Affairs:
    """The stories of one company and topic, by kind: one is compared with those it may follow."""

    def __init__(self, chapters: Iterable[Chapter] = ()) -> None:
        self._known: dict[int, Chapter] = {}
        self._of_kind: dict[_Kind, dict[int, Chapter]] = defaultdict(dict)
        self._of_proceeding: dict[int, dict[int, Chapter]] = defaultdict(dict)
        for chapter in chapters:
            self.put(chapter)

    def put(self, chapter: Chapter) -> None:
        """Add a story, or say anew what it is."""
        number = chapter.story_id
        if (before := self._known.get(number)) is not None:
            del self._of_kind[before.kind][number]
            self._of_proceeding[before.proceeding_id or 0].pop(number, None)
        self._known[number] = chapter
        self._of_kind[chapter.kind][number] = chapter
        if chapter.proceeding_id is not None:
            self._of_proceeding[chapter.proceeding_id][number] = chapter

    def place(self, chapter: Chapter) -> Chapter | None:
        """Return the story whose proceeding *chapter* is of, None if it is of none of the others.

        A story that came late is placed before the one that follows it.
        """
        topic = chapter.head.topic
        fitting = (
            other
            for kind, alike in self._of_kind.items()
            if _may_follow(chapter.kind, kind, topic) or _may_follow(kind, chapter.kind, topic)
            for other in alike.values()
            if other.story_id != chapter.story_id
            and (_follows(chapter, other) or _follows(other, chapter))
            and (chapter.kind.reaction or not self._taken(chapter, other.proceeding_id))
        )
        return min(
            fitting,
            key=lambda it: (abs(it.at - chapter.at), it.at > chapter.at, it.story_id),
            default=None,
        )

    def _taken(self, chapter: Chapter, proceeding: int | None) -> bool:
        """Return whether the affair has taken the step of *chapter* already."""
        if proceeding is None:
            return False
        return any(
            other.stage == chapter.stage and not other.kind.reaction
            for other in self._of_proceeding[proceeding].values()
            if other.story_id != chapter.story_id and abs(other.at - chapter.at) <= LONG
        )


def _may_follow(later: _Kind, earlier: _Kind, topic: str) -> bool:
    if later.reaction:
        return not earlier.reaction
    one, two = order(earlier.stage), order(later.stage)
    if one is None or two is None or earlier.reaction:
        return False
    again = topic in OFFERING and earlier.stage in _HALTS
    come_true = earlier.foretold and not later.foretold
    return one < two or again or (one == two and come_true)


def _follows(later: Chapter, earlier: Chapter) -> bool:
    apart = later.at - earlier.at
    if not timedelta(0) <= apart <= (_ANSWERED if later.kind.reaction else LONG):
        return False
    if not _may_follow(later.kind, earlier.kind, later.head.topic):
        return False
    private = _PRIVATE & {earlier.stage, later.stage} and not later.kind.reaction
    if private and (earlier.head.regulator or later.head.regulator):
        return False
    return _of_one_affair(read(later.head), read(earlier.head))


def _of_one_affair(one: Report, two: Report) -> bool:
    if one.topic in OFFERING and one.subject != two.subject:
        return False
    if one.subject and two.subject and one.subject != two.subject:
        return False
    authorities = one.topic not in OFFERING and one.regulator and two.regulator
    stages = [(stage or "").removeprefix(FORETOLD) for stage in (one.stage, two.stage)]
    if authorities and one.regulator != two.regulator and "appeal" not in stages:
        return False
    if one.topic in OFFERING and one.marks.lines and two.marks.lines:
        return bool(one.marks.lines & two.marks.lines)
    pairs = ((one.marks.parties, two.marks.parties), (one.marks.foremost, two.marks.foremost))
    return all(these & those or not (these and those) for these, those in pairs)
