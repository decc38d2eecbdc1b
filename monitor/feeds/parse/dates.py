"""Dates of the usual forms in feeds: RFC 822 and W3C-DTF, read as feedparser reads them.

* feedparser knows a dozen more forms; what is not read here is left to it, with its whole feed.
* Zones are those of RFC 822: "CST" is six hours behind UTC, also in a feed from Shanghai.
"""

from __future__ import annotations

import re
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final

_MONTHS: Final = {
    month: number
    for number, month in enumerate(
        ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"), 1
    )
}
_ZONES: Final = {"edt": -4, "est": -5, "cdt": -5, "cst": -6, "mdt": -6, "mst": -7} | {
    "pdt": -7,
    "pst": -8,
}
_RFC_822: Final = re.compile(
    r"(?:(?:mon|tue|wed|thu|fri|sat|sun)[a-z]{0,6},?\s+)?(\d{1,2})\s+([a-z]{3})[a-z]{0,6}\s+(\d{4})"
    r"\s+(\d{1,2}):(\d{1,2})(?::(\d{1,2}))?\s+"
    r"(?:(?:gmt|utc?|z)|(?P<zone>[ecmp][ds]t)|(?P<sign>[+-])(?P<hours>\d\d):?(?P<minutes>\d\d))"
)
_NUMBERED: Final = {name.title(): f"{number:02}" for name, number in _MONTHS.items()}
_DAYS: Final = frozenset({"Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"})
_RFC_822_LENGTH: Final = len("Mon, 23 Nov 2026 08:30:00 GMT")
_W3C_LENGTH: Final = len("2026-11-23T08:30:00Z")
_W3C: Final = re.compile(
    r"(\d{4})-(\d{1,2})-(\d{1,2})(?:[t ](\d{1,2}):(\d{1,2})(?::(\d{1,2})(?:\.\d{1,9})?)?"
    r"(?:z|(?P<sign>[+-])(?P<hours>\d\d):?(?P<minutes>00))?)?"
)


@lru_cache(maxsize=64)  # feeds give the same date twice, as published and as updated
def read_date(value: str) -> datetime | None:
    """Return the instant in UTC that *value* stands for, None if it is empty.

    Raises ValueError for a date of another form, or one that is not in the calendar.
    """
    if not value:
        return None
    if at := _plain(value):
        return at
    text = value.lower()
    if found := _W3C.fullmatch(text):
        year, month, day, hour, minute, second, sign, hours, minutes = found.groups()
        ahead = 0
    elif found := _RFC_822.fullmatch(text):
        day, name, year, hour, minute, second, zone, sign, hours, minutes = found.groups()
        month = _MONTHS.get(name, 0)
        ahead = _ZONES[zone] * 60 if zone else 0
    else:
        raise ValueError("a date of an unusual form")
    clock = int(hour or 0), int(minute or 0), int(second or 0)
    stamp = datetime(int(year), int(month), int(day), *clock, tzinfo=UTC)
    if sign:
        ahead = int(f"{sign}1") * (int(hours) * 60 + int(minutes))
    try:
        return stamp - timedelta(minutes=ahead) if ahead else stamp
    except OverflowError:
        raise ValueError("no such date") from None


def _plain(value: str) -> datetime | None:
    """Return a date as most feeds write it, in UTC; None for any other, or none."""
    if len(value) == _RFC_822_LENGTH and value[25:] == " GMT":
        value = f"{_day(value[:17])}{value[17:25]}Z"
    if len(value) != _W3C_LENGTH or value[4::3] != "--T::Z" or value[11:13] > "23":
        return None
    with suppress(ValueError):
        return datetime.fromisoformat(value)
    return None


@lru_cache(maxsize=64)  # a feed's dates share a few days
def _day(said: str) -> str:
    """Return "Mon, 23 Nov 2026 " as "2026-11-23T", "" if it is of another form."""
    month = _NUMBERED.get(said[8:11])
    if month is None or said[:3] not in _DAYS or said[3:5] + said[7] + said[11::5] != ",    ":
        return ""
    return f"{said[12:16]}-{month}-{said[5:7]}T"
