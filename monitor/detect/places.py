"""Places: where companies and topics stand in an article, and which of these places count.

* A name inside a longer company name gives way to it: "Tencent Music" is not "Tencent".
* A company named only as somebody's owner or rival ("Tencent-backed"), or for comparison
  ("the biggest since Alibaba"), takes no part.
* A `context` term counts with one of its needs in the sentence, or a strong term of the same
  thing anywhere in the article.
* A place that does not count keeps its problem, in words, so that a miss can be explained.
"""

from __future__ import annotations

import re
from operator import itemgetter
from typing import TYPE_CHECKING, Final, NamedTuple

from monitor.detect.sentences import Sentences
from monitor.model import Evidence, Role, Strength
from monitor.text import fold

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from monitor.detect.terms import Found, Reading, TermIndex
    from monitor.model import Field, Term
    from monitor.text import Folded

_OWNS: Final = re.compile(
    r"[- ](?:backed|owned|funded|invested|affiliated|linked|controlled|supported|led)(?![a-z])"
    r"|系|(?:战投|产投|资本|创投)?(?:投资的|投資的|参股|參股|持股|领投|領投|参投|參投)"
    r"|概念股|供应商|供應商|前员工|前員工|前高管"
)
_OWNED_BY: Final = re.compile(
    r"(?:spun[- ]off from|spin-?off from|(?:backed|owned|funded|supported) by|affiliate of"
    r"|stake in|rivals?|rivals like|rivals such as|competitors?) (?:the )?$"
)
_COMPARED: Final = re.compile(
    r"(?:继|繼|超过|超過|低于|低於|不及|仅次于|僅次於|(?<![a-z])(?:than|unlike) (?:the )?"
    r"|(?:biggest|largest) .{1,50} since (?:[a-z-]{1,20} ){0,5})$"
)
_LOOK_BACK: Final = 110


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

    def __init__(self, number: int, name: Field, text: str, index: TermIndex) -> None:
        self.number = number
        self.name: Field = name
        self.text = text
        self.folded: Folded = fold(text)
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
    texts: Sequence[Text], terms: Sequence[Term], owners: Sequence[Owner]
) -> dict[Owner, list[Place]]:
    """Return every place in *texts* under its owner, in order, with its problem if it has one."""
    places: dict[Owner, list[Place]] = {}
    for text in texts:
        for place in text.places():
            places.setdefault(owners[place.term], []).append(place)
    _give_way(places)
    strong = {
        owner
        for owner, standing in places.items()
        if any(not it.problem and terms[it.term].strength is Strength.STRONG for it in standing)
    }
    for owner, standing in places.items():
        if owner.role is Role.COMPANY:
            standing[:] = [_aside(place, texts) for place in standing]
        if owner not in strong:
            standing[:] = [_in_context(place, texts, terms) for place in standing]
        standing.sort(key=itemgetter(0, 2, 3))
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


def _aside(place: Place, texts: Sequence[Text]) -> Place:
    text = texts[place.field].folded.text
    before = text[max(0, place.start - _LOOK_BACK) : place.start]
    if place.problem:
        return place
    if _OWNS.match(text, place.end) or _OWNED_BY.search(before):
        return place._replace(problem="named only as an owner, backer or rival")
    if _COMPARED.search(before):
        return place._replace(problem="named only for comparison")
    return place


def _in_context(place: Place, texts: Sequence[Text], terms: Sequence[Term]) -> Place:
    if place.problem or terms[place.term].strength is Strength.STRONG:
        return place
    text = texts[place.field]
    if text.reading.need_met(place.term, *text.sentences.span(place.sentence)):
        return place
    return place._replace(problem=f'"{terms[place.term].text}" lacks context')
