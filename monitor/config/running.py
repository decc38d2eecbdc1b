"""The settings of running it for years: what is measured."""

from monitor.config import types
from monitor.config.frozen import Settings


class MetricsSettings(Settings):
    """Where metrics are served beside the pages, which have them at /metrics for readers."""

    listen: types.Listen | None = None
    """Address and port at which `monitor run` serves them to whoever can reach it."""
