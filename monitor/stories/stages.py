"""Stages: which two may be one step as two outlets tell it, and in which order steps come.

* A report without a stage may be of any. Two stages are never one step, but where they are two
  words for one act: an authority's decision is its fine.
* Some neighbours are told of one act by different words on one day: an application is a plan to
  list and a filing. They join on that day and on words or sums in common, never later.
"""

from __future__ import annotations

from enum import IntEnum
from functools import lru_cache
from typing import Final

FORETOLD: Final = "foretold "  # before the name of a stage that is only expected

# The order of the steps of one affair; steps of one rank may come in any order.
_ORDER: Final = {
    "plan": 10,
    "denial": 10,
    "filing": 20,
    "warning": 20,
    "probe": 20,
    "suit": 20,
    "hearing": 30,
    "approval": 40,
    "commitment": 40,
    "pricing": 50,
    "decision": 50,
    "fine": 50,
    "settlement": 50,
    "suspension": 55,
    "listed": 60,
    "withdrawal": 60,
    "delisted": 70,
    "appeal": 70,
}
_ONE: Final = (
    {"decision", "fine"},
    {"decision", "settlement"},
    {"decision", "commitment"},
)
_NEIGHBOURS: Final = (
    {"plan", "filing"},
    {"suspension", "withdrawal"},
    {"withdrawal", "delisted"},
    {"warning", "delisted"},
    {"suspension", "delisted"},
    {"approval", "decision"},
    {"settlement", "commitment"},
)
_FAMILIES: Final = {
    **dict.fromkeys(("decision", "fine", "settlement", "commitment", "approval"), "ruling"),
    **dict.fromkeys(("plan", "filing"), "plan"),
    **dict.fromkeys(("suspension", "withdrawal", "warning", "delisted"), "end"),
}


class Fit(IntEnum):
    """How well two stages go together in one story."""

    NEVER = 0
    NEIGHBOURS = 1
    OPEN = 2  # one is not told
    ONE = 3  # two words for one act
    SAME = 4


@lru_cache(maxsize=1024)
def fit(one: str | None, two: str | None) -> Fit:
    """Return how well two stages go together, foretold ones among them."""
    if one is None or two is None:
        return Fit.OPEN
    if one == two:
        return Fit.SAME
    foretold = one.startswith(FORETOLD), two.startswith(FORETOLD)
    pair = {one.removeprefix(FORETOLD), two.removeprefix(FORETOLD)}
    if all(foretold):
        return Fit.ONE
    if any(foretold):
        return Fit.NEVER
    if pair in _ONE:
        return Fit.ONE
    return Fit.NEIGHBOURS if pair in _NEIGHBOURS else Fit.NEVER


def order(stage: str | None) -> int | None:
    """Return how far along an affair is at *stage*, None if that is not known."""
    return _ORDER.get((stage or "").removeprefix(FORETOLD))


def family(stage: str | None) -> str | None:
    """Return what all stages have in common that may be in one story, for looking it up."""
    if stage is None or stage.startswith(FORETOLD):
        return stage and FORETOLD
    return _FAMILIES.get(stage, stage)
