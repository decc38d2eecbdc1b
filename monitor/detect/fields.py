"""Fields: the sums of money in a text.

* "$" is read as US dollars, "¥" or a bare 元 as renminbi, and so is the bare 万 or 亿 of a Chinese
  penalty: nothing is converted, and the very words are kept beside the value.
* A number without a currency is no sum, nor is a date, a model number or a vague one (百亿级).
* Both ends of a range are sums, and each is quoted with the whole of it: "$1-2 billion".
* Numbers may be written out: 两亿元, "half a million yuan", "zwei Milliarden Euro".
* Both "1.5" and the continental "1,5" are one and a half; "1,500" is fifteen hundred.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

_BEFORE: Final = {
    "USD": "us$|us $|usd|usd $|$|美元",
    "HKD": "hk$|hk $|hkd|港元|港币",
    "CNY": "cn¥|rmb|rmb¥|cny|¥|人民币",
    "EUR": "€|eur|欧元",
    "GBP": "£|gbp|英镑",
    "JPY": "jpy|日元",
    "TWD": "nt$|nt $|twd|新台币",
    "SGD": "s$|sgd",
    "AUD": "a$|au$|aud|澳元",
    "CAD": "c$|ca$|cad|加元",
    "CHF": "chf",
    "KRW": "₩|krw",
    "INR": "₹|inr|rs|rs.",
}
_AFTER: Final = {
    "USD": "us dollars|u.s. dollars|dollars|dollar|us-dollar|dollari|dólares|usd"
    "|美元|美金|米ドル|ドル",
    "HKD": "hong kong dollars|hk dollars|hkd|港元|港币",
    "CNY": "yuans|yuan|renminbi|rmb|cny|元人民币|人民币|人民元|块钱|元",
    "EUR": "€|euros|euro|eur|欧元|ユーロ",
    "GBP": "pounds|gbp|英镑",
    "JPY": "yen|jpy|日元|日圆|円",
    "TWD": "twd|新台币|台币",
    "SGD": "singapore dollars|sgd|新加坡元|新元",
    "AUD": "australian dollars|aud|澳元",
    "CAD": "canadian dollars|cad|加元",
    "CHF": "franken|chf|瑞郎",
    "KRW": "won|krw|韩元",
    "INR": "rupees|inr|卢比",
}
_SCALES: Final = {
    10**3: "thousand|k|千",
    10**4: "万",
    10**5: "lakh",
    10**6: "million|millions|millionen|milioni|millones|milhões|mio|mio.|mln|mn|m|百万",
    10**7: "crore|千万",
    10**8: "亿",
    10**9: "billion|billions|milliard|milliards|milliarden|miliardi|mil millones|bilhões|mrd|mrd."
    "|mrds|mld|mld.|bln|bn|b|十亿",
    10**10: "百亿",
    10**11: "千亿",
    10**12: "trillion|trillions|billionen|trn|tn|万亿|兆",
}
_WRITTEN: Final = {
    "half a": "0.5",
    "a": "1",
    "one": "1",
    "two": "2",
    "three": "3",
    "four": "4",
    "five": "5",
    "six": "6",
    "seven": "7",
    "eight": "8",
    "nine": "9",
    "ten": "10",
    "eine": "1",
    "einer": "1",
    "zwei": "2",
    "drei": "3",
    "vier": "4",
    "fünf": "5",
    "sechs": "6",
    "sieben": "7",
    "acht": "8",
    "neun": "9",
    "zehn": "10",
    "deux": "2",
    "trois": "3",
    "due": "2",
    "tre": "3",
    "dos": "2",
    "tres": "3",
}
_HAN_DIGITS: Final = {digit: at for at, digit in enumerate("〇一二三四五六七八九")} | {
    "两": 2,
    "零": 0,
}
_HAN_TENS: Final = {"十": 10, "百": 100, "千": 1000}


def _keys(table: dict[str, str]) -> dict[str, str]:
    return {word: code for code, words in table.items() for word in words.split("|")}


_MARKS: Final = _keys(_BEFORE)
_UNITS: Final = _keys(_AFTER)
_SIZES: Final = {word: size for size, words in _SCALES.items() for word in words.split("|")}


def _any_of(*words: str) -> str:
    return "|".join(re.escape(word) for word in sorted(words, key=len, reverse=True))


_DIGITS: Final = r"(?:\d{1,3}(?:,\d{3}){1,5}(?:\.\d{1,6})?|\d{1,15}(?:[.,]\d{1,6})?)"
_NUMBER: Final = re.compile(
    rf"(?<![\d.,万亿])(?P<number>{_DIGITS})(?!\d)"
    rf"(?:\s?(?:-|~|to|至|到)\s?(?:us\$|hk\$|rmb|[$€£¥])?(?P<other>{_DIGITS})(?![\d年月日])"
    rf"|\s?(?P<own>{_any_of(*_SIZES)})\s?(?:-|~|to|至|到)\s?"
    rf"(?P<further>{_DIGITS})(?=\s?(?:{_any_of(*_SIZES)})(?![a-z])))?"
    rf"|(?<![\w-])(?P<written>{_any_of(*_WRITTEN)}) (?=[bmt])"
    r"|(?<![数几上近十百千万亿一二三四五六七八九两\d])(?P<han>[一二两三四五六七八九十百千][〇零一二三四五六七八九十百千]{0,8})"
    r"(?=[万亿])"
)
_MARK: Final = re.compile(rf"(?<![a-z])(?:{_any_of(*_MARKS)})\s?$")
_MARK_LENGTH: Final = 8
_REST: Final = re.compile(
    rf"(?:[ -]?[余多]?(?P<scale>{_any_of(*_SIZES)})(?![a-z级]))?"
    r"(?:(?P<rest>\d{1,4}(?:,\d{3})?)万)?"
    rf"(?:[ -]?(?:de |di |d')?(?P<unit>{_any_of(*_UNITS)})(?![a-z旦宵素级]))?"
)
_PENALTY_BEFORE: Final = re.compile(
    r"(?:罚款?|罚金|罚单|罚没|处罚|判赔|赔偿|获赔|赔付|索赔|赔)[^,。;:、\d]{0,8}$"
)
_PENALTY_AFTER: Final = re.compile(r"[^,。;:、\d元]{0,5}(?:罚款|罚单|罚金|处罚|赔偿)")
_PENALTY_LOOK: Final = 14
_COUNTED: Final = re.compile(r"[级人名次件家台辆股用册条个套部份平吨]")
_YEARS: Final = range(1900, 2100)


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
        currency = marked or counted or _of_a_penalty(text, start, rest)
        if currency is None:
            continue
        first = start - (len(mark[0]) if mark else 0)
        end = rest.end() if counted == currency else max(at, rest.end("scale"), rest.end("rest"))
        for value in _values(number, rest, ranged=bool(marked) or bool(rest["scale"])):
            yield first, end, _plain(value), currency


def _values(number: re.Match[str], rest: re.Match[str], *, ranged: bool) -> list[Decimal]:
    """Return the value, or those of both ends of a range; a year before a dash is no end."""
    scale = _SIZES.get(rest["scale"] or "", 1)
    more = Decimal((rest["rest"] or "0").replace(",", "")) * 10**4
    if number["own"]:
        low = _decimal(number["number"]) * _SIZES[number["own"]]
        return [low, _decimal(number["further"]) * scale + more]
    return [value * scale + more for value in _numbers(number, ranged=ranged)]


def _numbers(number: re.Match[str], *, ranged: bool) -> list[Decimal]:
    if number["written"]:
        return [Decimal(_WRITTEN[number["written"]])]
    if number["han"]:
        return [Decimal(_han(number["han"]))]
    value = _decimal(number["number"])
    if number["other"] is None:
        return [value]
    other = _decimal(number["other"])
    return [value, other] if ranged and value < other and value not in _YEARS else [other]


def _of_a_penalty(text: str, start: int, rest: re.Match[str]) -> str | None:
    """Return renminbi if a bare 万 or 亿 from *start* is what a Chinese penalty comes to."""
    end = rest.end("scale")
    if (rest["scale"] or "")[-1:] not in {"万", "亿"} or _COUNTED.match(text, end):
        return None
    before = _PENALTY_BEFORE.search(text[max(0, start - _PENALTY_LOOK) : start])
    return "CNY" if before or _PENALTY_AFTER.match(text, end) else None


def _han(number: str) -> int:
    """Return the value of a number such as 一千二百, up to 万."""
    value = digit = 0
    for char in number:
        if char in _HAN_TENS:
            value += (digit or 1) * _HAN_TENS[char]
            digit = 0
        else:
            digit = _HAN_DIGITS[char]
    return value + digit


def _decimal(number: str) -> Decimal:
    head, comma, tail = number.rpartition(",")
    if comma and "." not in tail and len(tail) != 3:  # noqa: PLR2004 - thousands come in threes
        return Decimal(f"{head}.{tail}")
    return Decimal(number.replace(",", ""))


def _plain(value: Decimal) -> Decimal:
    whole = value.to_integral_value()
    return whole if whole == value else value.normalize()
