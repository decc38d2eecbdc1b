"""The fields of a query, and how their values are read: instants, sums, scores.

A value that cannot be read is a ValueError that says what is taken.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Final

FIELDS: Final = {  # name -> what its value is, for hints
    "company": "a company's key, such as alibaba",
    "topic": "a topic's key, such as antitrust",
    "stage": "a stage's key, such as fine",
    "regulator": "a regulator's key, such as samr",
    "currency": "a currency's code, such as CNY",
    "lang": "a language's code, such as zh",
    "feed": "a feed's id",
    "since": "30d, or 2026-11-01",
    "until": "30d, or 2026-11-01",
    "amount": "a sum, such as amount>1bn or amount>=5亿",
    "score": "a number from 0 to 1, such as score>0.8",
}
SIGNS: Final = (">=", "<=", ">", "<")
_AGO: Final = re.compile(r"([0-9]{1,6})([mhdw])")
_UNITS: Final = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_SUM: Final = re.compile(
    r"(?P<before>[a-z]{3})?(?P<number>[0-9]{1,15}(?:,[0-9]{3})*(?:\.[0-9]{1,6})?)"
    r"(?P<scale>k|thousand|m|mn|mln|million|b|bn|bln|billion|tn|trn|trillion|千|万|百万|亿|十亿|万亿)?"
    r"(?P<after>[a-z]{3})?",
    re.IGNORECASE,
)
_SCALES: Final = {
    10**3: ("k", "thousand", "千"),
    10**4: ("万",),
    10**6: ("m", "mn", "mln", "million", "百万"),
    10**8: ("亿",),
    10**9: ("b", "bn", "bln", "billion", "十亿"),
    10**12: ("tn", "trn", "trillion", "万亿"),
}
_SIZES: Final = {word: size for size, words in _SCALES.items() for word in words}
CURRENCIES: Final = frozenset(  # those that are found in texts
    ("AUD", "CAD", "CHF", "CNY", "EUR", "GBP", "HKD", "INR", "JPY", "KRW", "SGD", "TWD", "USD")
)


def read_instant(text: str, *, now: datetime) -> datetime:
    """Read `30d` (that long before *now*), a date or an ISO 8601 instant; UTC unless it says so."""
    try:
        if ago := _AGO.fullmatch(text):
            return now - timedelta(**{_UNITS[ago[2]]: int(ago[1])})
        found = datetime.fromisoformat(text)
        return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        raise ValueError(
            f"{text!r} is neither a time ago (30d, 12h) nor a date (2026-11-01)"
        ) from None


def read_sum(text: str) -> tuple[float, str | None]:
    """Read `1bn`, `2.5m`, `5亿`, `1bnCNY`: a value, and a currency if one is named."""
    found = _SUM.fullmatch(text)
    if not found or (found["before"] and found["after"]):
        raise ValueError(f"{text!r} is no sum: write 1bn, 2.5m, 5亿 or 1000000, then a currency")
    value = float(found["number"].replace(",", ""))
    currency = (found["before"] or found["after"] or "").upper() or None
    if currency is not None and currency not in CURRENCIES:
        raise ValueError(f"{currency} is none of the currencies " + ", ".join(sorted(CURRENCIES)))
    return value * _SIZES.get((found["scale"] or "").lower(), 1), currency


def read_score(text: str) -> float:
    """Read a number from 0 to 1."""
    if not re.fullmatch(r"0?\.[0-9]{1,6}|[01](?:\.0{1,6})?", text):
        raise ValueError(f"{text!r} is no number from 0 to 1")
    return float(text)
