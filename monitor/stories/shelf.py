"""Shelves: the stories of one company and topic, brought together until no two more are one.

* The two that most speaks for become one first; what they are compared by is then what both say.
* Only stories that have a word, a day, a sum or the like in common are compared, each with the
  FEW that have most in common with it: the work grows with the number of stories, not its square.
* Stories stand in order of time, so neither the order in which hits came nor how they were
  batched decides anything, as long as they are given together.
* Two stories that were there before stay two, whatever speaks for their being one.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import Counter, defaultdict
from heapq import heappop, heappush
from itertools import chain
from typing import TYPE_CHECKING, Final, TypeAlias

from monitor.stories.weigh import Weight, may_be, weigh

if TYPE_CHECKING:
    from collections.abc import Collection, Hashable, Iterator

    from monitor.stories.tale import Tale

_Pair: TypeAlias = tuple[int, int, int, int]  # two tales, and how often each has changed

FEW: Final = 16  # stories that one is compared with
_NEAR: Final = 48  # of those that share a key, the ones nearest in time


class Shelf:
    """The tales of one company and topic; `reasons` says of each hit why it is with others."""

    def __init__(self) -> None:
        self.reasons: dict[int, str] = {}
        self._tales: list[Tale] = []
        self._owner: list[int] = []  # in which tale each one now is
        self._left = 0  # how many tales that makes
        self._index: dict[Hashable, list[int]] = defaultdict(list)  # which tales have a key
        self._found_by: list[list[list[int]]] = []  # the same lists, for the keys of each tale
        self._changes: list[int] = []  # how often what a tale is compared by has changed
        self._pairs: list[tuple[float, _Pair, Weight]] = []
        self._weighed: set[_Pair] = set()

    def put(self, tale: Tale) -> None:
        """Add a tale that is not earlier than those before."""
        at = len(self._tales)
        self._tales.append(tale)
        self._owner.append(at)
        self._changes.append(0)
        self._left += 1
        found_by = [self._index[key] for key in tale.keys]
        self._found_by.append(found_by)
        for places in found_by:
            places.append(at)

    def standing(self) -> Iterator[Tale]:
        """Yield the tales that are left."""
        return (tale for at, tale in enumerate(self._tales) if self._owner[at] == at)

    def settle(self) -> None:
        """Bring together tales of which one is new, the surest pair first."""
        for at, tale in enumerate(self._tales):
            if tale.id is None:
                self._compare(at)
        while self._pairs:
            _, pair, weight = heappop(self._pairs)
            one, two = self._now(pair[0]), self._now(pair[1])
            if pair == self._pair(one, two):
                self._join(one, two, weight)
            elif one != two:
                self._weigh(one, two)
        self._place_vague()

    def _place_vague(self) -> None:
        """Give what tells of a month or year only to the one story that it may be of, if any."""
        for at, tale in enumerate(self._tales):
            if self._owner[at] == at and tale.id is None and tale.coarse:
                near = self._near(at)
                may = [other for other in near if may_be(tale, self._tales[other])]
                if len(may) == 1:
                    self._join(may[0], at, Weight(0.0, ((0.0, "the only one of its time"),)))

    def _compare(self, at: int) -> None:
        for other in self._near(at):
            self._weigh(at, other)

    def _weigh(self, one: int, two: int) -> None:
        mine, others, pair = self._tales[one], self._tales[two], self._pair(one, two)
        if pair in self._weighed or (mine.id is not None and others.id is not None):
            return
        self._weighed.add(pair)
        weight = weigh(mine, others)
        if weight is not None:
            heappush(self._pairs, (-weight.value, pair, weight))

    def _pair(self, one: int, two: int) -> _Pair:
        if one > two:
            one, two = two, one
        return one, two, self._changes[one], self._changes[two]

    def _join(self, one: int, two: int, weight: Weight) -> None:
        if (self._tales[one].id is None, one) > (self._tales[two].id is None, two):
            one, two = two, one
        into, other = self._tales[one], self._tales[two]
        why = ", ".join(weight.reasons)
        for report in other.fresh:
            self.reasons.setdefault(report.hit, why)
        known, keys = into.known_by(), set(into.keys)
        into.absorb(other)
        self._owner[two] = one
        self._left -= 1
        for places in self._found_by[two]:
            places.remove(two)
        for key in into.keys - keys:
            insort(self._index[key], one)
            self._found_by[one].append(self._index[key])
        if into.known_by() != known:
            self._changes[one] += 1
            self._compare(one)

    def _now(self, at: int) -> int:
        while self._owner[at] != at:
            self._owner[at] = at = self._owner[self._owner[at]]
        return at

    def _near(self, at: int) -> Collection[int]:
        """Return the few tales that have most in common with the one *at*, rare things most."""
        alike: dict[int, list[list[int]]] = defaultdict(list)  # by how many tales share the key
        for places in self._found_by[at]:
            if (many := len(places)) > _NEAR // 2:
                middle = bisect_left(places, at)
                nearest = places[max(0, middle - _NEAR // 2) : middle + _NEAR // 2 + 1]
                alike[many].append(nearest)
            elif many > 1:
                alike[many].append(places)
        if self._left <= FEW + 1:  # there are no more that it could be compared with
            found = set(chain.from_iterable(chain.from_iterable(alike.values())))
            found.discard(at)
            return found
        shared: dict[int, float] = defaultdict(float)
        for many, lists in sorted(alike.items()):
            if lists.count(lists[0]) == len(lists):  # the keys of one day mostly go together
                much = len(lists) / many
                for other in lists[0]:
                    shared[other] += much
            else:
                for other, times in Counter(chain.from_iterable(lists)).items():
                    shared[other] += times / many
        shared.pop(at, None)
        ranked = sorted((-much, abs(other - at), other) for other, much in shared.items())
        return [other for _, _, other in ranked[:FEW]]
