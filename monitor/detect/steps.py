"""Steps: whether words of a stage or a regulator say that the step was taken, and by whom.

* "Plans to file", "expected to be approved", 拟递交 tell of an intention: the stage is a plan.
* "Not approved", "has yet to file", 尚未获批 tell of no step at all.
* An exchange named for a ticker ("NYSE: BABA"), a style ("Nasdaq-listed") or as the home of older
  shares (在纽交所上市的) takes no part.
* Each pattern looks at a bounded stretch beside the words.
"""

from __future__ import annotations

import re
from typing import Final

PLAN: Final = "plan"  # the stage of a step that is intended
_STEPS: Final = frozenset({"filing", "approval", "pricing", "listed"})

_LOOK_BACK: Final = 48
_LOOK_ON: Final = 24

_INTENDED: Final = re.compile(
    r"(?:(?<![a-z])(?:will|to|plans?|planned|planning|seek(?:s|ing)?|eye(?:s|d|ing)?|mull(?:s|ed|ing)?"
    r"|consider(?:s|ed|ing)?|weigh(?:s|ed|ing)?|may|might|could|would|should|expect(?:s|ed)?|likely"
    r"|aim(?:s|ed|ing)?|target(?:s|ed|ing)?|hopes?|await(?:s|ed|ing)?|pending|potential|possible"
    r"|proposed|upcoming|ahead of|bound for|prepar(?:es|ed|ing) for|intends?|subject to|possibly) "
    r"(?:(?!have|has|had|was|were|said|been)[\w'-]{1,20} ){0,4}"
    r"|(?:拟|将|计划|考虑|筹备|准备|有望|或|传|即将|预计|寻求|谋求|最快|部署|争取|酝酿|冲刺|等待|有待|须经|需经)"
    r"[^,;。]{0,10})$"
)
_DONE: Final = re.compile(r".*(?:ed|began)$|.*(?:被|已|获|过)")
_PASSIVE: Final = re.compile(r"(?<![a-z])be (?:\w{1,15} )?$")
_DENIED: Final = re.compile(
    r"(?:(?<![a-z])(?:not|never|no|without|nor|yet(?: to(?: be)?)?|fail(?:s|ed)? to|cannot"
    r"|\w{2,6}n't) "
    r"(?:(?:yet|been|be|get|got|formally|any|a|an|the|received?|obtain(?:ed)?|won|win) ){0,3}"
    r"|(?:没有|尚未|并未|从未|未能|未有|未获|不会|还没|未|没)[^,;。]{0,3})$"
)
_TICKER: Final = re.compile(
    r"\s?(?::\s?[a-z0-9]|\sfilings?(?![a-z])|-(?:listed|style|traded|like|based)"
    r"| (?:listed|traded|ticker|symbol)(?![a-z])"
    r"|\.[a-z]{1,2}|(?:挂牌)?(?:上市|挂牌)?的(?!上市|申请|聆讯)|(?:上市|挂牌)公司)"
)
_ASKED_FOR: Final = re.compile(r"(?:建议|请求|呼吁|(?:calls?|called|calling) for a?)[^,;。]{0,8}$")
_EARLIER: Final = re.compile(r"[^,;。a-z]{0,4}(?:以后|之后|后)(?!续)")
_OF_OLD: Final = re.compile(r"(?:挂牌|上市){0,2}的(?!(?:上市|申请|聆讯))")
_BESIDES: Final = re.compile(
    r"(?:adding to|in addition to|besides|alongside|除了?|继)(?: its| the)? ?$"
)


def is_intended(text: str, bounds: tuple[int, int], start: int, end: int, stage: str) -> bool:
    """Return whether the words of *stage* at *start* tell of a step that is yet to be taken."""
    if stage not in _STEPS:
        return False
    before = text[max(bounds[0], start - _LOOK_BACK) : start]
    if _DONE.fullmatch(text[start:end][-_LOOK_ON:]) and not _PASSIVE.search(before):
        return False
    return _INTENDED.search(before) is not None


def is_untold(text: str, bounds: tuple[int, int], start: int, end: int, stage: str) -> bool:
    """Return whether the words of *stage* are denied, or tell of no step of the case.

    Such are an old listing (挂牌上市的) and a fine that is only asked for (建议罚款).
    """
    if stage == "listed" and _OF_OLD.match(text, end):
        return True
    if stage == "fine" and _ASKED_FOR.search(text[max(bounds[0], start - _LOOK_BACK) : start]):
        return True
    return _DENIED.search(text[max(bounds[0], start - _LOOK_BACK) : start]) is not None


def is_earlier(text: str, end: int) -> bool:
    """Return whether words that end at *end* tell what came before the news: 叫停后重新递表."""
    return _EARLIER.match(text, end) is not None


def takes_no_part(text: str, bounds: tuple[int, int], start: int, end: int) -> bool:
    """Return whether a name from *start* to *end* is but that of a ticker, a style or a home."""
    before = text[max(bounds[0], start - _LOOK_BACK) : start]
    ticker = _TICKER.match(text, end, min(bounds[1], end + _LOOK_ON))
    return ticker is not None or _BESIDES.search(before) is not None
