"""Evaluate: detection and grouping held against labelled items.

* A pair is a company and a topic; it counts once an item, however often the item says it.
* An `optional` pair is neither rewarded when found nor punished when not.
* "Without context" leaves out labels that no reader could tell from the text alone.
* The fields of a pair (stage, regulator, amounts, date) are scored only where it was found rightly
  and its label says what they are.
* Grouping is scored by B-cubed (Bagga and Baldwin, 1998): for each item, how much of its found
  story is of its true story and the other way round, averaged over the items.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, replace
from math import comb
from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Sequence

Pair = tuple[str, str]  # keys of a company and a topic
By = Literal["company", "topic", "lang"]

UNKNOWN: Final = "unknown"


@dataclass(frozen=True, slots=True)
class Judged:
    """One labelled item and what was found in it.

    *context* are those of *wanted* that cannot be told from the text alone; *needs_context* says
    so of the whole item, which is then left out when scoring without.
    """

    id: str
    title: str
    lang: str
    wanted: frozenset[Pair]
    optional: frozenset[Pair]
    found: frozenset[Pair]
    context: frozenset[Pair] = frozenset()
    needs_context: bool = False

    @property
    def extra(self) -> frozenset[Pair]:
        """Pairs found that are not there: false positives."""
        return self.found - self.wanted - self.optional

    @property
    def missed(self) -> frozenset[Pair]:
        """Pairs there that were not found: false negatives."""
        return self.wanted - self.found


@dataclass(frozen=True, slots=True)
class Scores:
    """Counts of pairs over *items* items, and the three ratios, 0 where nothing is counted."""

    true_positives: int
    false_positives: int
    false_negatives: int
    items: int

    @property
    def precision(self) -> float:
        """Share of what was found that is right."""
        return _ratio(self.true_positives, self.true_positives + self.false_positives)

    @property
    def recall(self) -> float:
        """Share of what is there that was found."""
        return _ratio(self.true_positives, self.true_positives + self.false_negatives)

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall."""
        return harmonic(self.precision, self.recall)


def score(items: Iterable[Judged]) -> Scores:
    """Return the scores over all *items*."""
    counts: Counter[str] = Counter()
    for item in items:
        counts["items"] += 1
        counts["right"] += len(item.wanted & item.found)
        counts["extra"] += len(item.extra)
        counts["missed"] += len(item.missed)
    return Scores(counts["right"], counts["extra"], counts["missed"], counts["items"])


def without_context(items: Iterable[Judged]) -> list[Judged]:
    """Return the items scored without context: flagged ones left out, flagged labels optional."""
    return [
        replace(item, wanted=item.wanted - item.context, optional=item.optional | item.context)
        for item in items
        if not item.needs_context
    ]


def score_by(items: Sequence[Judged], by: By) -> dict[str, Scores]:
    """Return the scores of each company, topic or language, in order of the alphabet.

    A company's or topic's items are those where it is wanted, optional or found.
    """
    groups: defaultdict[str, list[Judged]] = defaultdict(list)
    for item in items:
        if by == "lang":
            groups[item.lang or UNKNOWN].append(item)
            continue
        place = 0 if by == "company" else 1
        for key in {pair[place] for pair in item.wanted | item.optional | item.found}:
            groups[key].append(_only(item, place, key))
    return {key: score(groups[key]) for key in sorted(groups)}


def _only(item: Judged, place: int, key: str) -> Judged:
    kept = (
        frozenset(pair for pair in pairs if pair[place] == key)
        for pairs in (item.wanted, item.optional, item.found)
    )
    wanted, optional, found = kept
    return replace(item, wanted=wanted, optional=optional, found=found)


@dataclass(frozen=True, slots=True)
class FieldCase:
    """One field of one pair: what was *told*, and what a reader would tell.

    Of each set in *needed* one value must be told; those in *allowed* may be, and do not count.
    """

    told: frozenset[str]
    needed: tuple[frozenset[str], ...] = ()
    allowed: frozenset[str] = frozenset()

    @property
    def wrong(self) -> frozenset[str]:
        """Values told that no reader would tell."""
        return self.told.difference(self.allowed, *self.needed)

    @property
    def missed(self) -> tuple[frozenset[str], ...]:
        """What should have been told and was not."""
        return tuple(choice for choice in self.needed if not choice & self.told)


@dataclass(frozen=True, slots=True)
class FieldScores:
    """Counts of the values of one field, and the ratios, 0 where nothing is counted.

    *told* and *right* leave out what was merely allowed; *needed* is what should be told, *found*
    what of it was.
    """

    told: int
    right: int
    needed: int
    found: int

    @property
    def precision(self) -> float:
        """Share of the values told that are right."""
        return _ratio(self.right, self.told)

    @property
    def recall(self) -> float:
        """Share of the values to be told that were."""
        return _ratio(self.found, self.needed)

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall."""
        return harmonic(self.precision, self.recall)


def score_field(cases: Iterable[FieldCase]) -> FieldScores:
    """Return the scores of one field over all *cases*."""
    counts: Counter[str] = Counter()
    for case in cases:
        required = frozenset[str]().union(*case.needed)
        told = case.told - (case.allowed - required)
        counts["told"] += len(told)
        counts["right"] += len(told & required)
        counts["needed"] += len(case.needed)
        counts["found"] += len(case.needed) - len(case.missed)
    return FieldScores(counts["told"], counts["right"], counts["needed"], counts["found"])


@dataclass(frozen=True, slots=True)
class Grouped:
    """B-cubed scores of grouping over *items* items."""

    precision: float
    recall: float
    items: int

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall."""
        return harmonic(self.precision, self.recall)


def b_cubed(stories: Sequence[tuple[Hashable, Hashable | None]]) -> Grouped:
    """Return the B-cubed scores of (true story, found story) pairs; None is a story by itself."""
    found = [
        ("alone", at) if story is None else ("story", story)
        for at, (_, story) in enumerate(stories)
    ]
    true = [story for story, _ in stories]
    in_true, in_found = Counter(true), Counter(found)
    in_both = Counter(zip(true, found, strict=True))
    precision = recall = 0.0
    for one, two in zip(true, found, strict=True):
        precision += in_both[one, two] / in_found[two]
        recall += in_both[one, two] / in_true[one]
    return Grouped(_ratio(precision, len(true)), _ratio(recall, len(true)), len(true))


def pairs_across(
    items: Iterable[tuple[Hashable, Hashable | None, str]],
) -> tuple[int, int]:
    """Return how many pairs of one true story are in two languages, and how many found each other.

    *items* are true story, found story (None if none) and language.
    """
    true: Counter[Hashable] = Counter()
    alike: Counter[Hashable] = Counter()  # of one language
    found: Counter[Hashable] = Counter()
    found_alike: Counter[Hashable] = Counter()
    for story, told, language in items:
        true[story] += 1
        alike[story, language] += 1
        if told is not None:
            found[story, told] += 1
            found_alike[story, told, language] += 1
    pairs = [sum(comb(it, 2) for it in by.values()) for by in (true, alike, found, found_alike)]
    return pairs[0] - pairs[1], pairs[2] - pairs[3]


def harmonic(one: float, two: float) -> float:
    """Return the harmonic mean of two ratios, 0 if both are."""
    return _ratio(2 * one * two, one + two)


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole else 0.0
