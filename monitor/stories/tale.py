"""Tales: a story while it grows, with all that its reports say together."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias

from monitor.stories.report import counted

if TYPE_CHECKING:
    from collections.abc import Hashable
    from datetime import date, datetime

    from monitor.model import Amount
    from monitor.stories.report import Report, When

    # All words of a headline, none counted twice, and how many that are.
    _Headline: TypeAlias = tuple[frozenset[str], int]
    # The telling words of a headline, and of all, how many the headline has, and at least counts.
    _Told: TypeAlias = tuple[frozenset[str], frozenset[str], int, int]

# By so many wordings in a script a story is known. A further one would not be a new wording of
# it, but of what is said about it.
_WORDINGS: Final = 12
_SHORT: Final = 3


_NONE: Final[frozenset[str]] = frozenset()


class _Wording(NamedTuple):
    """How a report is worded: sets, made once, whichever tale it comes to, with their sizes."""

    report: Report
    headline: _Headline
    told: _Told
    keys: frozenset[Hashable]

    @classmethod
    def of(cls, report: Report) -> _Wording:
        words = counted(report.whole)
        title, text = frozenset(report.title), frozenset(report.title + report.lede)
        told = title, text, len(title), max(len(title), _SHORT)
        return cls(report, (words, len(words)), told, frozenset(report.keys()))


class Tale:
    """A story while it grows; *id* is None for a new one. It has at least one report."""

    __slots__ = (
        *("id", "company", "topic", "when", "first_at", "first_day", "days", "dated", "merged"),
        *("coarse", "reaction", "reports", "fresh", "stage", "stages", "mentioned", "amounts"),
        *("subjects", "regulators", "places", "parties", "lines", "cases", "marks", "scripts"),
        *("width", "wordings", "headlines", "told", "shortest", "words", "keys"),
    )

    def __init__(self, first: Report, story: int | None = None, *, fresh: bool = True) -> None:
        self.id = story
        self.company = first.company
        self.topic = first.topic
        self.when: When = first.when
        self.width = first.when.width
        self.first_at: datetime = first.at
        self.dated = False
        self.merged = False  # by an analyst
        self.coarse = True
        self.reaction = True
        self.reports: list[Report] = []
        self.fresh: list[Report] = []  # those that had no story before
        self.days: set[date] = set()
        self.first_day = first.at.toordinal()
        self.stage: str | None = None  # that most reports tell, else most comments
        self.stages: dict[str, int] = defaultdict(int)  # how many reports tell of each
        self.mentioned: dict[str, int] = defaultdict(int)  # and how many round-ups and opinions
        self.amounts: list[Amount] = []
        self.subjects = self.regulators = _NONE
        self.places = self.parties = self.lines = self.cases = self.marks = _NONE
        self.scripts: dict[str, int] = {}  # how many wordings of each
        self.wordings: dict[tuple[str, ...], _Wording] = {}  # by all words of the headline
        self.headlines: list[_Headline] = []
        self.told: list[_Told] = []
        self.shortest = 0  # how many words the shortest headline has
        self.words = _NONE
        self.keys: set[Hashable] = set()
        self.take(first, fresh=fresh)

    @property
    def place(self) -> tuple[datetime, int, int]:
        """Where it stands among others, whatever the order they came in."""
        return self.first_at, self.id or 0, self.reports[0].hit

    def take(self, report: Report, *, fresh: bool = True, wording: _Wording | None = None) -> None:
        """Let *report* be of this tale; *wording* may be what another had of it."""
        self.reports.append(report)
        if fresh:
            self.fresh.append(report)
        first = report.dated and not self.dated
        if report.when != self.when:
            self.when = report.when if first else self.when.both(report.when)
            self.width = self.when.width
        self.dated |= report.dated
        self.coarse &= report.coarse
        self.reaction &= report.reaction
        self.first_at = min(self.first_at, report.at)
        day = report.at.date()
        self.days.add(day)
        self.first_day = min(self.first_day, day.toordinal())
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
        its = self.scripts.get(report.script, 0)
        if report.whole and report.whole not in self.wordings and its < _WORDINGS:
            if wording is None or wording.report is not report:
                wording = _Wording.of(report)
            self.scripts[report.script] = its + 1
            self.wordings[report.whole] = wording
            self.headlines.append(wording.headline)
            self.told.append(wording.told)
            self.shortest = min(self.shortest or len(report.whole), len(report.whole))
            marks = report.marks
            self.places = _with(self.places, marks.foremost)
            self.parties = _with(self.parties, marks.parties)
            self.lines = _with(self.lines, marks.lines)
            self.cases = _with(self.cases, marks.cases)
            self.marks = _with(self.marks, marks.every)
            self.words = _with(self.words, wording.told[1])
            self.keys |= wording.keys

    @property
    def steps(self) -> tuple[str | None, ...]:
        """The stages it may be at: its own; all it tells of if an analyst made it one."""
        return tuple(self.stages) if self.merged and self.stages else (self.stage,)

    def known_by(self) -> tuple[object, ...]:
        """Return what tells whether a comparison made before still holds."""
        return (
            *(self.stage, self.when, self.dated, self.coarse, self.reaction),
            *(len(self.wordings), len(self.amounts), len(self.days)),
            *(len(self.subjects), len(self.regulators)),
        )

    def absorb(self, other: Tale) -> None:
        """Let all reports of *other* be of this tale."""
        new = {id(report) for report in other.fresh}
        for report in other.reports:
            self.take(report, fresh=id(report) in new, wording=other.wordings.get(report.whole))

    def has_words_of(self, other: Tale) -> bool:
        """Return whether a telling word is in both, or one whole headline."""
        return not (
            self.words.isdisjoint(other.words) and self.wordings.keys().isdisjoint(other.wordings)
        )

    def alike(self, other: Tale, enough: float) -> float:
        """Return how alike the two headlines are that are most so, or the first that are *enough*.

        What is left of 1 is the part of their words that one has and the other has not: as words
        are in order, it is their distance by what is put in and taken out (Indel).
        """
        if not self.wordings.keys().isdisjoint(other.wordings):
            return 1.0
        most = 0.0
        for mine, size in self.headlines:
            for theirs, its_size in other.headlines:
                both = size + its_size
                alike = 1 - (both - 2 * len(mine & theirs)) / both
                if alike > most:
                    if alike >= enough:
                        return alike
                    most = alike
        return most

    def shared(self, other: Tale, enough: float) -> float:
        """Return how much of what is told is the same, at most, or the first that is *enough*.

        It is which part of either headline the other article has, or both headlines share.
        """
        most = 0.0
        for title, text, size, least in self.told:
            for its_title, its_text, its_size, its_least in other.told:
                if text.isdisjoint(its_text):
                    continue
                found, given = len(title & its_text), len(text & its_title)
                part = 0.8 * max(found / least, given / its_least)
                if found and given:  # else the headlines share none
                    part = max(part, 2 * len(title & its_title) / (size + its_size))
                if part > most:
                    if part >= enough:
                        return part
                    most = part
        return most


def _with(some: frozenset[str], more: frozenset[str] | set[str]) -> frozenset[str]:
    """Return what is in either, and make no new set where one is all of it."""
    if not some:
        return frozenset(more)
    return some if more <= some else some | more
