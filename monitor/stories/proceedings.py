"""Proceedings: stories that are steps of one affair, told by what each says of itself. Pure.

* A step follows an earlier one of the same company, topic and unit, within LONG, if it is further
  along: probe, then fine, then appeal. After a halt or a denial an offering may begin anew.
* Other authorities, other parties or other places make another affair; so does a step that the
  affair has taken already. A suit between companies is no authority's case.
* An answer or a share move belongs to the step that it is about, for some weeks.
* Of several affairs that fit, the one whose last step is nearest in time.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from monitor.stories.report import FORETOLD, OFFERING, read
from monitor.stories.stages import order

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from monitor.model import HitToGroup
    from monitor.stories.report import Report

LONG: Final = timedelta(days=730)
_ANSWERED: Final = timedelta(days=30)
_HALTS: Final = frozenset({"suspension", "withdrawal", "denial"})
_PRIVATE: Final = frozenset({"suit"})


@dataclass(frozen=True, slots=True)
class Chapter:
    """A story as a step of an affair: its head's hit, its stage, the proceeding it is of."""

    story_id: int
    stage: str | None
    at: datetime
    head: HitToGroup
    proceeding_id: int | None = None
    report: Report = field(init=False, compare=False)

    def __post_init__(self) -> None:
        """Read the head once."""
        object.__setattr__(self, "report", read(self.head))


def place(chapter: Chapter, others: Sequence[Chapter]) -> Chapter | None:
    """Return the story whose proceeding *chapter* is of, None if it is of none of *others*.

    A story that came late is placed before the one that follows it.
    """
    taken: dict[int, set[str | None]] = {}
    for other in others:
        if other.proceeding_id is not None and not other.report.reaction:
            taken.setdefault(other.proceeding_id, set()).add(other.stage)
    fitting = [
        other
        for other in others
        if other.story_id != chapter.story_id
        and (
            chapter.report.reaction or chapter.stage not in taken.get(other.proceeding_id or 0, ())
        )
        and (_follows(chapter, other) or _follows(other, chapter))
    ]
    return min(
        fitting,
        key=lambda it: (abs(it.at - chapter.at), it.at > chapter.at, it.story_id),
        default=None,
    )


def _follows(later: Chapter, earlier: Chapter) -> bool:
    apart = later.at - earlier.at
    if not timedelta(0) <= apart <= LONG or not _of_one_affair(later.report, earlier.report):
        return False
    if later.report.reaction:
        return not earlier.report.reaction and apart <= _ANSWERED
    one, two = order(earlier.stage), order(later.stage)
    if one is None or two is None or earlier.report.reaction:
        return False
    if _PRIVATE & {earlier.stage, later.stage} and (
        earlier.report.hit.regulator or later.report.hit.regulator
    ):
        return False
    again = later.report.hit.topic in OFFERING and earlier.stage in _HALTS
    foretold = earlier.report.stage or ""
    come_true = foretold.startswith(FORETOLD) and not (later.report.stage or "").startswith(
        FORETOLD
    )
    return one < two or again or (one == two and come_true)


def _of_one_affair(one: Report, two: Report) -> bool:
    mine, other = one.hit, two.hit
    if mine.topic in OFFERING and mine.subject != other.subject:
        return False
    if mine.subject and other.subject and mine.subject != other.subject:
        return False
    authorities = mine.topic not in OFFERING and mine.regulator and other.regulator
    if (
        authorities
        and mine.regulator != other.regulator
        and "appeal" not in (mine.stage, other.stage)
    ):
        return False
    if mine.topic in OFFERING and one.marks.lines and two.marks.lines:
        return bool(one.marks.lines & two.marks.lines)
    pairs = ((one.marks.parties, two.marks.parties), (one.places, two.places))
    return all(these & those or not (these and those) for these, those in pairs)
