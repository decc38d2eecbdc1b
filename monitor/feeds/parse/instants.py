"""Instants: a date as people and programs write it, found in a text. Pure.

* Year first (2026-11-23, 2026/11/23, 2026.11.23, 2026年11月23日), the month as an English word on
  either side of the day, or day first with dots (23.11.2026). With slashes the order is a guess
  (11/12/2026), so such a date counts only where one of the numbers is above twelve.
* A time directly after the date belongs to it, with its zone if it names one by offset.
* A date without a year is none, since nobody can say which year was meant.
"""

from __future__ import annotations

import re
import unicodedata
from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING, Final

from monitor.feeds.parse.entries import believable
from monitor.text.html import one_line

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import tzinfo

_SEARCHED: Final = 1000  # characters; a date stands near the beginning of what is called one
_MONTHS: Final = (
    "jan",
    "feb",
    "mar",
    "apr",
    "may",
    "jun",
    "jul",
    "aug",
    "sep",
    "oct",
    "nov",
    "dec",
)
_YEAR: Final = r"(?P<year>(?:19|20)\d\d)"
_NAME: Final = (
    r"(?P<name>jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?"
    r"|sept?(?:ember)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)\.?"
)
_DAY: Final = r"(?P<day>\d{1,2})(?:st|nd|rd|th)?"
_DATES: Final = tuple(
    re.compile(rf"(?<!\d){form}(?!\d)", re.IGNORECASE)
    for form in (
        rf"{_YEAR}(?P<mark>[-/.])(?P<month>\d\d?)(?P=mark)(?P<day>\d\d?)",
        rf"{_YEAR} ?[年년] ?(?P<month>\d\d?) ?[月월] ?(?P<day>\d\d?) ?[日일]?",
        rf"{_DAY}[ -]{_NAME},?[ -]{_YEAR}",
        rf"\b{_NAME} {_DAY},? {_YEAR}",
        rf"(?P<day>\d\d?)\.(?P<month>\d\d?)\.{_YEAR}",
        rf"(?P<one>\d\d?)/(?P<other>\d\d?)/{_YEAR}",
    )
)
_TIME: Final = re.compile(
    r"(?:t|,? ?(?:at )?)(?P<hour>\d\d?)(?::|[时時点點시] ?)(?P<minute>\d\d)"
    r"(?:(?::|[分분] ?)(?P<second>\d\d))?[.,]?\d*[分秒분초]? ?(?P<half>[ap]\.?m\b)?"
    r" ?(?:(?P<utc>z|gmt|utc)\b|(?P<sign>[+-])(?P<hours>\d\d):?(?P<minutes>\d\d))?",
    re.IGNORECASE,
)
_NOON: Final = 12


def find_instant(text: str, zone: tzinfo = UTC) -> datetime | None:
    """Return the first believable date in *text*, in UTC; None if there is none.

    *zone* is that of a time without one, and of the midnight that a bare date stands for. A date in
    the future is returned: what time it is is not known here.
    """
    line = one_line(unicodedata.normalize("NFKC", text[:_SEARCHED]))
    found = sorted(_found(line), key=lambda at: at.start())
    for date in found:
        try:
            at = _instant(date, _TIME.match(line, date.end()), zone)
        except (ValueError, OverflowError):
            continue
        if believable(at):
            return at
    return None


def _found(line: str) -> Iterator[re.Match[str]]:
    for form in _DATES:
        yield from form.finditer(line)


def _instant(date: re.Match[str], time: re.Match[str] | None, zone: tzinfo) -> datetime:
    month, day = _month_and_day(date.groupdict())
    at = datetime(int(date["year"]), month, day, tzinfo=zone)
    if time is None:
        return at.astimezone(UTC)
    hour = int(time["hour"])
    if time["half"]:
        hour = hour % _NOON + (_NOON if time["half"][0] in "pP" else 0)
    if time["utc"]:
        zone = UTC
    elif time["sign"]:
        ahead = timedelta(hours=int(time["hours"]), minutes=int(time["minutes"]))
        zone = timezone(-ahead if time["sign"] == "-" else ahead)
    minute, second = int(time["minute"]), int(time["second"] or 0)
    return at.replace(hour=hour, minute=minute, second=second, tzinfo=zone).astimezone(UTC)


def _month_and_day(date: dict[str, str | None]) -> tuple[int, int]:
    if "one" in date:
        one, other = int(date["one"] or 0), int(date["other"] or 0)
        if one <= _NOON and other <= _NOON and one != other:
            raise ValueError("day and month cannot be told apart")
        return (other, one) if one > _NOON else (one, other)
    name = date.get("name")
    month = _MONTHS.index(name[:3].lower()) + 1 if name else int(date.get("month") or 0)
    return month, int(date["day"] or 0)
