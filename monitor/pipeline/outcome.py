"""What a backtest came to: counted by company and topic, with the newest examples of each kind.

* Those of parts add up, in the order of their articles, to that of the whole.
* As plain data it is fit for JSON, and bounded: by the pairs of the rules, and by *most* examples.
"""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from monitor.pipeline.backtest import Change, Kind

if TYPE_CHECKING:
    from collections.abc import Mapping

    from monitor.pipeline.backtest import Compared

UNCHANGED: Final = "unchanged"
FIGURES: Final = (Kind.ADDED, Kind.REMOVED, UNCHANGED, Kind.DIFFERING)


@dataclass(slots=True)
class Outcome:
    """The figures of so many articles; of each kind of change the newest *most* are kept.

    *by* counts by company, topic and one of FIGURES; *failed* articles could not be judged.
    """

    most: int
    articles: int = 0
    failed: int = 0
    by: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    examples: dict[Kind, deque[Change]] = field(init=False)

    def __post_init__(self) -> None:
        """Begin with no examples."""
        self.examples = {kind: deque(maxlen=self.most) for kind in Kind}

    def take(self, compared: Compared) -> None:
        """Count what was found in one article."""
        self.articles += 1
        self.failed += compared.failed
        self.by.update((*pair, UNCHANGED) for pair in compared.unchanged)
        for change in compared.changes:
            self.by[change.company, change.topic, change.kind.value] += 1
            self.examples[change.kind].append(change)

    def add(self, later: Outcome) -> None:
        """Add what came of articles that were stored *later*."""
        self.articles += later.articles
        self.failed += later.failed
        self.by.update(later.by)
        for kind, changes in later.examples.items():
            self.examples[kind] += changes

    def sum(self, figure: str) -> int:
        """Return one of FIGURES over all companies and topics."""
        return sum(number for key, number in list(self.by.items()) if key[2] == figure)

    def pairs(self) -> list[tuple[str, str]]:
        """Return the companies and topics that have figures, in order of the alphabet."""
        return sorted({key[:2] for key in list(self.by)})

    def plain(self) -> dict[str, Any]:
        """Return it as JSON can keep it."""
        return {
            "articles": self.articles,
            "failed": self.failed,
            "by": [[*key, number] for key, number in self.by.items()],
            "examples": [_plain(it) for changes in self.examples.values() for it in changes],
        }


def read(plain: Mapping[str, Any], most: int) -> Outcome:
    """Return the outcome that `plain` made that of; {} is one of no articles."""
    outcome = Outcome(most, plain.get("articles", 0), plain.get("failed", 0))
    for company, topic, figure, number in plain.get("by", ()):
        outcome.by[company, topic, figure] = number
    for it in plain.get("examples", ()):
        change = _change(it)
        outcome.examples[change.kind].append(change)
    return outcome


def _plain(change: Change) -> dict[str, Any]:
    published = change.published_at
    return {**asdict(change), "published_at": published and published.isoformat()}


def _change(plain: dict[str, Any]) -> Change:
    published = plain["published_at"]
    at = datetime.fromisoformat(published) if published else None
    return Change(**{**plain, "kind": Kind(plain["kind"]), "published_at": at})
