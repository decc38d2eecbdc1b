"""Dates as a digest writes them: in the reader's zone, in English, whatever the machine's locale.

* The year is written only where it is not the year of the slot.
* "Published 3 days ago" counts the reader's calendar days, from the slot.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import date as Date  # noqa: N812 - `date` is a method here
    from datetime import datetime
    from zoneinfo import ZoneInfo

LATE = timedelta(days=1)  # an article found this long after its own date says how old it is

# Written out, since strftime follows the locale.
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTHS = (
    *("January", "February", "March", "April", "May", "June", "July"),
    *("August", "September", "October", "November", "December"),
)


@dataclass(frozen=True, slots=True)
class ReaderCalendar:
    """Writes instants as the reader's clock shows them at *slot*; all instants are aware."""

    zone: ZoneInfo
    slot: datetime

    def day(self) -> str:
        """Return the slot's day, short: "Tue 24 Nov"."""
        local = self._local(self.slot)
        return f"{_DAYS[local.weekday()][:3]} {local.day} {_MONTHS[local.month - 1][:3]}"

    def date(self) -> str:
        """Return the slot's date in full: "Tuesday 24 November 2026"."""
        local = self._local(self.slot)
        return f"{_DAYS[local.weekday()]} {local.day} {_MONTHS[local.month - 1]} {local.year}"

    def clock(self) -> str:
        """Return the slot's time of day: "07:30"."""
        return _clock(self._local(self.slot))

    def moment(self, at: datetime) -> str:
        """Return *at* to the minute: "22 Nov 14:05"."""
        local = self._local(at)
        year = "" if local.year == self._local(self.slot).year else f" {local.year}"
        return f"{local.day} {_MONTHS[local.month - 1][:3]}{year} {_clock(local)}"

    def date_of(self, at: datetime) -> str:
        """Return the day of *at*: "22 Nov", with the year if it is another."""
        local = self._local(at)
        year = "" if local.year == self._local(self.slot).year else f" {local.year}"
        return f"{self.short(local.date())}{year}"

    def today(self) -> Date:
        """Return the slot's local date."""
        return self._local(self.slot).date()

    def short(self, day: Date) -> str:
        """Return a date without its year: "22 Nov"."""
        return f"{day.day} {_MONTHS[day.month - 1][:3]}"

    def zone_name(self) -> str:
        """Return what to call the zone: "Hong Kong time", or its IANA key if that has no city."""
        area, _, city = self.zone.key.rpartition("/")
        return f"{city.replace('_', ' ')} time" if area not in {"", "Etc"} else self.zone.key

    def late(self, published_at: datetime | None, found_at: datetime) -> str | None:
        """Return what to say of an article whose date lies far from when it was found."""
        if published_at is None or abs(found_at - published_at) < LATE:
            return None
        if published_at > found_at:
            return "dated ahead"
        days = (self._local(self.slot).date() - self._local(published_at).date()).days
        return f"published {days:,} days ago" if days > 1 else "published yesterday"

    def _local(self, at: datetime) -> datetime:
        try:
            return at.astimezone(self.zone)
        except OverflowError:  # a date in the year 1 or 9999, which some feeds claim
            return at


def _clock(local: datetime) -> str:
    return f"{local.hour:02}:{local.minute:02}"
