"""The settings of running it for years: what is measured, and what is kept how long."""

from datetime import timedelta
from typing import Final, Self

from pydantic import model_validator

from monitor.config import types
from monitor.config.frozen import Settings, default_duration
from monitor.config.values import write_duration

# Digests, pages and grouping look back that far at most.
SHORTEST: Final = {
    "near_misses": timedelta(days=7),
    "polls": timedelta(days=30),
    "articles": timedelta(days=30),
    "full_texts": timedelta(days=7),
}


class MetricsSettings(Settings):
    """Where metrics are served beside the pages, which have them at /metrics for readers."""

    listen: types.Listen | None = None
    """Address and port at which `monitor run` serves them to whoever can reach it."""


class RetentionSettings(Settings):
    """How long is kept what need not be kept for ever; what has no key here is."""

    near_misses: types.Duration = default_duration("30d")
    """What was found in articles and not reported."""
    polls: types.Duration | None = None
    """The ledger of polls."""
    articles: types.Duration | None = None
    """The texts of articles without a hit; titles and addresses stay."""
    full_texts: types.Duration | None = None
    """The same, of articles whose pages were read."""

    @model_validator(mode="after")
    def _is_long_enough(self) -> Self:
        for name, shortest in SHORTEST.items():
            given = getattr(self, name)
            if given is not None and given < shortest:
                raise ValueError(f"has `{name}` shorter than {write_duration(shortest)}")
        return self
