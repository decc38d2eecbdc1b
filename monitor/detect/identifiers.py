"""Identifiers: the numbers registers give a company, checked as far as they can be.

* A legal entity identifier (ISO 17442) and a securities number (ISO 6166) end in check digits: a
  slip of the pen is found. Codes copied from lists are often somebody else's; check the source.
* All but a Wikidata id are spellings too: a text that quotes one means that company.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

_CIK_DIGITS: Final = 10


def read_identifier(kind: str, value: str) -> str:
    """Return *value* in the normal form of its *kind*, one of `KINDS`.

    Raises ValueError with a sentence for the operator if it cannot be one.
    """
    return KINDS[kind](value.strip())


def identifier_spellings(kind: str, value: str) -> tuple[str, ...]:
    """Return how texts quote the identifier *value*, in its normal form; none for Wikidata's."""
    if kind == "cik":
        return (f"({value})", f"CIK {value}", f"CIK: {value}", f"CIK {value.lstrip('0')}")
    return () if kind == "wikidata" else (value,)


def _wikidata(value: str) -> str:
    if not re.fullmatch("Q[1-9][0-9]{0,11}", value):
        raise ValueError("must be a Wikidata id such as Q95")
    return value


def _lei(value: str) -> str:
    if not re.fullmatch("[0-9A-Z]{18}[0-9]{2}", value):
        raise ValueError("must be a legal entity identifier: 20 capitals and digits")
    if int(_in_digits(value)) % 97 != 1:  # ISO 7064, MOD 97-10
        raise ValueError("has wrong check digits: compare it with its source")
    return value


def _isin(value: str) -> str:
    if not re.fullmatch("[A-Z]{2}[0-9A-Z]{9}[0-9]", value):
        raise ValueError("must be an ISIN: two capitals and ten capitals or digits")
    doubled = (
        int(digit) * (2 if place % 2 else 1)
        for place, digit in enumerate(reversed(_in_digits(value)))
    )
    if sum(number // 10 + number % 10 for number in doubled) % 10:
        raise ValueError("has a wrong check digit: compare it with its source")
    return value


def _cik(value: str) -> str:
    if not re.fullmatch(f"[0-9]{{1,{_CIK_DIGITS}}}", value) or not int(value):
        raise ValueError(f"must be a number of the SEC: up to {_CIK_DIGITS} digits, in quotes")
    return value.zfill(_CIK_DIGITS)


def _in_digits(value: str) -> str:
    return "".join(str(int(char, 36)) for char in value)


KINDS: Final[dict[str, Callable[[str], str]]] = {
    "wikidata": _wikidata,
    "lei": _lei,
    "cik": _cik,
    "isin": _isin,
}
