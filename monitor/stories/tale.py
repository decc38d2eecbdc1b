"""Tales: a story while it grows, with all that its reports say together."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

from monitor.stories.report import counted

if TYPE_CHECKING:
    from collections.abc import Hashable
    from datetime import date, datetime

    from monitor.model import Amount
    from monitor.stories.report import Report, When

# By so many wordings in a script a story is known. A further one would not be a new wording of
# it, but of what is said about it.
_WORDINGS: Final = 12
_SHORT: Final = 3


_NONE: Final[frozenset[str]] = frozenset()


class Tale:
    """A story while it grows; *id* is None for a new one. It has at least one report."""

    __slots__ = (
        *("id", "company", "topic", "when", "first_at", "first_day", "days", "dated", "merged"),
        *("coarse", "reaction", "reports", "fresh", "stage", "stages", "mentioned", "amounts"),
        *("subjects", "regulators", "places", "parties", "lines", "cases", "marks", "scripts"),
        *("headlines", "shortest", "wordings", "words", "keys"),
    )

    def __init__(self, first: Report, story: int | None = None, *, fresh: bool = True) -> None:
        self.id = story
        self.company = first.company
        self.topic = first.topic
        self.when: When = first.when
        self.first_at: datetime = first.at
        self.dated = False
        self.merged = False  # by an analyst
        self.coarse = True
        self.reaction = True
        self.reports: list[Report] = []
        self.fresh: list[Report] = []  # those that had no story before
        self.days: set[date] = set()
        self.first_day: date = first.at.date()
        self.stage: str | None = None  # that most reports tell, else most comments
        self.stages: Counter[str] = Counter()
        self.mentioned: Counter[str] = Counter()  # in round-ups and opinions
        self.amounts: list[Amount] = []
        self.subjects = self.regulators = _NONE
        self.places = self.parties = self.lines = self.cases = self.marks = _NONE
        self.scripts: Counter[str] = Counter()  # how many wordings of each
        self.headlines: dict[tuple[str, ...], frozenset[str]] = {}  # words, none counted twice
        self.shortest = 0  # how many words the shortest of them has
        self.wordings: list[tuple[frozenset[str], frozenset[str]]] = []
        self.words = _NONE
        self.keys: set[Hashable] = set()
        self.take(first, fresh=fresh)

    @property
    def place(self) -> tuple[datetime, int, int]:
        """Where it stands among others, whatever the order they came in."""
        return self.first_at, self.id or 0, self.reports[0].hit

    def take(self, report: Report, *, fresh: bool = True) -> None:
        """Let *report* be of this tale."""
        self.reports.append(report)
        if fresh:
            self.fresh.append(report)
        first = report.dated and not self.dated
        self.when = report.when if first else self.when.both(report.when)
        self.dated |= report.dated
        self.coarse &= report.coarse
        self.reaction &= report.reaction
        self.first_at = min(self.first_at, report.at)
        day = report.at.date()
        self.days.add(day)
        self.first_day = min(self.first_day, day)
        if report.stage:
            (self.mentioned if report.comment else self.stages)[report.stage] += 1
            told = self.stages or self.mentioned
            self.stage = max(told, key=lambda it: (told[it], it))
        if report.amounts:
            known = {(it.currency, it.value) for it in self.amounts}
            self.amounts += [it for it in report.amounts if (it.currency, it.value) not in known]
        if report.subject:
            self.subjects = _with(self.subjects, {report.subject})
        if report.regulator:
            self.regulators = _with(self.regulators, {report.regulator})
        if (
            report.whole
            and report.whole not in self.headlines
            and self.scripts[report.script] < _WORDINGS
        ):
            self.scripts[report.script] += 1
            self.headlines[report.whole] = counted(report.whole)
            self.shortest = min(self.shortest or len(report.whole), len(report.whole))
            title, text = frozenset(report.title), frozenset(report.title + report.lede)
            self.wordings.append((title, text))
            marks = report.marks
            self.places = _with(self.places, marks.foremost)
            self.parties = _with(self.parties, marks.parties)
            self.lines = _with(self.lines, marks.lines)
            self.cases = _with(self.cases, marks.cases)
            self.marks = _with(self.marks, marks.every)
            self.words = _with(self.words, text)
            self.keys.update(report.keys())

    @property
    def steps(self) -> tuple[str | None, ...]:
        """The stages it may be at: its own; all it tells of if an analyst made it one."""
        return tuple(self.stages) if self.merged and self.stages else (self.stage,)

    def known_by(self) -> tuple[object, ...]:
        """Return what tells whether a comparison made before still holds."""
        return (
            *(self.stage, self.when, self.dated, self.coarse, self.reaction),
            *(len(self.headlines), len(self.amounts), len(self.days)),
            *(len(self.subjects), len(self.regulators)),
        )

    def absorb(self, other: Tale) -> None:
        """Let all reports of *other* be of this tale."""
        new = {id(report) for report in other.fresh}
        for report in other.reports:
            self.take(report, fresh=id(report) in new)

    def has_words_of(self, other: Tale) -> bool:
        """Return whether a telling word is in both, or one whole headline."""
        return not (
            self.words.isdisjoint(other.words) and self.headlines.keys().isdisjoint(other.headlines)
        )

    def alike(self, other: Tale, enough: float) -> float:
        """Return how alike the two headlines are that are most so, or the first that are *enough*.

        What is left of 1 is the part of their words that one has and the other has not: as words
        are in order, it is their distance by what is put in and taken out (Indel).
        """
        if not self.headlines.keys().isdisjoint(other.headlines):
            return 1.0
        most = 0.0
        theirs = [(two, len(two)) for two in other.headlines.values()]
        for one in self.headlines.values():
            mine = len(one)
            for two, size in theirs:
                both = mine + size
                alike = 1 - (both - 2 * len(one & two)) / both
                if alike > most:
                    most = alike
                    if most >= enough:
                        return most
        return most

    def shared(self, other: Tale, enough: float) -> float:
        """Return how much of what is told is the same, at most, or the first that is *enough*."""
        most = 0.0
        for title, text in self.wordings:
            for others, whole in other.wordings:
                if not text.isdisjoint(whole):
                    most = max(most, _shared(title, text, others, whole))
                    if most >= enough:
                        return most
        return most


def _with(some: frozenset[str], more: frozenset[str] | set[str]) -> frozenset[str]:
    """Return what is in either, and make no new set where one is all of it."""
    if not some:
        return frozenset(more)
    return some if more <= some else some | more


def _shared(
    title: frozenset[str], text: frozenset[str], other: frozenset[str], whole: frozenset[str]
) -> float:
    """Return which part of either headline the other article has, or both headlines share."""
    dice = 2 * len(title & other) / ((len(title) + len(other)) or 1)
    one = len(title & whole) / max(len(title), _SHORT)
    two = len(other & text) / max(len(other), _SHORT)
    return max(dice, 0.8 * one, 0.8 * two)
