"""Tickers: one code at one exchange, and every way in which texts write it.

* "HKEX:9988" stands for 9988.HK, 09988.HK, HKG: 9988, SEHK:9988, 港交所:9988 and the like.
* A bare code is never a spelling: 700, 9988 and IQ mean other things far more often.
* "(BABA)" and "$BABA" count only beside a word of the market, and only from three letters on.
* A ticker of another form, such as "BABA.N", is a spelling just as it is written.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

MARKET_WORDS: Final = (
    "shares", "stock", "stocks", "ADR", "ADRs", "ADS", "NYSE", "Nasdaq", "premarket", "bourse",
    "listed", "ticker", "股价", "股票", "美股", "港股", "上市", "代码", "盘前", "收盘",
)  # fmt: skip

_COMPACT: Final = re.compile(r"([A-Za-z]{2,10})\s*:\s*([A-Z0-9][A-Z0-9.]{0,9})")
_FEWEST: Final = 3  # characters of a code that may stand without its exchange, or behind a blank


@dataclass(frozen=True, slots=True)
class _Exchange:
    """How an exchange is named before a code, and what follows a code that is traded there."""

    names: tuple[str, ...]
    endings: tuple[str, ...] = ()
    digits: int = 0  # how many a code has; 0 for letters
    widths: tuple[int, ...] = ()  # to which a code with fewer digits is also filled with zeros

    def writes(self, code: str) -> bool:
        """Return whether *code* may be a code of this exchange."""
        if self.digits:
            return code.isdigit() and len(code) <= self.digits and int(code) > 0
        return code[0].isalpha() or not code.isdigit()


def _letters(names: str, endings: str) -> _Exchange:
    return _Exchange(tuple(names.split()), tuple(endings.split()))


def _digits(names: str, endings: str, digits: int) -> _Exchange:
    return _Exchange(tuple(names.split()), tuple(endings.split()), digits, (digits,))


_HONG_KONG: Final = _Exchange(
    ("HKEX", "HKEx", "HKG", "SEHK", "HKSE", "HK", "港交所", "联交所", "股份代号", "股票代码"),
    (".HK", "-HK", " HK"),
    5,
    (4, 5),
)
_EXCHANGES: Final = {
    "HKEX": _HONG_KONG,
    "SSE": _digits("SSE SHA SH 上交所 股票代码", ".SH .SS", 6),
    "SZSE": _digits("SZSE SHE SZ 深交所 股票代码", ".SZ", 6),
    "BJSE": _digits("BJSE BSE 北交所 股票代码", ".BJ", 6),
    "NYSE": _letters("NYSE 纽交所 纽约证券交易所", ".N .US"),
    "NASDAQ": _letters("NASDAQ Nasdaq NasdaqGS 纳斯达克 纳斯达克股票代码", ".O .OQ .US"),
    "AMEX": _letters("AMEX NYSEAMERICAN NYSEMKT", ".US"),
    "OTC": _letters("OTC OTCMKTS OTCPK OTCQX OTCQB", ".PK"),
    "TSE": _digits("TSE TYO", ".T .JP", 4),
    "TWSE": _digits("TWSE TPE", ".TW", 4),
    "KRX": _digits("KRX KOSPI KOSDAQ", ".KS .KQ", 6),
    "SGX": _letters("SGX", ".SI"),
    "LSE": _letters("LSE LON", ".L"),
    "XETRA": _letters("XETRA ETR FRA", ".DE .F"),
    "EURONEXT": _letters("EURONEXT Euronext EPA AMS EBR", ".PA .AS .BR"),
    "SIX": _letters("SIX SWX", ".SW"),
    "TSX": _letters("TSX", ".TO"),
    "ASX": _letters("ASX", ".AX"),
    "NSE": _letters("NSE", ".NS"),
    "TADAWUL": _digits("TADAWUL Tadawul", ".SR", 4),
}


@dataclass(frozen=True, slots=True)
class Notation:
    """One way to write a ticker; *needs* is empty where it counts by itself."""

    text: str
    needs: tuple[str, ...] = ()


def notations(ticker: str) -> tuple[Notation, ...]:
    """Return every way to write *ticker*, as "NYSE:BABA"; one of another form is its only one.

    Raises ValueError with a sentence for the operator if the exchange is not known or has no
    such code.
    """
    compact = _COMPACT.fullmatch(ticker.strip())
    if compact is None:
        return (Notation(ticker.strip()),)
    name, code = compact[1].upper(), compact[2]
    exchange = _EXCHANGES.get(_main_name(name))
    if exchange is None:
        close = get_close_matches(name, _EXCHANGES, n=1)
        hint = f'; did you mean "{close[0]}"?' if close else f"; known are {', '.join(_EXCHANGES)}"
        raise ValueError(f'names no exchange: "{compact[1]}"{hint}')
    if not exchange.writes(code):
        wanted = f"up to {exchange.digits} digits" if exchange.digits else "letters"
        raise ValueError(f"is no code of {name}, which are {wanted}")
    return tuple(dict.fromkeys(_written(exchange, code)))


def _main_name(name: str) -> str:
    if name in _EXCHANGES:
        return name
    aliases = ((key, one) for key, it in _EXCHANGES.items() for one in it.names)
    return next((key for key, one in aliases if one.upper() == name and len(one) >= _FEWEST), name)


def _written(exchange: _Exchange, code: str) -> Iterator[Notation]:
    plain = code.lstrip("0") if exchange.digits else code
    for form in dict.fromkeys([plain, *(plain.zfill(width) for width in exchange.widths)]):
        for name in exchange.names:
            yield Notation(f"{name}:{form}")
            yield Notation(f"{name}: {form}")
            if len(form) > _FEWEST or not exchange.digits:
                yield Notation(f"{name} {form}")
        for ending in exchange.endings:
            if len(form) > _FEWEST or not ending.startswith(" "):
                yield Notation(f"{form}{ending}")
    if not exchange.digits and len(code) >= _FEWEST:
        yield Notation(f"${code}", MARKET_WORDS)
        yield Notation(f"({code})", MARKET_WORDS)
