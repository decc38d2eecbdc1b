"""Places: where companies and topics stand in an article, and which of these places count.

* A name inside a longer company name gives way to it: "Tencent Music" is not "Tencent".
* A company that is only mentioned takes no part; the rules are in `monitor.detect.mentions`.
* A `context` term counts with one of its needs in the sentence. A company's, stage's or
  regulator's also counts where a strong term of the same stands anywhere in the article.
* A place that does not count keeps its problem, in words, so that a miss can be explained.
"""

from __future__ import annotations

import re
from itertools import chain
from operator import itemgetter
from typing import TYPE_CHECKING, Final, NamedTuple

from monitor.detect.mentions import Mention, asides
from monitor.detect.terms import Found
from monitor.model import Evidence, Role, Strength
from monitor.text.folding import fold
from monitor.text.sentences import Sentences

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from monitor.detect.terms import Reading, TermIndex
    from monitor.model import Field, Term
    from monitor.text.folding import Folded

# What may stand between a company's name and a word that counts after one: 小米明天在港上市.
_FILLER: Final = re.compile(
    r"[ (]?(?:集团|公司|科技|控股)?(?:今日|今天|明日|明天|昨日|昨天|本周|下周|今年|明年|年内"
    r"|即将|将|拟|欲|或|有望|正式|已|再次|再度|成功|准备|计划|在|赴|来|回|港|美|香港|美国"
    r"|不|会|能|要|可能|何时|不急于|永不|永远|坚决|从未|从不|没有|暂不|为什么|为何|的|被|遭"
    r"|面临|回应|否认|辟谣|考虑|追求|从|谈"
    r"|申请|筹备|谋求|寻求|启动|重启|冲刺|推迟|延迟|延后|延期|暂缓|暂停|中止|终止|叫停|搁置"
    r"|撤回|取消|放弃|首次|独立|单独|整体|获准|获批|主动)*"
)
_FILLER_LENGTH: Final = 10


class Owner(NamedTuple):
    """What a term belongs to: the company, topic, stage or regulator of that key."""

    role: Role
    key: str


class Place(NamedTuple):
    """Where a term stands: field and sentence by number, a span of the folded field.

    *problem* is None if the place counts, else the reason why it does not.
    """

    field: int
    sentence: int
    start: int
    end: int
    term: int
    problem: str | None = None


class Text:
    """One field of an article with what was found in it; sentences are cut when asked for."""

    def __init__(
        self, number: int, name: Field, text: str, index: TermIndex, folded: Folded | None = None
    ) -> None:
        self.number = number
        self.name: Field = name
        self.text = text
        self.folded: Folded = folded or fold(text)
        self.reading: Reading = index.read(text, self.folded)
        self.found: list[Found] = list(self.reading.terms())
        self._sentences: Sentences | None = None

    @property
    def sentences(self) -> Sentences:
        """The sentences of the folded text."""
        if self._sentences is None:
            self._sentences = Sentences(self.folded.text)
        return self._sentences

    def sentence(self, number: int) -> str:
        """Return a sentence as it stands in the text."""
        start, end = self.sentences.span(number)
        return self.text[slice(*self.folded.span(start, end))]

    def evidence(self, role: Role, start: int, end: int, term: str) -> Evidence:
        """Return the quote of the text that a span of the folded text came from."""
        first, last = self.folded.span(start, end)
        return Evidence(role, self.name, first, last, self.text[first:last], term)

    def places(self) -> Iterator[Place]:
        """Yield what was found by place; a term that runs over a sentence's end is none."""
        for found in self.found:
            sentence = self.sentences.number(found.start)
            if self.sentences.number(found.end - 1) == sentence:
                problem = f'part of "{found.excluded}"' if found.excluded else None
                yield Place(self.number, sentence, found.start, found.end, found.term, problem)


def judge(
    texts: Sequence[Text],
    terms: Sequence[Term],
    owners: Sequence[Owner],
    answers: Iterable[Place] = (),
) -> dict[Owner, list[Place]]:
    """Return every place in *texts* under its owner, in order, with its problem if it has one.

    *answers* are places of queries that the texts answer.
    """
    places: dict[Owner, list[Place]] = {}
    for place in chain(*(text.places() for text in texts), answers):
        places.setdefault(owners[place.term], []).append(place)
    _give_way(places)
    named: set[tuple[int, int]] = set()  # where a company's name ends
    for owner in sorted(places, key=lambda it: it.role is not Role.COMPANY):
        standing = places[owner]
        standing.sort(key=itemgetter(0, 2, 3))
        if owner.role is Role.TOPIC or not any(_is_strong(it, terms) for it in standing):
            standing[:] = [_in_context(place, texts, terms, named) for place in standing]
        if owner.role is Role.COMPANY:
            named |= {(place.field, place.end) for place in standing if not place.problem}
    _stand_aside(texts, terms, places)
    return places


def _give_way(places: dict[Owner, list[Place]]) -> None:
    """Drop names inside longer names of any company, and a topic's words inside its longer ones."""
    companies = [owner for owner in places if owner.role is Role.COMPANY]
    _keep_longest(places, companies)
    for owner in [owner for owner in places if owner.role is Role.TOPIC]:
        _keep_longest(places, [owner])


def _keep_longest(places: dict[Owner, list[Place]], owners: list[Owner]) -> None:
    names = sorted(
        {place[:4] for owner in owners for place in places[owner] if not place.problem},
        key=lambda name: (name[0], name[2], -name[3]),
    )
    inside = set(_inside(names))
    for owner in owners if inside else ():
        places[owner] = [place for place in places[owner] if place[:4] not in inside]


def _inside(names: Iterable[tuple[int, int, int, int]]) -> Iterator[tuple[int, int, int, int]]:
    longest = (-1, -1)
    for name in names:
        if (name[0], name[3]) <= longest:
            yield name
        else:
            longest = (name[0], name[3])


def _stand_aside(
    texts: Sequence[Text], terms: Sequence[Term], places: dict[Owner, list[Place]]
) -> None:
    """Give the names that are no subject of their sentence the reason why as their problem."""
    sentences: dict[tuple[int, int], list[tuple[Mention, list[Place], int]]] = {}
    for owner, standing in places.items():
        for at, place in enumerate(standing if owner.role is Role.COMPANY else ()):
            if not place.problem:
                mention = Mention(owner.key, place.start, place.end, terms[place.term].person)
                sentences.setdefault(place[:2], []).append((mention, standing, at))
    for (field, _), found in sentences.items():
        found.sort(key=lambda it: it[0][1:3])
        problems = asides(texts[field].folded.text, [mention for mention, _, _ in found])
        for (_, standing, at), problem in zip(found, problems, strict=True):
            standing[at] = standing[at]._replace(problem=problem)


def _is_strong(place: Place, terms: Sequence[Term]) -> bool:
    return not place.problem and terms[place.term].strength is Strength.STRONG


def _in_context(
    place: Place, texts: Sequence[Text], terms: Sequence[Term], named: set[tuple[int, int]]
) -> Place:
    term, text = terms[place.term], texts[place.field]
    if place.problem or not (term.without or term.strength is Strength.CONTEXT):
        return place
    bounds = text.sentences.span(place.sentence)
    if text.reading.is_barred(place.term, *bounds):
        return place._replace(problem=f'"{term.text}" stands with what it must not')
    met = (
        term.strength is Strength.STRONG
        or text.reading.need_met(Found(place.term, place.start, place.end), *bounds)
        or (term.after_company and _follows_name(place, text, named))
    )
    return place if met else place._replace(problem=f'"{term.text}" lacks context')


def _follows_name(place: Place, text: Text, named: set[tuple[int, int]]) -> bool:
    starts = range(place.start, max(-1, place.start - _FILLER_LENGTH - 1), -1)
    return any(
        (place.field, start) in named and _FILLER.fullmatch(text.folded.text, start, place.start)
        for start in starts
    )
