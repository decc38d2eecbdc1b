"""Which days a subscription has slots on: days of the week, and business days by a calendar.

* A calendar is a country (`HK`), a part of one (`GB-SCT`) or an exchange (`XNYS`, `HKEX`), as the
  library `holidays` knows them: an extra, imported here alone and only if a calendar is named.
* A business day is no holiday and no Saturday or Sunday, unless the calendar has another weekend
  (Friday and Saturday in some countries) or says that work goes on (make-up days in China).
"""

from __future__ import annotations

from datetime import date, timedelta
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from monitor.config.values import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    OpenOn = Callable[[date], bool]

WEEK: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_WEEKEND: Final = frozenset({5, 6})
_FIRST: Final = date(2026, 1, 1)  # of the days on which a schedule is tried
_TRIED: Final = 731


def read_calendar(value: object) -> str:
    """Return *value* if it names a calendar; raise ValueError, also if the extra is absent."""
    code = str(value)
    try:
        import holidays
    except ImportError:
        raise ValueError(
            "needs the extra holidays: pip install 'regulatory-monitor[holidays]'"
        ) from None
    if code in _exchanges():
        return code
    country, _, part = code.partition("-")
    known = holidays.list_supported_countries(include_aliases=False)
    if country not in known:
        hint = did_you_mean(code, [*known, *_exchanges()])
        raise ValueError(
            f'names no calendar: "{code[:60]}"{hint or "; such as HK, CN, GB-SCT or XNYS"}'
        )
    if part and part not in known[country]:
        parts = ", ".join(known[country]) or "none"
        raise ValueError(f'names no part of {country}: "{part[:60]}"; there are: {parts}')
    return code


def days_open(days: Collection[str], calendars: Sequence[str]) -> OpenOn | None:
    """Return what tells whether a date is one of *days* of the week and of all *calendars*.

    No days and no calendars mean no limit. None means that every day is open.
    """
    if not days and not calendars:
        return None
    week = frozenset(WEEK.index(day) for day in days or WEEK)
    open_in = [_business_days(code) for code in calendars]
    return lambda day: day.weekday() in week and all(is_open(day) for is_open in open_in)


def ever_open(open_on: OpenOn | None) -> bool:
    """Return whether any day is open, of two whole years."""
    return open_on is None or any(open_on(_FIRST + timedelta(days=n)) for n in range(_TRIED))


@cache
def _exchanges() -> frozenset[str]:
    import holidays

    return frozenset(holidays.list_supported_financial(include_aliases=True))


@cache
def _business_days(code: str) -> OpenOn:
    import holidays

    country, _, part = code.partition("-")
    calendar: Any = (
        holidays.financial_holidays(code)
        if code in _exchanges()
        else holidays.country_holidays(country, subdiv=part or None)
    )
    weekend = calendar.weekend if calendar.weekend - _WEEKEND else _WEEKEND
    known: dict[date, bool] = {}

    def is_open(day: date) -> bool:
        if day not in known:
            is_holiday = day in calendar  # which also fills in the year's make-up days
            works = day in calendar.weekend_workdays
            known[day] = not is_holiday and (works or day.weekday() not in weekend)
        return known[day]

    return is_open
