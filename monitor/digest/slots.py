"""Slots: the scheduled instants a subscription's editions stand for.

* A slot follows from the schedule and the clock alone. No scheduler's memory is asked, so nothing
  is forgotten through a restart, a second process or a week of downtime.
* Local times of day follow the zone's own clock. A time that occurs twice, when clocks go back,
  means the first; a time that is skipped maps past the gap, 02:30 to 03:30 (PEP 495, fold=0). So
  every time of day has exactly one slot on every local day that has slots at all.
* Slots at an interval count from 1970-01-01T00:00Z, whatever the zone.
* Whether a day has slots is asked of its date in the zone, however the slot itself came about.

Sending once per slot is the database's promise (subscription and slot are unique), not made here.
"""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from itertools import takewhile
from typing import TYPE_CHECKING

from monitor.model import EmptyDay

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import date

    from monitor.model import Schedule

LONGEST_PAUSE = timedelta(days=400)  # between two days with slots; a schedule without any is none
CAUGHT_UP = timedelta(days=31)  # how far back slots are made up for one by one

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DAY = timedelta(days=1)
_WEEK_DAYS = 7
# A slot lies at most a day from its local date, and one day has at least one: two days before hold
# the slot before any instant; a day later it may be too.
_DAYS = tuple(timedelta(days=days) for days in (-2, -1, 0, 1))
_MARGIN = 2 * _DAY


class NoSlot(ValueError):
    """No day of the schedule has a slot, within `LONGEST_PAUSE`."""


def latest_slot(schedule: Schedule, now: datetime) -> datetime:
    """Return the last slot of *schedule* that is not after *now*.

    *now* is aware; the slot is aware and in UTC. Raises NoSlot.
    """
    return next(_back_from(schedule, now))


def next_slot(schedule: Schedule, now: datetime) -> datetime:
    """Return the first slot of *schedule* after *now*; instants and errors as in `latest_slot`."""
    ahead = now
    while ahead <= now + LONGEST_PAUSE:
        ahead += schedule.every or _DAY
        slots = _back_from(schedule, ahead if schedule.every else ahead + _MARGIN)
        later = list(takewhile(lambda slot: slot > now, slots))
        if later:
            return later[-1]
    raise NoSlot


def missed_slots(schedule: Schedule, after: datetime, now: datetime) -> list[datetime]:
    """Return the slots after *after* and not after *now*, oldest first.

    Those of the last `CAUGHT_UP` only, and the latest one in any case if it is after *after*.
    """
    latest = latest_slot(schedule, now)
    since = max(after, min(now - CAUGHT_UP, latest - timedelta.resolution))
    return list(takewhile(lambda slot: slot > since, _back_from(schedule, now)))[::-1]


def is_silent(
    empty: EmptyDay, schedule: Schedule, slot: datetime, last_sent: datetime | None
) -> bool:
    """Return whether the edition of *slot*, which has nothing to tell, is sent to nobody.

    *last_sent* is the slot of the last edition that was sent, or when the subscription began. A
    week is counted in dates, so a clock change makes it no shorter.
    """
    if empty is not EmptyDay.WEEKLY or last_sent is None:
        return empty is EmptyDay.SKIP
    passed = slot.astimezone(schedule.zone).date() - last_sent.astimezone(schedule.zone).date()
    return passed.days < _WEEK_DAYS


def _back_from(schedule: Schedule, now: datetime) -> Iterator[datetime]:
    """Yield the slots not after *now*, latest first; raise NoSlot where there are no more."""
    step = _multiple if schedule.every else _time_of_day
    open_on, last, at = schedule.open_on, now, now
    while True:
        slot = step(schedule, at)
        day = slot.astimezone(schedule.zone).date()
        if open_on is None or open_on(day):
            yield slot
            last, at = slot, slot - timedelta.resolution
        elif last - slot > LONGEST_PAUSE:
            raise NoSlot
        else:  # nor has the rest of this day a slot
            at = min(slot, _instant(schedule, day, time())) - timedelta.resolution


def _multiple(schedule: Schedule, at: datetime) -> datetime:
    """Return the last multiple of the interval that is not after *at*."""
    every = schedule.every or _DAY
    return _EPOCH + (at - _EPOCH) // every * every


def _time_of_day(schedule: Schedule, at: datetime) -> datetime:
    """Return the last instant not after *at* of a time of day, on whatever day."""
    today = at.astimezone(schedule.zone).date()
    around = (_instant(schedule, today + days, of_day) for days in _DAYS for of_day in schedule.at)
    return max(instant for instant in around if instant <= at)


def _instant(schedule: Schedule, day: date, of_day: time) -> datetime:
    return datetime.combine(day, of_day.replace(fold=0), tzinfo=schedule.zone).astimezone(UTC)
