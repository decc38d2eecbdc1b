"""Patterns that are compiled when they are first asked, not at the start.

A class of letters beyond ASCII takes milliseconds to compile, and a poll that finds nothing new
asks none of them.
"""

from __future__ import annotations

import re
from typing import Any, cast


def lazy(source: str, flags: int = 0) -> re.Pattern[str]:
    """Return what behaves as `re.compile(source, flags)`, which it becomes with its first use."""
    return cast("re.Pattern[str]", _Lazy(source, flags))


class _Lazy:
    def __init__(self, source: str, flags: int) -> None:
        self._source, self._flags = source, flags

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever a pattern has by that name
        # Kept as an attribute of its own, so that it is found at once the next time.
        value = getattr(re.compile(self._source, self._flags), name)
        setattr(self, name, value)
        return value
