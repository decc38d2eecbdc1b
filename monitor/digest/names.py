"""Names: what readers call things."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from monitor.detect.lexicon import Lexicon

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


def names_of(lexicon: Lexicon) -> Names:
    """Return the names that *lexicon* gives; a unit is called by its first spelling."""
    units: dict[str, str] = {}
    for company in lexicon.companies:
        for term in company.terms:
            parts = term.id.split(".")
            if len(parts) >= _UNIT_PARTS and parts[0] == company.key:
                units.setdefault(".".join(parts[:2]), term.text)
    return Names(
        companies={item.key: item.name for item in lexicon.companies},
        topics={item.key: item.name for item in lexicon.topics},
        stages={item.key: item.name for item in lexicon.stages},
        regulators={item.key: item.name for item in lexicon.regulators},
        ranks={item.key: item.rank for item in lexicon.stages},
        units=units,
    )
