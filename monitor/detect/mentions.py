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

_LOOK_BACK: Final = 90  # characters
_LOOK_ON: Final = 40
_SOME_WORDS: Final = r"(?:[\w.&-]+ ){0,5}"  # "its largest shareholder, Chinese e-commerce giant"
_HAN: Final = r"[\u3400-\u9fff]"

# Behind a name: "Tencent-backed X", "Alibaba rival X", "Tencent, which owns", 华为供应商.
_ROLE_AFTER: Final = re.compile(
    r"[- ](?:backed|owned|funded|invested|affiliated|linked|controlled|supported|led)(?![a-z])"
    r"|(?:'s)? (?:(?:smaller|bigger|arch|fellow|main|top|key|major) )?"
    r"(?:rival|competitor|supplier|partner|investor|backer|alumn\w+|veteran)(?![a-z])"
    r"|(?:'s)? as (?:[a-z]+ ){0,3}(?:client|customer|supplier|investor|backer|shareholder)(?![a-z])"
    r"|,? (?:which |also ){0,2}(?:owns|holds (?:a|about|around|\d)|is an? (?:investor|backer))"
    r"| news (?:says?|said|report\w*)"
    r"|系|(?:旗下)?(?:哈勃|战投|产投|资本|创投|基金)?"
    r"(?:投资的|参股|持股|领投|参投|入股|支持的|押注的|加持的)"
    r"|为(?:其)?第.{1,2}大(?:股东|客户)|概念股|供应商|代工|生态链"
    r"|(?:集团)?前(?:员工|高管|ceo|总裁)|搜索[\"「《]|《"
)
# What is said of the last of a list goes for all of it: "A and B-backed", A、B投资的.
_ROLE_OF_LIST: Final = re.compile(rf" ?-|{_HAN}{{1,6}}的?")
_FORMER: Final = ("前", "原")  # of 前阿里高管
_STAFF: Final = re.compile(r"(?:集团|巴巴)?(?:高管|员工|总裁|副总|ceo|技术|合伙人)")
# Before a name: "backed by SoftBank and X", "rivals such as X", 来自X.
_ROLE_BEFORE: Final = re.compile(
    r"(?:(?<![a-z])(?:"
    r"spun (?:off|out) (?:from|of)|spin-?off (?:from|of)|split from|stake in|in which"
    r"|(?:backed|owned|funded|supported|controlled) by|affiliate of|filiale d(?:e|')|tochter von"
    r"|invest(?:s|ed|ing|ments?|ors?)? (?:in|from|by)|partners with|partnering with"
    r"|rivals?(?: (?:of|to|with|run by))?|rival platforms run by|competitors?"
    r"|compet\w+ (?:\w+ ){0,3}(?:with|from|against)|suppl\w+ (?:\w+ ){0,2}(?:to|for)"
    r"|(?:rivals?|customers?|investors|backers|players|makers|brands|manufacturers)(?: \w+){0,2},?"
    r" (?:such as|like|includ\w+)"
    rf"|former|despite|counts) (?:the |its )?{_SOME_WORDS}"
    r"|(?<![a-z])ex-|来自|背靠|除了|不像|出售后,|依托|剥离自|独立自|从)$"
)
_COMPARED_BEFORE: Final = re.compile(
    r"(?:(?:超过|低于|不及|仅次于|不同于|相比|对标|堪比|类似|媲美|超越|追赶)(?:了)?"
    r"|(?<![a-z])(?:than|unlike|behind|below|surpass\w*|beating|eclips\w+|overtak\w+|exceed\w*"
    r"|just like|similar to|as big as|on par with|rank\w+ (?:\w+ ){0,2}after)(?: that of)? "
    rf"(?:the |its |fellow ){{0,2}}{_SOME_WORDS}"
    rf"|(?:biggest|largest|first|record|second|third)[^.;]{{1,60}} (?:since|after) {_SOME_WORDS})$"
)
# "following Alibaba's fine", 继阿里巴巴之后: an earlier case, told beside the new one.
_EARLIER_BEFORE: Final = re.compile(
    r"(?:继(?:\d{4}年)?(?:大罚|重罚|处罚)?|(?<![a-z])(?:since|follow(?:s|ing)|echo\w*"
    rf"|(?:days|weeks|months|years?|comes|came|soon) after) (?:the |a )?{_SOME_WORDS})$"
)
_EARLIER_AFTER: Final = re.compile(r"(?:[^,.;。]{0,12}(?:之后|以后|后,))|'s? ")
# Between two names, the first of which owns the second: "Alibaba's fintech affiliate Ant".
_OWNS_NEXT: Final = re.compile(
    r"'s? (?:(?!with|against|over|for|and|to|in|by|from|on|as|of)[a-z0-9-]+ ){0,2}"
    r"|'s? (?:[a-z0-9-]+ ){0,4}(?:affiliate|arm|unit|subsidiary|spin-?off|giant|company|firm),? "
    r"| (?:[a-z-]+ ){0,2}(?:affiliate|arm|unit|subsidiary|spin-?off|offshoot|(?:sub-)?brand|owner) "
    r"|(?:集团|控股|公司)?(?:旗下|控股|持股|参股|关联|系)(?:的|公司|企业|子公司)?[^,。;和与]{0,10}"
    r"|傘下の?"
)
# Before a name, behind that of what it owns: "Ant Group, the fintech arm of Alibaba".
_PART_OF: Final = re.compile(
    r"(?<![a-z])(?:arm|affiliate|unit|subsidiary|division|part|offshoot|sister (?:company|firm))"
    rf" (?:of|to) (?:the )?{_SOME_WORDS}$"
)
_LISTED: Final = re.compile(
    r"(?:[ ,.、/&+()'\"-]|and|or|und|et|y|as well as|along with|together with|plus"
    r"|与|和|及|以及|跟|或|ltd|inc|corp|co|group|holdings?|limited|plc|集团|公司|控股|sw|units? of"
    r"|旗下|则|\d{3,5}[.-]hk|nasdaq|nyse|hkex|baba|bidu){0,24}"
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
        one, two = mentions[at - 1], mentions[at]
        if found[at] == ROLE and not found[at - 1] and _ROLE_OF_LIST.match(text, two.end):
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
    if before.endswith(_FORMER) and _STAFF.match(after):
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
    if problem != ROLE and text[one.end : two.start] == ", ":
        return None
    owner = _OWNS_NEXT.fullmatch(text, one.end, max(one.end, two.start))
    return problem if not owner and are_listed(text, one, two) else None
