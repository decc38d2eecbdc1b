"""Window: what a feed shows at once, held against what it showed before. Pure.

* A feed shows only its newest entries. If none of those it showed at the last poll is left, more
  were published than fit, and some may never have been seen: that is a gap, told once.
* A body that was cut short shows less than the feed does, and proves nothing.
* A feed that shows one entry at a time has no window that could overflow.
* A feed that moved may give all entries new ids and addresses; their titles tell.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from monitor.identity import title_key

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

SAME_TITLES: Final = 0.5  # of what is shown: then it is the same feed under other ids
COMFORTABLE: Final = 0.5  # of what is shown was known: no danger of a gap


@dataclass(frozen=True, slots=True)
class Comparison:
    """*overlap* is how many entries the feed showed before, None if there is no before.

    *remember* says whether this window is what the next one is held against.
    """

    overlap: int | None
    gap: bool = False
    remember: bool = True


def compare(before: Sequence[int], now: Sequence[int], *, whole: bool) -> Comparison:
    """Hold the articles shown *now* against those shown *before*, both by id.

    *whole* says that the document was read without a flaw.
    """
    if not now:
        return Comparison(None, remember=False)
    if not before:
        return Comparison(None)
    shown = set(before)
    overlap = sum(article in shown for article in now)
    if not whole and len(now) < len(before):
        return Comparison(overlap, remember=False)
    one_at_a_time = len(shown) == len(set(now)) == 1
    return Comparison(overlap, gap=not overlap and not one_at_a_time)


def same_titles(before: Iterable[str], now: Sequence[str]) -> bool:
    """Return whether most titles shown *now* were shown *before*."""
    known = {title_key(title) for title in before}
    same = sum(title_key(title) in known for title in now)
    return same >= SAME_TITLES * len(now)


def is_comfortable(comparison: Comparison, entries: int) -> bool:
    """Return whether so much of *entries* was known that the next poll can wait as usual."""
    return comparison.overlap is not None and comparison.overlap >= COMFORTABLE * entries
