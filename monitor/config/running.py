"""The settings of running it for years: what is measured, kept, copied."""

from datetime import time, timedelta
from typing import Final, Self
from zoneinfo import ZoneInfo

from pydantic import Field, model_validator

from monitor.config import types
from monitor.config.frozen import Settings, default_duration
from monitor.config.values import write_duration
from monitor.model import Schedule

# Digests, pages and grouping look back that far at most.
SHORTEST: Final = {
    "near_misses": timedelta(days=7),
    "polls": timedelta(days=30),
    "articles": timedelta(days=30),
    "full_texts": timedelta(days=7),
    "digests": timedelta(days=30),
}


class MetricsSettings(Settings):
    """Where metrics are served beside the pages, which have them at /metrics for readers."""

    listen: types.Listen | None = None
    """Address and port at which `monitor run` serves them to whoever can reach it."""


class TracingSettings(Settings):
    """Where it is told how long each step took for what."""

    endpoint: types.WebAddress | None = None
    """Address of a collector that takes OTLP over HTTP, path included; it may be logged."""


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
    digests: types.Duration | None = None
    """The words of digests and alerts that all recipients have got."""

    @model_validator(mode="after")
    def _is_long_enough(self) -> Self:
        for name, shortest in SHORTEST.items():
            given = getattr(self, name)
            if given is not None and given < shortest:
                raise ValueError(f"has `{name}` shorter than {write_duration(shortest)}")
        return self


class BackupSettings(Settings):
    """When the database is copied, and where to."""

    folder: types.Line
    """The folder the copies are in; made if it is not there."""
    at: types.TimesOfDay = Field(
        default=(time(3),), json_schema_extra={"default": "03:00"}, min_length=1
    )
    """The times of day, one or several."""
    timezone: types.Zone = Field(default=ZoneInfo("UTC"), json_schema_extra={"default": "UTC"})
    """IANA time zone of these times."""
    keep: types.Count = 7
    """How many copies are kept; the oldest one goes when a new one is whole."""

    def to_schedule(self) -> Schedule:
        """Return the slots of the copies."""
        return Schedule(self.timezone, at=self.at)
