"""Slots: the scheduled instants a subscription's editions stand for.

* A slot follows from the schedule and the clock alone. No scheduler's memory is asked, so nothing
  is forgotten through a restart, a second process or a week of downtime.
* Local times of day follow the zone's own clock. A time that occurs twice, when clocks go back,
  means the first; a time that is skipped maps past the gap, 02:30 to 03:30 (PEP 495, fold=0). So
  every time of day has exactly one slot on every local day.
* Slots at an interval count from 1970-01-01T00:00Z, whatever the zone.

Sending once per slot is the database's promise (subscription and slot are unique), not made here.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from monitor.model import Schedule

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# A slot lies at most a day from its local date, and one day has at least one: two days either
# side hold the slot before any instant and the one after it, in every zone.
_DAYS = tuple(timedelta(days=days) for days in (-2, -1, 0, 1, 2))


def latest_slot(schedule: Schedule, now: datetime) -> datetime:
    """Return the last slot of *schedule* that is not after *now*.

    *now* is aware; the slot is aware and in UTC.
    """
    if schedule.every:
        return _EPOCH + (now - _EPOCH) // schedule.every * schedule.every
    return max(slot for slot in _around(schedule, now) if slot <= now)


def next_slot(schedule: Schedule, now: datetime) -> datetime:
    """Return the first slot of *schedule* after *now*; instants as in `latest_slot`."""
    if schedule.every:
        return latest_slot(schedule, now) + schedule.every
    return min(slot for slot in _around(schedule, now) if slot > now)


def _around(schedule: Schedule, now: datetime) -> Iterator[datetime]:
    today = now.astimezone(schedule.zone).date()
    for days in _DAYS:
        for at in schedule.at:
            local = datetime.combine(today + days, at.replace(fold=0), tzinfo=schedule.zone)
            yield local.astimezone(UTC)
