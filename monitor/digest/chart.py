"""Chart: hits a day, over the reader's last days."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from monitor.digest.edition import Bar

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date

    from monitor.digest.dates import ReaderCalendar

DAYS: Final = 30


def chart(counted: Mapping[date, tuple[int, int]], when: ReaderCalendar) -> tuple[Bar, ...]:
    """Return a bar for each of the last DAYS local days, oldest first; none if all are empty.

    *counted* gives hits, and how many of them at a high stage, by local day.
    """
    today = when.today()
    days = [today - timedelta(days=back) for back in range(DAYS - 1, -1, -1)]
    bars = tuple(Bar(when.short(day), *counted.get(day, (0, 0))) for day in days)
    return bars if any(bar.hits for bar in bars) else ()
