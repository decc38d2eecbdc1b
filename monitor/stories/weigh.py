"""Weigh: how much speaks for two stories being one, in named parts.

* What contradicts ends it: stages of two steps, other sums, another unit, an answer that came a
  day later, another regulator.
* What agrees adds up: the time, the stage, the sum, the regulator, the day that the texts give,
  and words; across languages marks stand in for words.
* The longer after the event a report came, the more must agree. Nothing is learnt from other
  stories, so what is decided of two does not depend on which there are.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final, NamedTuple

from monitor.stories import sums
from monitor.stories.report import AFTER, DAY, MONTH, OFFERING
from monitor.stories.stages import Fit, fit
from monitor.stories.sums import Agreement

if TYPE_CHECKING:
    from monitor.stories.tale import Tale

ENOUGH: Final = 2.0
_ALIKE: Final = 0.62  # of the words of two headlines, from which on they are one wording
_CHINESE: Final = frozenset({"hongkong", "shanghai", "shenzhen"})
_SAME: Final = 0.9  # and from here on one headline
_WORDS: Final = 4  # of which a headline has at least, if it is to say it all
_HALF: Final = 0.5  # of what is told is the same
_THIRD: Final = 0.34
_LITTLE: Final = 0.2
_ESTIMATES: Final = frozenset({"plan", "filing", "approval", "hearing", "suspension", "withdrawal"})
_EXACT: Final = 4 * DAY
_MOST_FOR_WORDS: Final = 5.0
_LATE: Final = (
    (4 * DAY, -1.0),
    (14 * DAY, -1.5),
    (90 * DAY, -2.5),
    (400 * DAY, -3.0),
    (timedelta.max, -4.0),
)

# Steps that a company seldom takes twice within the time that a report leaves open.
_SELDOM: Final = frozenset(
    {"fine", "settlement", "pricing", "listed", "suspension", "withdrawal", "delisted", "appeal"}
)


class Weight(NamedTuple):
    """How much speaks for it, and the parts that do."""

    value: float
    parts: tuple[tuple[float, str], ...]

    @property
    def reasons(self) -> tuple[str, ...]:
        """What speaks for it, in words, the most telling first."""
        ordered = sorted(self.parts, key=lambda it: -it[0])
        return tuple(dict.fromkeys(reason for _, reason in ordered))


class _Scale:
    __slots__ = "parts", "value"

    def __init__(self) -> None:
        self.value = 0.0
        self.parts: list[tuple[float, str]] = []

    def add(self, value: float, reason: str) -> None:
        self.value += value
        if value > 0:
            self.parts.append((value, reason))


def weigh(one: Tale, two: Tale) -> Weight | None:
    """Return what speaks for two tales being one, None if too little does."""
    if one.merged or two.merged:
        stages = max(fit(mine, other) for mine in one.steps for other in two.steps)
    else:
        stages = fit(one.stage, two.stage)
    if stages is Fit.NEVER or ((one.reaction or two.reaction) and not _may_react(one, two)):
        return None
    if stages is Fit.NEIGHBOURS and one.days.isdisjoint(two.days):
        return None
    scale = _Scale()
    if not (_places(one, two) and _sums(scale, one, two)):
        return None
    if not (_units(scale, one, two) and _regulators(scale, one, two)):
        return None
    if stages in (Fit.SAME, Fit.ONE):
        scale.add(2.0 if _seldom(one, two) else 1.0, "stage")
    elif stages is Fit.NEIGHBOURS:
        scale.add(0.5, "stage")
    _time(scale, one, two)
    _marks(scale, one, two)
    if scale.value + _MOST_FOR_WORDS >= ENOUGH:
        _words(scale, one, two)
    if scale.value < ENOUGH:
        return None
    return Weight(scale.value, tuple(scale.parts))


def _seldom(one: Tale, two: Tale) -> bool:
    """Return whether both tell of one day on which a step was taken that seldom is."""
    if one.stage != two.stage or one.stage not in _SELDOM:
        return False
    exact = not (one.coarse or two.coarse or one.when.gap(two.when))
    return exact and _soon(one, two)


def _soon(one: Tale, two: Tale) -> bool:
    """Return whether both were first told of on one day, or on two that follow each other."""
    return abs(one.first_day - two.first_day) <= 1


def _may_react(one: Tale, two: Tale) -> bool:
    """Return whether an answer or a share move came on the day of what it is about, not before.

    One of the two is such.
    """
    if one.reaction and two.reaction:
        return not one.days.isdisjoint(two.days)
    answer, news = (one, two) if one.reaction else (two, one)
    if answer.coarse or news.coarse:
        return answer.coarse and not answer.when.gap(news.when)
    at = answer.when.end - AFTER
    return news.first_at - AFTER <= at < news.when.end


def _sums(scale: _Scale, one: Tale, two: Tale) -> bool:
    if not (one.amounts and two.amounts):
        return True
    estimates = one.topic in OFFERING and (one.stage or two.stage) in _ESTIMATES
    found = sums.agreement(one.amounts, two.amounts, estimates=estimates)
    if found is Agreement.SAME:
        scale.add(1.0 if estimates else 2.0, "sum")
    elif found in (Agreement.CONVERTED, Agreement.NEAR):
        scale.add(0.5, "sum")
    elif found is Agreement.DIFFERENT:
        if not estimates:
            return False
        scale.add(-1.5, "sum")
    return True


def _units(scale: _Scale, one: Tale, two: Tale) -> bool:
    if not (one.subjects or two.subjects or one.lines):
        return True
    if one.subjects & two.subjects:
        scale.add(0.5, "unit")
    elif one.subjects and two.subjects:
        scale.add(-0.5, "unit")
        return one.topic not in OFFERING
    elif one.topic in OFFERING and one.lines and two.lines and not one.lines & two.lines:
        return False
    elif one.topic in OFFERING and (one.subjects or two.subjects):
        scale.add(-0.5, "unit")
    return True


def _places(one: Tale, two: Tale) -> bool:
    """Return whether the headlines do not set the case in two countries."""
    if not (one.places and two.places) or one.topic in OFFERING:
        return True
    mine, others = one.places - _CHINESE, two.places - _CHINESE
    return not _others(mine, others)


def _regulators(scale: _Scale, one: Tale, two: Tale) -> bool:
    if not (one.regulators or two.regulators):
        return True
    if one.regulators & two.regulators:
        scale.add(0.5, "regulator")
    elif one.regulators and two.regulators:
        scale.add(-0.5, "regulator")
        return one.topic in OFFERING and "approval" not in (one.stage, two.stage)
    return True


def _time(scale: _Scale, one: Tale, two: Tale) -> None:
    gap = one.when.gap(two.when)
    if one.dated and two.dated:
        scale.add(1.0 if not gap else -1.5 if gap > 3 * DAY else 0.0, "day")
    if not gap:
        wide = max(one.width, two.width)
        told = 1.0 if _soon(one, two) else 0.5
        scale.add(told if wide <= _EXACT else 0.25 if wide <= MONTH else -1.0, "time")
    elif gap <= DAY:
        scale.add(0.5, "time")
    else:
        scale.add(next(cost for limit, cost in _LATE if gap <= limit), "time")


def _marks(scale: _Scale, one: Tale, two: Tale) -> None:
    if common := len(one.marks & two.marks):
        each, most = (0.5, 1.5) if one.scripts.keys().isdisjoint(two.scripts) else (0.25, 1.0)
        scale.add(min(most, each * common), "names and numbers")
    if _others(one.places, two.places):
        scale.add(-0.5, "names")
    if _others(one.parties, two.parties):
        scale.add(-0.5, "names")
    if _others(one.cases, two.cases):
        scale.add(-1.0, "names")


def _others(mine: frozenset[str], theirs: frozenset[str]) -> bool:
    """Return whether both name some, and not one that is the same."""
    return bool(mine and theirs) and mine.isdisjoint(theirs)


def _words(scale: _Scale, one: Tale, two: Tale) -> None:
    shares = one.has_words_of(two)
    alike = one.alike(two, _SAME) if shares else 0.0
    if alike >= _SAME and one.shortest >= _WORDS <= two.shortest:
        scale.add(_MOST_FOR_WORDS, "the same headline")
        return
    if alike >= _ALIKE:
        scale.add(3.0, "headline")
        return
    telling = one.shared(two, _HALF) if shares else 0.0
    if telling >= _HALF:
        scale.add(2.0, "words")
    elif telling >= _THIRD:
        scale.add(1.0, "words")
    elif telling < _LITTLE and not one.scripts.keys().isdisjoint(two.scripts):
        scale.add(-1.0, "words")


def may_be(one: Tale, two: Tale) -> bool:
    """Return whether nothing but its date speaks against *one*, of some month or year, being *two*.

    It is, if there is no other that it may be: so a late digest finds the fine that it tells of.
    """
    return (
        one.coarse
        and not (one.dated or one.reaction or two.reaction)
        and one.stage == two.stage
        and one.stage in _SELDOM
        and two.width <= _EXACT
        and one.when.start <= two.when.start <= one.when.end
        and all(check(_Scale(), one, two) for check in (_sums, _units, _regulators))
    )
