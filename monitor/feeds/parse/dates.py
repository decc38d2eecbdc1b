"""Dates of the usual forms in feeds: RFC 822 and W3C-DTF, read as feedparser reads them.

* feedparser knows a dozen more forms; what is not read here is left to it, with its whole feed.
* Zones are those of RFC 822: "CST" is six hours behind UTC, also in a feed from Shanghai.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from time import struct_time

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
_W3C: Final = re.compile(
    r"(\d{4})-(\d{1,2})-(\d{1,2})(?:[t ](\d{1,2}):(\d{1,2})(?::(\d{1,2})(?:\.\d{1,9})?)?"
    r"(?:z|(?P<sign>[+-])(?P<hours>\d\d):?(?P<minutes>00))?)?"
)


def read_date(value: str) -> struct_time | None:
    """Return the UTC time tuple that *value* stands for, None if it is empty.

    Raises ValueError for a date of another form, or one that is not in the calendar.
    """
    if not value:
        return None
    text = value.lower()
    if found := _W3C.fullmatch(text):
        year, month, day = int(found[1]), int(found[2]), int(found[3])
        zone = None
    elif found := _RFC_822.fullmatch(text):
        year, month, day = int(found[3]), _MONTHS.get(found[2], 0), int(found[1])
        zone = found["zone"]
    else:
        raise ValueError("a date of an unusual form")
    ahead = timedelta(hours=_ZONES[zone] if zone else 0)
    if found["sign"]:
        ahead = timedelta(hours=int(found["hours"]), minutes=int(found["minutes"]))
        ahead = -ahead if found["sign"] == "-" else ahead
    clock = [int(found[at] or 0) for at in (4, 5, 6)]
    stamp = datetime(year, month, day, clock[0], clock[1], clock[2])  # noqa: DTZ001 - made UTC next
    try:
        return (stamp - ahead).utctimetuple()
    except OverflowError:
        raise ValueError("no such date") from None
