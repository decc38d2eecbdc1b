"""Mentions: which of the companies named in a sentence are only mentioned there.

* An owner, backer, rival, supplier or customer is no subject: "Tencent-backed", 腾讯投资的. Nor is
  one named for comparison ("the biggest since Alibaba"), or as an earlier case ("following
  Alibaba's fine", 继阿里巴巴之后).
* Of "Alibaba's Ant Group" or 阿里巴巴旗下蚂蚁集团 the owned company is the subject.
* What is said of one name goes for those listed with it: "backed by SoftBank and Tencent".
* A person gives way to any company: in 蚂蚁IPO暂缓 马云被约谈 the offering is not Alibaba's.
* Every pattern looks at a bounded stretch of text beside one name, and never backtracks into it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

ROLE: Final = "named only as an owner, backer or rival"
COMPARED: Final = "named only for comparison"
EARLIER: Final = "named only as an earlier case"
PERSON: Final = "a person, beside a company"

_LOOK_BACK: Final = 90
_LOOK_ON: Final = 40
_SOME_WORDS: Final = r"(?:[\w.&-]+ ){0,5}"  # "its largest shareholder, Chinese e-commerce giant"

_ROLE_AFTER: Final = re.compile(
    r"[- ](?:backed|owned|funded|invested|affiliated|linked|controlled|supported|led)(?![a-z])"
    r"|(?:'s)? (?:(?:smaller|bigger|arch|fellow|main|top|key|major) )?"
    r"(?:rival|competitor|supplier|partner|investor|backer|spin-?off|alumn\w+|veteran)(?![a-z])"
    r"|,? (?:which |also ){0,2}(?:owns|holds (?:a|about|around|\d)|is an? (?:investor|backer))"
    r"|系|(?:战投|产投|资本|创投)?(?:投资的|参股|持股|领投|参投|入股的|支持的|投資的|參股|領投|參投)"
    r"|为第一大股东|概念股|供应商|供應商|(?:集团)?前(?:员工|高管|ceo|总裁)|前員工|生态链"
)
_ROLE_BEFORE: Final = re.compile(
    rf"(?:(?<![a-z])(?:spun (?:off|out) (?:from|of)|spin-?off (?:from|of)|split from|stake in"
    rf"|(?:backed|owned|funded|supported|controlled) by|affiliate of|invest\w+ (?:in|from|by)"
    rf"|rivals?|rivals (?:like|such as)|rivals? (?:of|to|with|run by|including)"
    rf"|rival platforms run by|compet\w+ (?:\w+ ){{0,3}}(?:with|from|against)|competitors?"
    rf"|suppl\w+ (?:\w+ ){{0,2}}(?:to|for)|customers?,? (?:such as|like|including)"
    rf"|(?:players|makers|brands|manufacturers)(?: \w+){{0,2}},? (?:such as|like|including)"
    rf"|former|ex-|despite) ?(?:the |its )?{_SOME_WORDS}"
    rf"|来自|背靠|除了|不像|出售后,|依托|剥离自|独立自|从)$"
)
_COMPARED_BEFORE: Final = re.compile(
    rf"(?:(?:超过|低于|不及|仅次于|不同于|相比|对标|堪比|類似|类似|媲美|超越|追赶|超過|低於|僅次於)(?:了)?"
    rf"|(?<![a-z])(?:than|unlike|behind|surpass\w*|beating|eclips\w+|overtak\w+|exceed\w*"
    rf"|just like|similar to|as big as|on par with|rank\w+ (?:\w+ ){{0,2}}after)(?: that of)? "
    rf"(?:the |its |fellow ){{0,2}}{_SOME_WORDS}"
    rf"|(?:biggest|largest|first|record|second|third)[^.;]{{1,60}} (?:since|after) {_SOME_WORDS})$"
)
_EARLIER_BEFORE: Final = re.compile(
    rf"(?:继(?:\d{{4}}年)?(?:大罚|重罚|处罚)?|繼|(?<![a-z])(?:since|follow(?:s|ing)|echo\w*) "
    rf"(?:the |china's dramatic |a ){{0,2}}{_SOME_WORDS})$"
)
_EARLIER_AFTER: Final = re.compile(r"(?:[^,.;。]{0,12}(?:之后|之後|以后|以後|后,|後,))|'s? ")
_OWNS_NEXT: Final = re.compile(
    r"'s? (?:(?!with|against|over|for|and|to|in|by|from|on|as|of)[a-z0-9-]+ ){0,5}"
    r"| (?:[a-z-]+ ){0,2}(?:affiliate|arm|unit|subsidiary|spin-?off|offshoot|(?:sub-)?brand|owner) "
    r"|(?:集团|集團|控股|公司)?(?:旗下|控股|持股|参股|关联|系)(?:的|公司|企业|子公司)?[^,。;和与]{0,10}"
    r"|傘下の?"
)
_PART_OF: Final = re.compile(
    rf"(?<![a-z])(?:arm|affiliate|unit|subsidiary|division|part|offshoot|sister (?:company|firm))"
    rf" (?:of|to) (?:the )?{_SOME_WORDS}$"
)
_LISTED: Final = re.compile(
    r"(?:[ ,.、/&+()'\"-]|and|or|und|et|y|as well as|along with|together with|plus"
    r"|与|與|和|及|以及|跟|或"
    r"|ltd|inc|corp|co|group|holdings?|limited|plc|集团|集團|公司|控股|sw|units? of|旗下|则|則"
    r"|\d{3,5}[.-]hk|nasdaq|nyse|hkex|baba|bidu){0,24}"
)
_SAME_NAME: Final = re.compile(
    r"(?: ?(?:group|holdings?|ltd|limited|inc|corp|co)\.?,?){0,4} ?[(\[]"
)


class Mention(NamedTuple):
    """A company named in a folded text: its key, and whether by a person that stands for it."""

    key: str
    start: int
    end: int
    person: bool = False


def are_listed(text: str, one: Mention, two: Mention) -> bool:
    """Return whether only the joints of a list lie between two names, *one* the earlier."""
    gap = two.start - one.end
    return gap <= _LOOK_ON and _LISTED.fullmatch(text, one.end, max(one.end, two.start)) is not None


def asides(text: str, mentions: Sequence[Mention]) -> list[str | None]:
    """Return for each of the *mentions* in one sentence why it is no subject, or None.

    *text* is the folded field; the mentions are in order of place. Takes time linear in them.
    """
    found = [_aside(text, mention) for mention in mentions]
    for at in range(1, len(mentions)):
        one, two = mentions[at - 1], mentions[at]
        if one.key != two.key and not found[at - 1]:
            found[at - 1] = _owner_of_next(text, one, two)
        if one.key != two.key and not found[at] and not found[at - 1]:
            found[at] = _owner_of_last(text, one, two)
        found[at] = found[at] or _as_before(text, one, two, found[at - 1])
    for at in range(len(mentions) - 1, 0, -1):
        hyphened = text.startswith(("-", " -"), mentions[at].end)
        if hyphened and found[at] == ROLE and not found[at - 1]:
            one, two = mentions[at - 1], mentions[at]
            found[at - 1] = ROLE if are_listed(text, one, two) else None
    firms = {it.key for it, problem in zip(mentions, found, strict=True) if not it.person}
    return [
        problem or (PERSON if mention.person and firms - {mention.key} else None)
        for mention, problem in zip(mentions, found, strict=True)
    ]


def _aside(text: str, mention: Mention) -> str | None:
    before = text[max(0, mention.start - _LOOK_BACK) : mention.start]
    after = text[mention.end : mention.end + _LOOK_ON]
    if _ROLE_AFTER.match(after) or _ROLE_BEFORE.search(before):
        return ROLE
    if _COMPARED_BEFORE.search(before):
        return COMPARED
    if _EARLIER_BEFORE.search(before) and _EARLIER_AFTER.match(after):
        return EARLIER
    return None


def _owner_of_next(text: str, one: Mention, two: Mention) -> str | None:
    if two.start - one.end > _LOOK_ON or two.start <= one.end:
        return None
    return ROLE if _OWNS_NEXT.fullmatch(text, one.end, two.start) else None


def _owner_of_last(text: str, one: Mention, two: Mention) -> str | None:
    start = max(one.end, two.start - _LOOK_BACK)
    return ROLE if _PART_OF.search(text[start : two.start]) else None


def _as_before(text: str, one: Mention, two: Mention, problem: str | None) -> str | None:
    """Return *problem* of the mention before if it goes for the next one too."""
    if problem is None or problem == PERSON:
        return None
    if one.key == two.key:
        gap = min(two.start, one.end + _LOOK_ON)
        again = two.start <= gap and _SAME_NAME.fullmatch(text, one.end, gap)
        return problem if again else None
    owner = _OWNS_NEXT.fullmatch(text, one.end, max(one.end, two.start))
    return problem if not owner and are_listed(text, one, two) else None
