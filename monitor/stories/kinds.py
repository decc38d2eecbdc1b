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


class _Words:
    """What headlines say: in Han, wherever it stands, or as words of Latin letters.

    A headline in ASCII is asked for the latter only. They are looked for by what stands before a
    word, so that a search skips to the next of them.
    """

    def __init__(self, han: str, latin: str) -> None:
        self._han = lazy(han)
        self._latin = lazy(rf"[^a-z](?:{latin})")

    def find(self, folded: str) -> int | None:
        """Return where the first of them begins, None if there is none."""
        latin = self._latin.search(f" {folded}")  # so its blank's place here is that of the word
        han = None if folded.isascii() else self._han.search(folded)
        if latin and han:
            return min(latin.start(), han.start())
        found = latin or han
        return found.start() if found else None


_ROUND_UP: Final = _Words(
    han=r"早报|晚报(?!道)|午报|早餐|早知道|早新闻|早参|[0-9]{1,2}点1氪|氪星|要闻(?:精选|汇总|速览|回顾|一览)"
    r"|(?:今日|每日|本周|一周|昨夜今晨|隔夜)[^,。:]{0,6}(?:要闻|头条|速递|热点|回顾|新闻)|新闻联播|速览|财经日历",
    latin=r"(?:(?:morning|evening|daily|weekly|news|market|tech|asia|china) "
    r"(?:brief(?:ing)?|digest|wrap(?:-up)?|round-?up|bulletin|newsletter|recap)"
    r"|round-?up|newsletter|week in review|(?:today|this week) in|top (?:news|stories)"
    r"|(?:five|5|ten|10|[0-9]) (?:things|stories)|what to watch|live updates?|headlines"
    r"|presseschau|tagesüberblick|revue de presse|l'essentiel)(?![a-z])",
)
_OPINION: Final = lazy(
    r"社评|社论|评论员|(?:快|热|锐|时|短)评|(?:观察|观点|评论|专栏|深度|解读)[|:]|如何看待|如何评价|怎么看"
    r"|如何解读|哪些(?:信息|影响|信号|问题|警示|变化)|意味着什么|对话|专访"
)
_OPINION_FIRST: Final = lazy(
    r"(?:opinion|op-ed|editorial|commentary|comment|column|analysis|viewpoint|breakingviews|lex"
    r"|kommentar|tribune|analyse|opinión) ?[:|–—-]"
)
_OPINION_LAST: Final = lazy(
    r"[:|–—-] ?(?:opinion|op-ed|editorial|commentary|analysis|breakingviews)$"
)
_REACTION: Final = _Words(
    han=r"回应|评[^估级选审论测]|股价|大涨|大跌|涨超|跌超|盘前|(?:涨|跌)[0-9]|应声|株価|高$|安$",
    latin=r"(?:responds?|responded|replies|replied|reacts?|reacted|reaction|(?:shares|stocks?|adrs?)"
    r" (?:\w+ )?(?:up|down|rise|rises|rose|fall|falls|fell|drop|drops|dropped|jumps?|jumped"
    r"|surges?|surged"
    r"|slides?|slid|slips?|slipped|sinks?|sank|plunges?|plunged|tumbles?|tumbled|gains?|gained"
    r"|soars?"
    r"|soared|dives?|dove|climbs?|climbed|pops?|rally|rallies|rallied|taken? a)"
    r"|aktien?|kurs|reagiert|bourse|réagit|répond)(?![a-z])"
    r"|(?:pops|jumps|surges|soars|slides|plunges|tumbles|rallies|drops|slumps) [0-9]",
)

_FORETOLD: Final = _Words(
    han=r"或将|或被|或因|或遭|或面临|恐将|恐遭|恐被|恐面临|恐因|将会?(?:因|被|遭|对)|网传|据传|传(?=[^统说闻递播媒])|传将|拟|考虑|准备|可能|面临|有望",
    latin=r"(?:may|might|could|would|will|faces?|facing|expected to|set to|considers?|considering"
    r"|weighs?|weighing|mulls?|plans? to|planning|prepar(?:es|ing)|prepares to|readies|readying"
    r"|likely"
    r"|looming|looms|threatens?|seeks to|to be (?:fined|probed|investigated)|devrait|pourrait"
    r"|risque"
    r"|to (?:sue|fine|probe|investigate|block|ban|order|open|launch|appeal|face)|envisag\w*|soll"
    r"|droht|könnte|podría|potrebbe|poderá)(?![a-z])",
)
_DONE: Final = _Words(
    han=r"已|正式|宣布|(?<!将)(?<!或)被罚[0-9]|开出",
    latin=r"(?:(?:is|was|been|gets?|got) fined|fined|imposed?s?|slapped|slaps|hit with|hits"
    r"|orders|ordered"
    r"|launche[sd]|opene?[sd]?|blocked|blocks|approve[sd]|inflige|verhängt|condamné\w*)(?![a-z])",
)


def is_foretold(title: str) -> bool:
    """Return whether a headline tells of what is feared, expected or only said to come."""
    folded = fold(title).text
    start = _FORETOLD.find(folded)
    return start is not None and _DONE.find(folded[:start]) is None


@lru_cache(maxsize=_ASKED)
def is_comment(title: str) -> bool:
    """Return whether a headline announces a round-up or an opinion."""
    folded = fold(title).text
    return (
        _ROUND_UP.find(folded) is not None
        or _OPINION_FIRST.match(folded) is not None
        or _OPINION_LAST.search(folded) is not None
        or (not folded.isascii() and _OPINION.search(folded) is not None)
    )


def is_reaction(title: str) -> bool:
    """Return whether a headline tells of an answer, an editorial or a share move."""
    return _REACTION.find(fold(title).text) is not None
