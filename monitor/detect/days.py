"""Days: the dates in a text.

* A full date ("10 April 2021", 2021年4月10日, 2021-04-10) is read as it stands.
* A day without its year, a weekday, "today" and 昨天 are read against the day of publication, and
  left out if that is not known. A date without a year is the nearest, rather past than to come.
* A weekday is the last of its name, the day of publication included; after "will" the next.
* A month, a quarter or a year is no day. Nor is 31 June.
* The day of publication is that of UTC, and for text in Han letters that of UTC+8.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta, timezone
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

_CHINA: Final = timezone(timedelta(hours=8))
_MONTHS: Final = {
    name: number
    for number, names in enumerate(
        (
            "january|jan|januar|janvier|enero",
            "february|feb|februar|février|febrero",
            "march|mar|märz|mars|marzo",
            "april|apr|avril|abril",
            "may|mai|mayo",
            "june|jun|juni|juin|junio",
            "july|jul|juli|juillet|julio",
            "august|aug|août|agosto",
            "september|sept|sep|septembre|septiembre",
            "october|oct|oktober|octobre|octubre",
            "november|nov|novembre|noviembre",
            "december|dec|dezember|décembre|diciembre",
        ),
        start=1,
    )
    for name in names.split("|")
}
_WEEKDAYS: Final = {
    name: number
    for number, names in enumerate(
        ("monday|一", "tuesday|二", "wednesday|三", "thursday|四", "friday|五", "saturday|六",
         "sunday|日|天")
    )
    for name in names.split("|")
}  # fmt: skip
_RELATIVE: Final = {
    "today": 0,
    "yesterday": -1,
    "tomorrow": 1,
    "今天": 0,
    "今日": 0,
    "昨天": -1,
    "昨日": -1,
    "明天": 1,
    "明日": 1,
}
_MONTH: Final = "|".join(sorted(_MONTHS, key=len, reverse=True))
_DAY: Final = r"(?:0?[1-9]|[12]\d|3[01])"
_DATE: Final = re.compile(
    rf"(?<![\d./-])(?:(?P<y1>(?:19|20)\d\d)-(?P<m1>\d\d)-(?P<d1>\d\d)(?![\d-])"
    rf"|(?:(?P<y2>(?:19|20)\d\d) ?年 ?)?(?P<m2>1[0-2]|0?[1-9]) ?月 ?(?P<d2>{_DAY}) ?[日号]"
    rf"|(?P<d3>{_DAY})(?:st|nd|rd|th|er|\.)? (?:of |de )?(?P<m3>{_MONTH})(?![a-z])\.?"
    rf"(?:,? (?:de )?(?P<y3>(?:19|20)\d\d))?(?!\d)"
    rf"|(?P<d5>{_DAY})[日号](?![本元内前后間间程常])"
    r")"
    rf"|(?<![a-z])(?P<m4>{_MONTH})\.? (?P<d4>{_DAY})(?:st|nd|rd|th)?"
    r"(?![\d%]| (?:[bm]illion|bn|per|%))"
    rf"(?:,? (?P<y4>(?:19|20)\d\d)(?!\d))?"
    r"|(?<![a-z])(?P<weekday>(?:mon|tues|wednes|thurs|fri|satur|sun)day)(?![a-z])"
    r"|(?:周|星期|礼拜)(?P<han>[一二三四五六日天])(?![年月岁])"
    r"|(?P<relative>今天|今日|昨天|昨日|明天|明日|(?<![a-z])(?:today|yesterday|tomorrow)(?!'|[a-z]))"
)
_DIGIT_OR_HAN: Final = re.compile(r"[\d周期拜天日]")
_AHEAD: Final = re.compile(
    r"(?:(?<![a-z])(?:will|would|next|coming|(?:set|due|expected|scheduled|plans?|slated) to"
    r"|to (?:begin|start|list|debut|trade|price|be))(?![a-z])|将|定于|预计|下)"
    r"(?!.*(?:said|told|says|宣布|表示))"
)
_BEFORE: Final = re.compile(r"(?:(?<![a-z])(?:last|previous) |上)$")
_LOOK_BACK: Final = 40
_WEEK: Final = 7
_PAST: Final = timedelta(days=300)


def days(text: str, published: datetime | None = None) -> Iterator[tuple[int, int, date]]:
    """Yield each day named in a folded *text*: start, end, the day.

    *published* is an aware instant; without it only full dates are read.
    """
    if not ("day" in text or "tomorrow" in text or _DIGIT_OR_HAN.search(text)):
        return  # every form holds one of these, and most sentences none
    for found in _DATE.finditer(text):
        day = _full(found) or (_read(text, found, published) if published else None)
        if day is not None:
            yield found.start(), found.end(), day


def _full(found: re.Match[str]) -> date | None:
    year, month, day = _parts(found)
    return _day(int(year), month, day) if year and month and day else None


def _parts(found: re.Match[str]) -> tuple[str | None, int, int]:
    """Return year, month and day as far as they are given, 0 for a number that is not."""
    for form in "1234":
        if day := found[f"d{form}"]:
            month = found[f"m{form}"]
            number = _MONTHS[month] if month in _MONTHS else int(month)
            return found[f"y{form}"], number, int(day)
    return None, 0, int(found["d5"] or 0)


def _read(text: str, found: re.Match[str], published: datetime) -> date | None:
    """Return a day that is not given in full, as read on the day of publication."""
    _, month, day = _parts(found)
    han = not found[0].isascii()
    try:
        today = published.astimezone(_CHINA if han else UTC).date()
        if found["relative"]:
            return today + timedelta(days=_RELATIVE[found["relative"]])
        before = text[max(0, found.start() - _LOOK_BACK) : found.start()]
        if weekday := found["weekday"] or found["han"]:
            return _weekday(_WEEKDAYS[weekday], today, before, han=han)
        if month:
            return _nearest_year(month, day, today)
        return _nearest_month(day, today, ahead=bool(_AHEAD.search(before)))
    except OverflowError:
        return None  # at an end of the calendar


def _weekday(number: int, today: date, before: str, *, han: bool) -> date | None:
    """Return the day of a weekday; 上周六 is counted from Monday, "last Saturday" is the last."""
    since = (today.weekday() - number) % _WEEK
    if han:
        weeks = -1 if before.endswith("上") else 1 if before.endswith("下") else 0
        monday = today - timedelta(days=today.weekday())
        day = monday + timedelta(days=number + _WEEK * weeks)
        ahead = weeks or before.endswith(("本", "这")) or _AHEAD.search(before)
        return day if ahead or day <= today else day - timedelta(days=_WEEK)
    if _BEFORE.search(before):
        return today - timedelta(days=since or _WEEK)
    if _AHEAD.search(before):
        return today + timedelta(days=_WEEK - since)
    return today - timedelta(days=since)


def _nearest_year(month: int, day: int, today: date) -> date | None:
    """Return the day of *month* that lies within 300 days before *today* or soon after."""
    near = [_day(today.year + more, month, day) for more in (-1, 0, 1)]
    fitting = (it for it in near if it and today - _PAST <= it <= today + timedelta(365) - _PAST)
    return next(fitting, None)


def _nearest_month(day: int, today: date, *, ahead: bool) -> date | None:
    """Return the last such day of a month, this day included; the next if it lies *ahead*."""
    this = _day(today.year, today.month, day)
    if this and (this >= today if ahead else this <= today):
        return this
    first = today.replace(day=1)
    other = first + timedelta(days=31) if ahead else first - timedelta(days=1)
    return _day(other.year, other.month, day)


def _day(year: int, month: int, day: int) -> date | None:
    try:
        return date(year, month, day)
    except ValueError:
        return None
