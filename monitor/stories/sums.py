"""Sums: whether two reports may mean one sum of money.

* In one currency two sums are the same if the more exact one, rounded or cut to the digits of the
  other, gives it: 18.228 billion is told as 18.2 or as 18 billion.
* In two currencies they may be one if some exchange rate of the last twenty years makes them so:
  that speaks for it and proves nothing, so nothing is ever converted.
* Where both name sums in one currency, those decide, and the others are taken for conversions.
"""

from __future__ import annotations

from decimal import ROUND_DOWN, ROUND_HALF_UP, Decimal
from enum import IntEnum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from monitor.model import Amount

# Units of a currency for one US dollar, lowest and highest from 2006 to 2026, rounded outwards
# (H.10 of the Federal Reserve; the peg band of the HKMA).
_RATES: Final = {
    "USD": ("1", "1"),
    "CNY": ("6.0", "8.1"),
    "HKD": ("7.74", "7.86"),
    "EUR": ("0.62", "1.05"),
    "GBP": ("0.47", "0.94"),
    "JPY": ("75", "163"),
    "TWD": ("27", "36"),
    "SGD": ("1.19", "1.66"),
    "AUD": ("0.90", "1.75"),
    "CAD": ("0.91", "1.48"),
    "CHF": ("0.72", "1.32"),
    "KRW": ("900", "1600"),
    "INR": ("38", "95"),
}
_EXACT: Final = 2  # digits that two sums must have in common to be taken for one
_BARELY: Final = Decimal("0.16")  # how far a sum of one digit may be from what it stands for
_ESTIMATED: Final = Decimal("0.25")  # how far two estimates of one sum may be apart


class Agreement(IntEnum):
    """How two lists of sums stand to each other."""

    DIFFERENT = -1
    UNKNOWN = 0  # one names none
    NEAR = 1  # one currency, and no contradiction
    CONVERTED = 2  # two currencies, and a rate there has been
    SAME = 3


def agreement(
    one: Sequence[Amount], two: Sequence[Amount], *, estimates: bool = False
) -> Agreement:
    """Return the best agreement of any sum of *one* with any of *two*.

    *estimates* says that they are of something that is still to come.
    """
    if not one or not two:
        return Agreement.UNKNOWN
    shared = {it.currency for it in one} & {it.currency for it in two}
    return max(
        _agree(it, other, estimates=estimates)
        for it in one
        for other in two
        if not shared or it.currency == other.currency in shared
    )


def keys(amounts: Iterable[Amount]) -> set[tuple[str, str]]:
    """Return what two sums of one currency that are the same nearly always share."""
    return {(it.currency, f"{cut(it.value, 1, how)}") for it in amounts for how in _WAYS}


def cut(value: Decimal, digits: int, how: str) -> Decimal:
    """Return *value* with so many significant digits."""
    if not value:
        return value
    return value.quantize(Decimal(1).scaleb(value.adjusted() - digits + 1), how).normalize()


_WAYS: Final = (ROUND_HALF_UP, ROUND_DOWN)


def _agree(one: Amount, two: Amount, *, estimates: bool) -> Agreement:
    if one.currency != two.currency:
        return _converted(one, two)
    if one.value == two.value:
        return Agreement.SAME
    digits = min(_digits(one.value), _digits(two.value))
    if any(cut(one.value, digits, how) == cut(two.value, digits, how) for how in _WAYS):
        if digits >= _EXACT:
            return Agreement.SAME
        if _apart(one.value, two.value) <= _BARELY:
            return Agreement.NEAR
    if estimates and _apart(one.value, two.value) <= _ESTIMATED:
        return Agreement.NEAR
    return Agreement.DIFFERENT


def _converted(one: Amount, two: Amount) -> Agreement:
    if one.currency not in _RATES or two.currency not in _RATES:
        return Agreement.UNKNOWN
    (least, most), (low, high) = _dollars(one), _dollars(two)
    return Agreement.CONVERTED if least <= high and low <= most else Agreement.DIFFERENT


def _dollars(amount: Amount) -> tuple[Decimal, Decimal]:
    low, high = _RATES[amount.currency]
    slack = _BARELY if _digits(amount.value) < _EXACT else Decimal("0.03")
    return amount.value / Decimal(high) * (1 - slack), amount.value / Decimal(low) * (1 + slack)


def _digits(value: Decimal) -> int:
    return len(value.normalize().as_tuple().digits)


def _apart(one: Decimal, two: Decimal) -> Decimal:
    return abs(one - two) / min(one, two) if min(one, two) > 0 else Decimal(1)
