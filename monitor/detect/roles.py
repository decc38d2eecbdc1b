"""Roles: what a sum of money is to an event.

* The sum of an event is a fine, damages, what an offering raises or is to raise, the price of a
  deal. What a company is worth, earns, sells or loses, and the price of a share, is not.
* A sum under LEAST is a price, in whatever currency.
* A sum in a clause of money raised is none of a competition case, nor one in a clause of a penalty
  one of an offering, unless the clause speaks of both.
* A sum set beside another as its conversion, or as the other end of a range, goes with it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from monitor.detect.clauses import Clauses

LEAST: Final = 1000

_LOOK_BACK: Final = 48
_LOOK_ON: Final = 32
_LOOK_ROUND: Final = 80

_OTHER_BEFORE: Final = re.compile(
    r"(?:(?<![a-z])(?:valuations?|valued|valuing|values? (?:of|at|it|the)|a value|market value"
    r"|market cap\w{0,15}|capitali[sz]ation|revenues?|sales|turnover|profits?|loss(?:es)?|earnings"
    r"|net income|cash|debt|loans?|bonds?|stake|buy-?back|market is|assets"
    r"|(?:firm|company|group|business|giant|itself|unit|arm|it|startup) (?:is |was |be |at )?worth"
    r"|(?:shares?|stock|adrs?|price|priced|open\w{0,4}|clos\w{1,4}|trad\w{1,4}|rose|fell|jumped"
    r"|rallied) (?:range )?(?:\w{1,15} )?(?:at|to|by|between)"
    r"|price (?:range )?of)(?![a-z])[^,;。]{0,36}"
    r"|(?:估值|市值|营收|收入|销售额|营业额|利润|净利|亏损|赤字|股价|每股|发行价|招股价|发售价|定价"
    r"|开盘价?|收盘价?|收于|报|涨至|跌至|成交额|交易额|回购|贷款|资产|负债|现金|售价|起售价)[^,;。]{0,14})$"
)
_OTHER_AFTER: Final = re.compile(
    r"\s?(?:/股|/share|(?:a|per|each|pro|par) (?:share|ads|adr|aktie|action)"
    r"|の?(?:最終)?(?:赤字|黒字)"
    r"|(?:in |of )?(?:(?:annual|quarterly|net|first-half|half-year|full-year) ){0,3}"
    r"(?:valuations?|market (?:value|cap)|revenues?|sales|turnover|profits?|loss(?:es)?|earnings"
    r"|cash|debt|loans?|bonds?|buy-?back|shares?|company|firm|startup|business)(?![a-z])"
    r"|的?(?:估值|市值|营收|收入|销售额|利润|净利|亏损|赤字|贷款|资产))"
)
_WORTH: Final = re.compile(r"\s*(?:now |currently )?worth (?:[a-z]{1,10} ){0,3}")
_PENALTY: Final = re.compile(
    r"(?<![a-z])(?:fin(?:e|es|ed|ing)(?![a-z])|penal|amende|pénalit|multa|multe|sanzion"
    r"|damages|compensat|settle|award|(?:must|to) pay(?![a-z]))"
    r"|strafe|bußgeld|geldbuße|罚|赔|制裁金|课徴金"
)
_RAISED: Final = re.compile(
    r"(?<![a-z])(?:ipos?(?![a-z])|offering|listing|float|debut|rais(?:e|es|ed|ing)|fundraising"
    r"|proceeds|cornerstone|börsengang)|募|集资|融资|筹|上市|招股"
)
_CONVERTED: Final = re.compile(
    r"(?:[(\[,/=≒≈~、-]|\s|or|to|up|about|approximately|approx\.?|around|roughly|some|equivalent"
    r"|i\.e\.|soit|environ|umgerechnet|rund|etwa|which|that|is|equals?|worth|in|us|dollars"
    r"|约|折合|合|即|至|到|相当于){1,14}"
)

COMPETITION: Final = frozenset({"antitrust", "supervision"})
OFFERING: Final = frozenset({"ipo", "listing"})


def akin(topic: str) -> frozenset[str]:
    """Return the topics whose words may stand for *topic*: an offering is a listing too."""
    return OFFERING if topic in OFFERING else frozenset({topic})


def plays_part(text: str, clauses: Clauses, start: int, end: int, topic: str) -> bool:
    """Return whether the sum at *start* to *end* may be that of an event of *topic*."""
    before = text[max(clauses.span(start)[0], start - _LOOK_BACK) : start]
    if _OTHER_BEFORE.search(before) or _OTHER_AFTER.match(text, end, end + _LOOK_ON):
        return False
    penal, raised = clauses.holds(start, _PENALTY), clauses.holds(start, _RAISED)
    if topic in COMPETITION:
        return (penal or not raised) and not _WORTH.fullmatch(before)
    return raised or not penal or topic not in OFFERING


def has_cue(text: str, span: tuple[int, int], start: int, end: int, topic: str) -> bool:
    """Return whether a penalty, or for an offering money raised, is spoken of near a sum.

    *span* is that of the sentence the sum stands in from *start* to *end*.
    """
    cue = _PENALTY if topic in COMPETITION else _RAISED if topic in OFFERING else None
    near = max(span[0], start - _LOOK_ROUND), min(span[1], end + _LOOK_ROUND)
    return cue is not None and cue.search(text, *near) is not None


def goes_with(text: str, end: int, start: int) -> bool:
    """Return whether a sum from *start* merely says again, or ends, the one that ended at *end*."""
    return end <= start <= end + _LOOK_ON and _CONVERTED.fullmatch(text, end, start) is not None
