"""Telling: what one sentence says of a company and a topic.

* What a clause tells of another company is left out; so is background, but for a competition case
  that the sentence tells nothing newer of.
* Of several stages the gravest counts, a step that is only intended as a plan; of several
  regulators and days the nearest to the stage, else to the topic's word, in its clause if one is.
* An amount is a company's if that is named last before it, or first after "on", "against" and the
  like; damages are the sum of either side. Which sums count at all is in `monitor.detect.roles`.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from functools import cached_property
from typing import TYPE_CHECKING, Final, NamedTuple, TypeVar

from monitor.detect.days import days
from monitor.detect.fields import sums
from monitor.detect.places import Owner, Place
from monitor.detect.roles import COMPETITION, LEAST, OFFERING, goes_with, has_cue, plays_part
from monitor.detect.steps import PLAN, is_earlier, is_intended, is_untold, takes_no_part
from monitor.model import Role

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from datetime import date, datetime
    from decimal import Decimal

    from monitor.detect.clauses import Clauses
    from monitor.model import Label

Labelled = tuple[Owner, Place]
_What = TypeVar("_What", str, Owner)

_AT: Final = re.compile(
    r"[^,;。]{0,30}(?<![a-z])(?:on|against|for|from|by|to|in|of|à|contre|gegen|für|a|contra|contro)"
    r" (?:[\w'-]+ ){0,5}$|[^,;。]{0,8}(?:给|予|向|对|砸向)[^,;。]{0,4}$"
)
_OF_TRADE: Final = re.compile(r"(?:早盘|午盘|收盘|开盘|盘中|股价)")
_DAMAGES: Final = re.compile(r"(?<![a-z])(?:damages|compensat|award|pay)|赔")
_AT_MOST: Final = 60


class Sum(NamedTuple):
    """A sum of money: its span in the folded field, its value and currency."""

    start: int
    end: int
    value: Decimal
    currency: str


class Day(NamedTuple):
    """A day: its span in the folded field, and the date."""

    start: int
    end: int
    date: date


class Telling:
    """One sentence of a folded *text* with the stages and regulators that stand in it.

    *clauses* cuts it up, *words* are where the words of each topic start.
    """

    def __init__(
        self,
        text: str,
        span: tuple[int, int],
        clauses: Callable[[], Clauses],
        labels: Sequence[Labelled],
        words: Mapping[str, Sequence[int]],
        known: Mapping[Role, Mapping[str, Label]],
        published: datetime | None,
    ) -> None:
        self._text = text
        self._span = span
        self._cut = clauses
        self._labels = labels
        self._words = words
        self._known = known
        self._published = published
        self._sums: list[Sum] | None = None
        self._days: list[Day] | None = None

    @cached_property
    def _clauses(self) -> Clauses:
        """The clauses, cut when first asked for: most sentences tell of nothing that asks."""
        return self._cut()

    def stage(self, topic: str, company: str | None, near: int) -> tuple[str, Place] | None:
        """Return the stage of a *topic* that is told of *company*, and the place nearest *near*."""
        steps = [
            (self._step(owner, place), place)
            for owner, place in self._fitting(Role.STAGE, topic)
            if not is_untold(self._text, self._span, place.start, place.end, owner.key)
        ]
        steps = [it for it in steps if it[0] != PLAN or _distance(it[1], near) <= _AT_MOST]
        if not steps:
            return None
        told = self._news(steps, topic, company)
        known = self._known[Role.STAGE]
        return min(
            told,
            key=lambda it: (-known[it[0]].rank, _distance(it[1], near), it[1].start, -it[1].end),
            default=None,
        )

    def _step(self, owner: Owner, place: Place) -> str:
        bounds = self._clauses.span(place.start)
        planned = is_intended(self._text, bounds, place.start, place.end, owner.key)
        return PLAN if planned and PLAN in self._known[Role.STAGE] else owner.key

    def regulator(self, topic: str, company: str | None, near: int) -> Labelled | None:
        """Return the regulator that acts on a *topic* of *company*, the nearest to *near*."""
        acting = [
            it
            for it in self._fitting(Role.REGULATOR, topic)
            if not takes_no_part(self._text, self._span, it[1].start, it[1].end)
        ]
        if not acting:
            return None
        told = self._news(acting, topic, company)
        return min(told, key=lambda it: self._nearness(it[1], near), default=None)

    def amounts(self, topic: str, company: str | None) -> list[Sum]:
        """Return the sums that the event of *topic* comes to for *company*, in order.

        Of an offering "after" opens no background where a word of it follows: "a debut after a $2
        billion IPO".
        """
        if self._sums is None:
            start, end = self._span
            self._sums = [
                Sum(start + first, start + last, value, currency)
                for first, last, value, currency in sums(self._text[start:end])
            ]
        kept: list[Sum] = []
        last: Sum | None = None
        for one in self._sums:
            if last is not None and (
                one[:2] == last[:2] or goes_with(self._text, last.end, one.start)
            ):
                fits = bool(kept) and kept[-1] is last
            else:
                fits = self._is_of(one, topic, company)
            if fits:
                kept.append(one)
            last = one
        return kept

    def day(self, company: str | None, near: int) -> Day | None:
        """Return the day of an event of *company*, the nearest to *near*."""
        if self._days is None:
            start, end = self._span
            found = days(self._text[start:end], self._published)
            self._days = [Day(start + first, start + last, it) for first, last, it in found]
        if not self._days:
            return None
        told = [
            it
            for it in self._days
            if self._is_of_company(it.start, company)
            and not self._clauses.is_background(it.start)
            and not _OF_TRADE.match(self._text, it.end)
        ]
        return min(told, key=lambda it: self._nearness(it, near), default=None)

    def says_what_for(self, one: Sum, topic: str) -> bool:
        """Return whether a sum is called a penalty, or for an offering money raised."""
        return has_cue(self._text, self._span, one.start, one.end, topic)

    def _fitting(self, role: Role, topic: str) -> Iterable[Labelled]:
        known = self._known[role]
        for owner, place in self._labels:
            if owner.role is role and known[owner.key].fits(topic):
                yield owner, place

    def _news(
        self, told: Sequence[tuple[_What, Place]], topic: str, company: str | None
    ) -> Sequence[tuple[_What, Place]]:
        """Return those told as news of *company*; for a competition case else any told of it."""
        of_it = [it for it in told if self._is_of_company(it[1].start, company)]
        news = [
            it
            for it in of_it
            if not self._is_background(it[1].start, topic) and not is_earlier(self._text, it[1].end)
        ]
        return news or (of_it if topic in COMPETITION else [])

    def _is_of_company(self, at: int, company: str | None) -> bool:
        named = self._clauses.within(at)
        return company is None or not named or company in named

    def _is_of(self, one: Sum, topic: str, company: str | None) -> bool:
        if one.value < LEAST or self._is_background(one.start, topic):
            return False
        if not plays_part(self._text, self._clauses, one.start, one.end, topic):
            return False
        if company is None or topic not in COMPETITION | OFFERING:
            return True
        before = self._clauses.before(one.start)
        after, at = self._clauses.after(one.end)
        if after and at - one.end <= _AT_MOST and _AT.fullmatch(self._text, one.end, at):
            return company in after or (company in before and topic in OFFERING)
        if before:
            return company in before or self._clauses.holds(one.start, _DAMAGES)
        return company in after or not after

    def _is_background(self, at: int, topic: str) -> bool:
        if not self._clauses.is_background(at):
            return False
        if topic not in OFFERING or not self._clauses.opens_after(at):
            return True
        start, end = self._clauses.span(at)
        for words in (self._words.get(other, ()) for other in OFFERING):
            first = bisect_left(words, start)
            if first < len(words) and words[first] < end:
                return False
        return True

    def is_stale(self, place: Place, topic: str) -> bool:
        """Return whether a stage is told as background."""
        return self._is_background(place.start, topic)

    def _nearness(self, place: Place | Day, near: int) -> tuple[bool, int, int]:
        apart = self._clauses.span(place.start) != self._clauses.span(near)
        return apart, _distance(place, near), place.start


def _distance(place: Place | Day, at: int) -> int:
    return max(0, place.start - at, at - place.end)
