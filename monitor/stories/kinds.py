"""Kinds: which articles are no report of their own, by the words of their headline.

* A comment is a round-up of many news (早报, morning brief) or an opinion: it never heads a story
  and never changes a stage.
* A reaction is an answer, a comment or a share move: news of the day it appears, not of the day
  of what it reacts to.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from monitor.text.folding import fold
from monitor.text.patterns import lazy

_ASKED: Final = 4096  # headlines: of a hit that is grouped it is asked again and again

_ROUND_UP: Final = lazy(
    r"早报|晚报(?!道)|午报|早餐|早知道|早新闻|早参|[0-9]{1,2}点1氪|氪星|要闻(?:精选|汇总|速览|回顾|一览)"
    r"|(?:今日|每日|本周|一周|昨夜今晨|隔夜)[^,。:]{0,6}(?:要闻|头条|速递|热点|回顾|新闻)|新闻联播|速览|财经日历"
    r"|(?<![a-z])(?:morning|evening|daily|weekly|news|market|tech|asia|china) "
    r"(?:brief(?:ing)?|digest|wrap(?:-up)?|round-?up|bulletin|newsletter|recap)(?![a-z])"
    r"|(?<![a-z])(?:round-?up|newsletter|week in review|(?:today|this week) in|top (?:news|stories)"
    r"|(?:five|5|ten|10|[0-9]) (?:things|stories)|what to watch|live updates?|headlines)(?![a-z])"
    r"|(?<![a-z])(?:presseschau|tagesüberblick|revue de presse|l'essentiel)(?![a-z])"
)
_OPINION: Final = lazy(
    r"^(?:opinion|op-ed|editorial|commentary|comment|column|analysis|viewpoint|breakingviews|lex"
    r"|kommentar|tribune|analyse|opinión)(?: ?[:|–—-])"
    r"|(?:[:|–—-] ?)(?:opinion|op-ed|editorial|commentary|analysis|breakingviews)$"
    r"|社评|社论|评论员|(?:快|热|锐|时|短)评|(?:观察|观点|评论|专栏|深度|解读)[|:]|如何看待|如何评价|怎么看"
    r"|如何解读|哪些(?:信息|影响|信号|问题|警示|变化)|意味着什么|对话|专访"
)
_REACTION: Final = lazy(
    r"回应|评[^估级选审论测]|股价|大涨|大跌|涨超|跌超|盘前|(?:涨|跌)[0-9]|应声"
    r"|(?<![a-z])(?:responds?|responded|replies|replied|reacts?|reacted|reaction|(?:shares"
    r"|stocks?|adrs?)"
    r" (?:\w+ )?(?:up|down|rise|rises|rose|fall|falls|fell|drop|drops|dropped|jumps?|jumped"
    r"|surges?|surged"
    r"|slides?|slid|slips?|slipped|sinks?|sank|plunges?|plunged|tumbles?|tumbled|gains?|gained"
    r"|soars?"
    r"|soared|dives?|dove|climbs?|climbed|pops?|rally|rallies|rallied|taken? a))(?![a-z])"
    r"|(?<![a-z])(?:pops|jumps|surges|soars|slides|plunges|tumbles|rallies|drops|slumps) [0-9]"
    r"|株価|高$|安$|(?<![a-z])(?:aktien?|kurs|reagiert|bourse|réagit|répond)(?![a-z])"
)

_FORETOLD: Final = lazy(
    r"或将|或被|或因|或遭|或面临|恐将|恐遭|恐被|恐面临|恐因|将会?(?:因|被|遭|对)|网传|据传|传(?=[^统说闻递播媒])|传将|拟|考虑|准备|可能|面临|有望"
    r"|(?<![a-z])(?:may|might|could|would|will|faces?|facing|expected to|set to|considers?"
    r"|considering"
    r"|weighs?|weighing|mulls?|plans? to|planning|prepar(?:es|ing)|prepares to|readies|readying"
    r"|likely"
    r"|looming|looms|threatens?|seeks to|to be (?:fined|probed|investigated)|devrait|pourrait"
    r"|risque"
    r"|to (?:sue|fine|probe|investigate|block|ban|order|open|launch|appeal|face)|envisag\w*|soll"
    r"|droht|könnte|podría|potrebbe|poderá)(?![a-z])"
)
_DONE: Final = lazy(
    r"(?<![a-z])(?:(?:is|was|been|gets?|got) fined|fined|imposed?s?|slapped|slaps|hit with|hits"
    r"|orders|ordered"
    r"|launche[sd]|opene?[sd]?|blocked|blocks|approve[sd]|inflige|verhängt|condamné\w*)(?![a-z])"
    r"|已|正式|宣布|(?<!将)(?<!或)被罚[0-9]|开出"
)


def is_foretold(title: str) -> bool:
    """Return whether a headline tells of what is feared, expected or only said to come."""
    folded = fold(title).text
    found = _FORETOLD.search(folded)
    return found is not None and _DONE.search(folded, 0, found.start()) is None


@lru_cache(maxsize=_ASKED)
def is_comment(title: str) -> bool:
    """Return whether a headline announces a round-up or an opinion."""
    folded = fold(title).text
    return bool(_ROUND_UP.search(folded) or _OPINION.search(folded))


def is_reaction(title: str) -> bool:
    """Return whether a headline tells of an answer, an editorial or a share move."""
    return _REACTION.search(fold(title).text) is not None
