"""Names: what readers call things."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from monitor.detect.lexicon import Lexicon
    from monitor.model import Company, Label, Topic

_UNIT_PARTS = 4  # of the id of a unit's term: alibaba.cainiao.en.cainiao


@dataclass(frozen=True, slots=True)
class Names:
    """Keys to display names, in the order of the watch-list; a key without one shows as itself.

    *units* are the parts and people of companies: "alibaba.cainiao". *ranks* orders stages,
    gravest highest.
    """

    companies: Mapping[str, str] = field(default_factory=dict)
    topics: Mapping[str, str] = field(default_factory=dict)
    stages: Mapping[str, str] = field(default_factory=dict)
    regulators: Mapping[str, str] = field(default_factory=dict)
    ranks: Mapping[str, int] = field(default_factory=dict)
    units: Mapping[str, str] = field(default_factory=dict)

    @property
    def by_field(self) -> dict[str, Mapping[str, str]]:
        """Names by key, by the field of a query that asks for them."""
        return {
            "company": self.companies,
            "topic": self.topics,
            "stage": self.stages,
            "regulator": self.regulators,
        }

    def company(self, key: str) -> str:
        """Return the name of a company."""
        return self.companies.get(key, key)

    def topic(self, key: str) -> str:
        """Return the name of a topic."""
        return self.topics.get(key, key)

    def stage(self, key: str) -> str:
        """Return the name of a stage."""
        return self.stages.get(key, key)

    def rank(self, key: str | None) -> int:
        """Return the rank of a stage, 0 for none."""
        return self.ranks.get(key, 0) if key else 0


def names_of(lexicon: Lexicon, language: str | None = None) -> Names:
    """Return the names that *lexicon* gives, those in *language* where it has them ("zh-Hans").

    A unit is called by its first spelling.
    """

    def named(members: Iterable[Company | Topic | Label]) -> dict[str, str]:
        return {it.key: it.names.get(language or "", it.name) for it in members}

    units: dict[str, str] = {}
    for company in lexicon.companies:
        for term in company.terms:
            parts = term.id.split(".")
            if len(parts) >= _UNIT_PARTS and parts[0] == company.key:
                units.setdefault(".".join(parts[:2]), term.text)
    return Names(
        companies=named(lexicon.companies),
        topics=named(lexicon.topics),
        stages=named(lexicon.stages),
        regulators=named(lexicon.regulators),
        ranks={item.key: item.rank for item in lexicon.stages},
        units=units,
    )
