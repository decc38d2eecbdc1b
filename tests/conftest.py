"""Fixtures every test may use. Only the clock, HTTP and mail hand-over are ever stood in for."""

from dataclasses import dataclass, field
from datetime import UTC, datetime

import pytest


@dataclass
class StoppedClock:
    """A clock that stands until a test moves it: `clock.at += timedelta(...)`."""

    at: datetime = field(default_factory=lambda: datetime(2026, 11, 23, 8, 0, tzinfo=UTC))

    def now(self):
        return self.at


@pytest.fixture
def clock():
    return StoppedClock()
