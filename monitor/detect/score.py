"""Score: how surely a text tells of a company and a topic, as a sum of named parts.

* Company and topic in one sentence is nearly enough; neighbouring sentences need more to go by:
  a headline about that company alone, or words that lead back to it ("the company", 该公司).
* The headline says who the text is about. What the summary tells of others, above all in the past
  ("last year", 此前), is told as background.
* Of several companies in a sentence the event is that of those in its own clause.
* From THRESHOLD up a match is reported, from POSSIBLE up a reader is still offered it.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from itertools import pairwise
from typing import TYPE_CHECKING, Final, NamedTuple

from monitor.detect.facts import distance
from monitor.detect.mentions import Mention, are_listed
from monitor.model import ScorePart, Strength

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from monitor.detect.facts import Gathered
    from monitor.detect.places import Place, Text
    from monitor.model import Term

THRESHOLD: Final = 0.5
POSSIBLE: Final = 0.3

NEAR: Final = 30  # characters
WIDE: Final = 160

TOGETHER: Final = ScorePart("company and topic in one sentence", 0.6)
APART: Final = ScorePart("company and topic in neighbouring sentences", 0.35)
IN_TITLE: Final = ScorePart("in the title", 0.1)
CLOSE: Final = ScorePart("close together", 0.1)
STAGE: Final = ScorePart("a stage is named", 0.05)
REGULATOR: Final = ScorePart("a regulator is named", 0.05)
AMOUNT: Final = ScorePart("an amount is named", 0.05)
LEDE: Final = ScorePart("headline and first sentences tell it together", 0.1)
AT_LARGE: Final = ScorePart("the sentence is about companies at large", -0.15)
LED_BACK: Final = ScorePart("words lead back to the company", 0.1)
ECHO: Final = ScorePart("the company's sentence tells of an event", 0.15)
AMBIGUOUS_NAME: Final = ScorePart("the name has other meanings", -0.05)
AMBIGUOUS_WORD: Final = ScorePart("the topic's word has other meanings", -0.05)
FAR: Final = ScorePart("far apart", -0.15)
OTHER_BETWEEN: Final = ScorePart("another company stands between", -0.25)
OTHER_CLAUSE: Final = ScorePart("another company stands in the topic's clause", -0.4)
OTHER_HEADLINE: Final = ScorePart("the headline is about another company", -0.15)
SAME_TOPIC: Final = ScorePart("the headline tells the topic of another", -0.2)
NO_HEADLINE: Final = ScorePart("the headline tells the topic without the company", -0.1)
IN_PAST: Final = ScorePart("told as background", -0.2)
LONG_PAST: Final = ScorePart("told as long past", -0.25)
EXAMPLE: Final = ScorePart("named as an example", -0.15)

_CLAUSE_END: Final = re.compile(
    r",(?!\d{3})|[;:]|(?<![a-z])(?:while|whereas|but|although|though|after|when|which|whose|because"
    r"|as(?! (?:part|a|an|well|it|its|the|of|soon|early|much)(?![a-z])))(?![a-z])|而(?!且)|但"
)
_PAST: Final = re.compile(
    r"(?<![a-z])(?:last (?:year|month|week|january|february|march|april|may|june|july|august"
    r"|september|october|november|december|summer|autumn|spring|winter)|(?:earlier|late) this \w+"
    r"|previously|formerly|(?:years?|months?|weeks?|days) (?:ago|earlier|after|since)"
    r"|recent (?:months|years)|back in|had (?:been|to|already)|has since|was once"
    r"|in (?:early |late |mid-?)?(?:(?:january|february|march|april|may|june|july|august|september"
    r"|october|november|december)(?: (?:19|20)\d\d)?|(?:19|20)\d\d))(?![\w-]| \d)"
    r"|此前|曾|早前|稍早|今年早些|目前,?已|一度"
)
_LONG_AGO: Final = re.compile(
    r"(?<![a-z])(?:last year|years? (?:ago|earlier)|since (?:it|the \w+) (?:went|listed)"
    r"|in (?:(?:january|february|march|april|may|june|july|august|september|october|november"
    r"|december) )?(?:of )?(?:19|20)\d\d)(?![\w-]| \d)"
    r"|于?(?:19|20)\d\d年|当时|当年|去年|前年|早在|以来"
)
_EXAMPLE: Final = re.compile(
    r"(?:(?<![a-z])(?:such as|including|includes?|like|e\.g\.|for example,?|fellow|affiliate)"
    r" (?:[\w.&-]+ ){0,4}|例如|诸如|比如|包括了?|像|如)$"
)
_LEADS_BACK: Final = re.compile(
    r"(?<![a-z])(?:the companies|(?:the|chinese|fellow|[a-z]+-based) (?:[\w-]+ ){0,3}"
    r"(?:company|firm|group|conglomerate|giant|titan|startup|unit|platform|maker|behemoth"
    r"|powerhouse)|d(?:er|em|en|as) (?:konzern|unternehmen)|l'entreprise|le groupe|la société"
    r"|la empresa|la compañía)(?![a-z])|该公司|该集团|该平台|该企业|公司|集团|该案|同社"
)
_PARTIES: Final = re.compile(
    r"(?<![a-z])(?:v\.?|vs\.?|versus|sue[sd]?|suing|lawsuit|loses to|lost to|against|accus\w+"
    r"|complain\w+|merg\w+|tie-?up|acqui\w+|buy\w*|takeover)(?![a-z])|诉|告|赔|合并|收购|举报|指控"
)
_AT_LARGE: Final = re.compile(
    r"(?<![a-z])(?:chinese|tech|internet|technology|us|foreign|big|listed) (?:tech |internet )?"
    r"(?:companies|firms|platforms|giants|stocks|groups)(?![a-z])"
    r"|中概股|平台企业|互联网企业|中国企业|科技公司"
)
_LOOK: Final = 200  # characters of a clause looked at, on either side
_BEFORE_CLAUSE: Final = 14  # characters: "months" of "months after" stands outside the clause
_EXAMPLE_LENGTH: Final = 50
_LONGEST_LIST: Final = 20  # companies; a longer one is no list that anybody reads
_OTHERS: Final = 8  # companies between two places that are looked at


class Pair(NamedTuple):
    """A place of the company and one of the topic; None for a company bound by its feed."""

    company: Place | None
    topic: Place

    @property
    def together(self) -> bool:
        """Whether both are in one sentence."""
        return self.company is None or self.company[:2] == self.topic[:2]


class Scene(NamedTuple):
    """What an article tells beside the pair: companies that count by sentence, in order.

    *headline* are those of the title; *told_in_title* the topics the title has a word of;
    *eventful* the sentences that name a stage.
    """

    texts: Sequence[Text]
    terms: Sequence[Term]
    named: Mapping[tuple[int, int], Sequence[Mention]]
    headline: frozenset[str]
    told_in_title: frozenset[str]
    eventful: frozenset[tuple[int, int]]


def total(parts: Sequence[ScorePart]) -> float:
    """Return the sum of *parts*, held between 0 and 1."""
    return round(min(max(sum(part.value for part in parts), 0.0), 1.0), 2)


def judge_pair(scene: Scene, company: str, topic: str, pair: Pair) -> list[ScorePart]:
    """Return the parts that the places of *pair* give; those of the facts come on top."""
    name, word = pair
    parts = [TOGETHER if pair.together else APART]
    if word.field == 0 and (pair.together or name is None or name.field != 0):
        parts.append(IN_TITLE)
    if scene.terms[word.term].strength is Strength.CONTEXT:
        parts.append(AMBIGUOUS_WORD)
    if name is None:
        return parts
    if scene.terms[name.term].strength is Strength.CONTEXT:
        parts.append(AMBIGUOUS_NAME)
    if pair.together:
        parts += _distances(scene, company, name, word)
    else:
        parts += _leads(scene, name, word)
    return parts + _headline(scene, company, topic, name, word)


def fact_parts(told: Gathered) -> list[ScorePart]:
    """Return what the facts told beside a pair give to its score."""
    held = ((told.stage, STAGE), (told.regulator, REGULATOR), (told.amounts, AMOUNT))
    return [part for fact, part in held if fact]


def _distances(scene: Scene, company: str, name: Place, word: Place) -> list[ScorePart]:
    far = distance(name, word)
    parts = [CLOSE] if far <= NEAR else [FAR] if far > WIDE else []
    start, end = _clause(scene.texts[word.field], word)
    others = _others(scene, company, name, word, (start, end))
    if not start <= name.start < end and any(start <= it.start < end for it in others):
        parts.append(OTHER_CLAUSE)
    elif any(
        min(name.start, word.start) < it.start < max(name.start, word.start)
        and not _is_party(scene.texts[word.field].folded.text, name, it)
        for it in others
    ):
        parts.append(OTHER_BETWEEN)
    return parts


def _others(
    scene: Scene, company: str, name: Place, word: Place, clause: tuple[int, int]
) -> list[Mention]:
    """Return the companies from *name* to the topic's clause that are not listed with *name*."""
    text = scene.texts[name.field].folded.text
    mentions = scene.named[name[:2]]
    low = bisect_left(mentions, min(name.start, clause[0]), key=_start)
    high = bisect_right(mentions, max(name.start, word.start, clause[1]), key=_start)
    at = bisect_left(mentions, name.start, low, high, key=_start)
    near = mentions[max(low, at - _OTHERS) : min(high, at + _OTHERS)]
    return [it for it in near if it.key != company and not _chained(text, near, name, it)]


def _is_party(text: str, name: Place, other: Mention) -> bool:
    """Return whether the two are parties of one case or deal, by what lies between them."""
    start, end = min(name.end, other.end), max(name.start, other.start)
    return _PARTIES.search(text, start, min(end, start + _EXAMPLE_LENGTH)) is not None


def _start(mention: Mention) -> int:
    return mention.start


def _chained(text: str, mentions: Sequence[Mention], one: Place, two: Mention) -> bool:
    start, end = sorted((one.start, two.start))
    low, high = bisect_left(mentions, start, key=_start), bisect_right(mentions, end, key=_start)
    if high - low > _LONGEST_LIST:
        return False
    return all(are_listed(text, *both) for both in pairwise(mentions[low:high]))


def _clause(text: Text, word: Place) -> tuple[int, int]:
    """Return where the clause of *word* starts and ends; at most _LOOK characters either way."""
    first, last = text.sentences.span(word.sentence)
    low, high = max(first, word.start - _LOOK), min(last, word.end + _LOOK)
    start = low
    for mark in _CLAUSE_END.finditer(text.folded.text, low, word.start):
        start = mark.end()
    cut = _CLAUSE_END.search(text.folded.text, word.end, high)
    end = cut.start() if cut else high
    seams = text.folded.seams  # in Chinese headlines a blank parts clauses
    before, after = bisect_right(seams, word.start) - 1, bisect_left(seams, word.end)
    start = max(start, seams[before]) if before >= 0 else start
    return start, min(end, seams[after]) if after < len(seams) else end


def _leads(scene: Scene, name: Place, word: Place) -> list[ScorePart]:
    text = scene.texts[word.field]
    start, end = text.sentences.span(word.sentence)
    low, high = max(start, word.start - _LOOK), min(end, word.end + _LOOK)
    back = _LEADS_BACK.search(text.folded.text, low, high)
    lede = word.field != name.field
    large = _AT_LARGE.search(text.folded.text, low, high)
    echo = name.field == 0 and name[:2] in scene.eventful
    told = ((lede, LEDE), (back, LED_BACK), (echo, ECHO), (large, AT_LARGE))
    return [part for holds, part in told if holds]


def _headline(scene: Scene, company: str, topic: str, name: Place, word: Place) -> list[ScorePart]:
    if word.field == 0:
        return []
    text = scene.texts[word.field]
    start, end = _clause(text, word)
    start = max(text.sentences.span(word.sentence)[0], start - _BEFORE_CLAUSE)
    if company in scene.headline:
        long_ago = topic not in scene.told_in_title and _LONG_AGO.search(
            text.folded.text, start, end
        )
        return [LONG_PAST] if long_ago else []
    parts = []
    if scene.headline and not _beside_headline(scene, name):
        parts.append(OTHER_HEADLINE)
        parts += [SAME_TOPIC] if topic in scene.told_in_title else []
    elif topic in scene.told_in_title and word.sentence > 0:
        parts.append(NO_HEADLINE)
    if _LONG_AGO.search(text.folded.text, start, end):
        parts.append(LONG_PAST)
    elif _PAST.search(text.folded.text, start, end):
        parts.append(IN_PAST)
    before = scene.texts[name.field].folded.text[max(0, name.start - _EXAMPLE_LENGTH) : name.start]
    return [*parts, EXAMPLE] if _EXAMPLE.search(before) else parts


def _beside_headline(scene: Scene, name: Place) -> bool:
    """Return whether *name* is one of a list with a company of the headline."""
    text = scene.texts[name.field].folded.text
    mentions = scene.named[name[:2]][:_OTHERS]
    return any(it.key in scene.headline and _chained(text, mentions, name, it) for it in mentions)
