"""Fields: the sums of money in a text.

* "$" is read as US dollars and "¥" or a bare 元 as renminbi: nothing is converted, and the very
  words are kept beside the value.
* A number without a currency is no sum, nor is a date or a model number.
* Both "1.5" and the continental "1,5" are one and a half; "1,500" is fifteen hundred.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

_BEFORE: Final = {
    "USD": "us$ usd $ 美元",
    "HKD": "hk$ hkd 港元 港币 港幣",
    "CNY": "cn¥ rmb cny ¥ 人民币 人民幣",
    "EUR": "€ eur 欧元 歐元",
    "GBP": "£ gbp 英镑 英鎊",
    "JPY": "jpy 日元",
    "TWD": "nt$ twd 新台币 新臺幣 新台幣",
    "SGD": "s$ sgd",
    "KRW": "₩ krw",
    "INR": "₹ inr rs rs.",
}
_AFTER: Final = {
    "USD": "us dollars|u.s. dollars|dollars|dollar|usd|美元|美金|米ドル|ドル",
    "HKD": "hong kong dollars|hkd|港元|港币|港幣",
    "CNY": "yuans|yuan|renminbi|rmb|cny|元人民币|元人民幣|人民币|人民幣|人民元|元",
    "EUR": "€|euros|euro|eur|欧元|歐元|ユーロ",
    "GBP": "pounds|gbp|英镑|英鎊",
    "JPY": "yen|jpy|日元|日圆|日圓|円",
    "TWD": "twd|新台币|新臺幣|新台幣|台币|台幣|臺幣",
    "SGD": "sgd|新加坡元|新元",
    "KRW": "won|krw|韩元|韓元",
    "INR": "rupees|inr|卢比|盧比",
}
_SCALES: Final = {
    10**3: "thousand k 千",
    10**4: "万 萬",
    10**6: "million millions millionen mio mio. mln mn m 百万 百萬",
    10**7: "千万 千萬",
    10**8: "亿 億",
    10**9: "billion milliard milliards milliarden mrd mrd. mrds bln bn b 十亿 十億",
    10**10: "百亿 百億",
    10**11: "千亿 千億",
    10**12: "trillion trn tn 万亿 萬億 兆",
}
_MARKS: Final = {mark: code for code, marks in _BEFORE.items() for mark in marks.split()}
_UNITS: Final = {unit: code for code, units in _AFTER.items() for unit in units.split("|")}
_SIZES: Final = {word: size for size, scales in _SCALES.items() for word in scales.split()}


def _any_of(*words: str) -> str:
    return "|".join(re.escape(word) for word in sorted(words, key=len, reverse=True))


_NUMBER: Final = re.compile(
    r"(?<![\d.,万亿億萬])(?:\d{1,3}(?:,\d{3}){1,5}(?:\.\d{1,6})?|\d{1,15}(?:[.,]\d{1,6})?)(?!\d)"
)
_MARK: Final = re.compile(rf"(?<![a-z])(?:{_any_of(*_MARKS)})\s?$")
_MARK_LENGTH: Final = 8
_REST: Final = re.compile(
    rf"(?:[ -]?[余多餘]?(?P<scale>{_any_of(*_SIZES)})(?![a-z]))?"
    r"(?:(?P<rest>\d{1,4})[万萬])?"
    rf"(?:[ -]?(?:de |d')?(?P<unit>{_any_of(*_UNITS)})(?![a-z旦宵素]))?"
)


def sums(text: str) -> Iterator[tuple[int, int, Decimal, str]]:
    """Yield each sum of money in a folded *text*: start, end, value, ISO 4217 currency."""
    for number in _NUMBER.finditer(text):
        start, at = number.span()
        mark = _MARK.search(text[max(0, start - _MARK_LENGTH) : start])
        rest = _REST.match(text, at)
        if rest is None or (mark is None and start and "a" <= text[start - 1] <= "z"):
            continue
        marked = _MARKS[mark[0].strip()] if mark else None
        counted = _UNITS.get(rest["unit"] or "")
        currency = marked or counted
        if currency is None:
            continue
        end = rest.end() if counted == currency else max(at, rest.end("scale"), rest.end("rest"))
        value = _decimal(number[0]) * _SIZES.get(rest["scale"] or "", 1)
        value += Decimal(rest["rest"] or 0) * 10**4
        yield start - (len(mark[0]) if mark else 0), end, _plain(value), currency


def _decimal(number: str) -> Decimal:
    head, comma, tail = number.rpartition(",")
    if comma and "." not in tail and len(tail) != 3:  # noqa: PLR2004 - thousands come in threes
        return Decimal(f"{head}.{tail}")
    return Decimal(number.replace(",", ""))


def _plain(value: Decimal) -> Decimal:
    whole = value.to_integral_value()
    return whole if whole == value else value.normalize()
