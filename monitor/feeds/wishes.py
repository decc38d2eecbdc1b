"""Wishes: how publishers ask to be polled, in a feed's own words and in HTTP headers. Pure.

* A feed's own wishes stand outside its entries; what an entry says of the kind is not heeded.
* Anything unreadable is no wish. How far wishes are heeded is for `monitor.feeds.manners`.

Sources: RSS 2.0 (ttl, skipHours, skipDays), the RSS syndication module (updatePeriod,
updateFrequency), RFC 9111 (4.2.1, 5.2.2, 5.3).
"""

from __future__ import annotations

import re
from datetime import UTC, timedelta
from typing import TYPE_CHECKING, Final

from monitor.feeds.hublinks import read_links
from monitor.model.documents import Wishes

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

LONGEST: Final = timedelta(days=365)  # a longer time says no more

_HEAD: Final = 20_000  # characters before the first entry, and after the last, that are looked at
_ENTRY: Final = re.compile(r"<(?:item|entry)[\s>/]")
_TTL: Final = re.compile(r"<ttl>\s*([0-9]{1,9})\s*</ttl>")
_PERIOD: Final = re.compile(r"<[\w.-]{1,20}:updatePeriod>\s*([a-z]{4,8})\s*<")
_FREQUENCY: Final = re.compile(r"<[\w.-]{1,20}:updateFrequency>\s*([0-9]{1,6})\s*<")
_SKIP_HOURS: Final = re.compile(r"<skipHours>([^!]{0,2000}?)</skipHours>")
_SKIP_DAYS: Final = re.compile(r"<skipDays>([^!]{0,1000}?)</skipDays>")
_HOUR: Final = re.compile(r"<hour>\s*([0-9]{1,2})\s*</hour>")
_DAY: Final = re.compile(r"<day>\s*([A-Za-z]{6,9})\s*</day>")
_DAYS: Final = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_HOURS_A_DAY: Final = 24
_PERIODS: Final = {
    "hourly": timedelta(hours=1),
    "daily": timedelta(days=1),
    "weekly": timedelta(days=7),
    "monthly": timedelta(days=30),
    "yearly": timedelta(days=365),
}
_MAX_AGE: Final = re.compile(r'\s*max-age\s*=\s*"?([0-9]{1,12})"?\s*', re.IGNORECASE)


def read_wishes(text: str) -> Wishes:
    """Return what the feed in *text*, a decoded document, says beside its entries."""
    first = _ENTRY.search(text)
    if first is None:
        beside = text[:_HEAD]
    else:
        late = max(first.start(), len(text) - _HEAD)
        end = max(text.rfind("</item>", late), text.rfind("</entry>", late), late)
        beside = text[: min(first.start(), _HEAD)] + text[end:]
    hours = {int(hour) % _HOURS_A_DAY for hour in _inside(_SKIP_HOURS, _HOUR, beside)}
    days = {day.lower() for day in _inside(_SKIP_DAYS, _DAY, beside)}
    links = read_links(beside)
    return Wishes(
        ttl=_ttl(beside),
        hub=links.get("hub"),
        topic=links.get("self"),
        skip_hours=frozenset(hours),
        skip_days=frozenset(_DAYS.index(day) for day in days if day in _DAYS),
    )


def _inside(outer: re.Pattern[str], inner: re.Pattern[str], text: str) -> list[str]:
    found = outer.search(text)
    return inner.findall(found[1]) if found else []


def _ttl(text: str) -> timedelta | None:
    """Return the longer of what RSS and the syndication module say; None if neither does."""
    said = []
    if found := _TTL.search(text):
        said.append(min(timedelta(minutes=int(found[1])), LONGEST))
    if (found := _PERIOD.search(text)) and found[1] in _PERIODS:
        often = _FREQUENCY.search(text)
        times = int(often[1]) if often else 1
        said.append(_PERIODS[found[1]] / max(times, 1))
    return max(said, default=None) or None


def read_freshness(headers: Mapping[str, str], *, now: datetime) -> timedelta | None:
    """Return how much longer an answer stays fresh by its *headers*; None if they do not say.

    *now* stands for the server's Date where it gives none. max-age goes before Expires; no-store
    and no-cache mean that nothing was promised.
    """
    control = headers.get("Cache-Control", "").split(",")
    words = {word.strip().lower().partition("=")[0] for word in control}
    if words & {"no-store", "no-cache"}:
        return None
    age = headers.get("Age", "").strip()
    spent = timedelta(seconds=int(age)) if re.fullmatch("[0-9]{1,9}", age) else timedelta()
    ages = [found[1] for word in control if (found := _MAX_AGE.fullmatch(word))]
    if ages:
        fresh = timedelta(seconds=min(int(ages[0]), int(LONGEST.total_seconds()))) - spent
    else:
        at = _date(headers.get("Date", "")) or now
        expires = _date(headers.get("Expires", ""))
        if expires is None:
            return None
        fresh = min(expires - at, LONGEST)
    return fresh if fresh > timedelta() else None


def _date(value: str) -> datetime | None:
    from email.utils import parsedate_to_datetime  # not needed where only feeds are read

    try:
        at = parsedate_to_datetime(value)
    except (ValueError, OverflowError):
        return None
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at
