"""Associate: a text and a lexicon in, matches out.

* A company and a topic match when both stand in one sentence; a sentence never leaves its field.
* Of several pairs the best-scored counts, then the closest, then the earliest.
* The score is a sum of named parts; the evidence, the stage, the regulator and the amounts come
  from the sentence of that one pair.
* What was found but is not reported comes back with the reason why.
"""

from __future__ import annotations

import re
from itertools import pairwise
from typing import TYPE_CHECKING, Final, NamedTuple

from monitor.detect.facts import Facts, Met, distance
from monitor.detect.places import Owner, Place, Text, judge
from monitor.detect.terms import TermIndex
from monitor.model import Evidence, Match, Role, Strength

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import datetime

    from monitor.detect.lexicon import Lexicon
    from monitor.model import Company, Label, Term, Topic

# The score of a match is the sum of those of these that hold; what is at THRESHOLD is reported.
THRESHOLD: Final = 0.5
MET: Final = 0.6  # company and topic stand in one sentence
IN_TITLE: Final = 0.15
CLOSE: Final = 0.1  # at most NEAR characters between them
NAMED: Final = 0.05  # for each of stage, regulator and amount in the sentence
AMBIGUOUS: Final = -0.05  # for each of the two that rests on context
FAR: Final = -0.15  # more than WIDE characters between them
BETWEEN: Final = -0.15  # another company, not one of a list, stands nearer to the topic

NEAR: Final = 30
WIDE: Final = 160

LOOSE: Final = "the two are only loosely connected"
APART: Final = "company and topic are in different sentences"

Sentence = tuple[int, int]  # field and sentence by number

_LIST: Final = re.compile(
    r"[\s,、/&+(和与與及跟]{0,3}(?:and|or|und|et|y|e)?[\s,、/&+(和与與及跟]{0,3}"
)


class _Pair(NamedTuple):
    company: Place | None  # None: bound by the feed, not named in the sentence
    topic: Place
    score: float

    def order(self) -> tuple[float, int, int, int]:
        """Best first: by score, then by distance, then by place."""
        return (
            -self.score,
            0 if self.company is None else distance(self.company, self.topic),
            self.topic.field,
            self.topic.start,
        )


class Detector:
    """Finds the matches of texts; built once from a lexicon, used from any thread."""

    def __init__(self, lexicon: Lexicon) -> None:
        self.lexicon = lexicon
        self.terms: list[Term] = []
        self.owners: list[Owner] = []
        members: tuple[tuple[Role, Iterable[Company | Topic | Label]], ...] = (
            (Role.COMPANY, lexicon.companies),
            (Role.TOPIC, lexicon.topics),
            (Role.STAGE, lexicon.stages),
            (Role.REGULATOR, lexicon.regulators),
        )
        for role, group in members:
            for member in group:
                self.terms += member.terms
                self.owners += [Owner(role, member.key)] * len(member.terms)
        self.index = TermIndex(self.terms)
        self.stages = {stage.key: stage for stage in lexicon.stages}

    def find(
        self,
        title: str,
        summary: str,
        *,
        company: str | None = None,
        published: datetime | None = None,
    ) -> tuple[Match, ...]:
        """Return one match for each company and topic found, in the order of the lexicon.

        Those not to be reported carry `rejected`. *title* and *summary* are plain text; spans
        count their code points. *company* is the key of a company every sentence is about, as in
        a feed of one company's filings: its topics need not name it. *published* is when the
        text appeared: against it a day without a year, or a weekday, is read.
        """
        texts = (Text(0, "title", title, self.index), Text(1, "summary", summary, self.index))
        roles = {self.owners[found.term].role for text in texts for found in text.found}
        if Role.TOPIC not in roles or (Role.COMPANY not in roles and company is None):
            return ()
        article = _Article(self, texts, company, published)
        pairs = (
            (one.key, two.key) for one in self.lexicon.companies for two in self.lexicon.topics
        )
        return tuple(match for pair in pairs if (match := article.match(*pair)) is not None)


class _Article:
    """One article while its matches are worked out."""

    def __init__(
        self,
        detector: Detector,
        texts: Sequence[Text],
        bound: str | None,
        published: datetime | None,
    ) -> None:
        self.detector = detector
        self.texts = texts
        self.bound = bound
        self.places = judge(texts, detector.terms, detector.owners)
        self.names: dict[Sentence, list[Place]] = {}  # of all companies that count
        self.facts = Facts(texts, self.places, detector.terms, detector.stages, published)
        for owner, places in self.places.items():
            if owner.role is Role.COMPANY:
                for place in _sound(places):
                    self.names.setdefault(place[:2], []).append(place)

    def match(self, company: str, topic: str) -> Match | None:
        """Return the match of a pair, reported or rejected; None if either is not there at all."""
        names = self.places.get(Owner(Role.COMPANY, company), [])
        words = self.places.get(Owner(Role.TOPIC, topic), [])
        bound = company == self.bound
        if not words or not (names or bound):
            return None
        pairs: list[tuple[Place | None, Place]] = [*_closest(_sound(names), _sound(words))]
        if bound:  # the first word of each sentence will do
            firsts = {word[:2]: word for word in reversed(_sound(words))}
            pairs += [(None, word) for word in firsts.values()]
        scored = [_Pair(*pair, self._score(*pair, topic)) for pair in pairs]
        if scored:
            best = min(scored, key=_Pair.order)
            return self._made(company, topic, best, None if best.score >= THRESHOLD else LOOSE)
        near = [*_closest(names, words)]
        name, word = near[0] if near else (names[0] if names else None, words[0])
        problem = (name.problem if name else None) or word.problem or APART
        quotes = [self._evidence(Role.COMPANY, name)] if name else []
        return Match(
            company=company,
            topic=topic,
            score=0.0,
            sentence=self.texts[word.field].sentence(word.sentence),
            evidence=(*quotes, self._evidence(Role.TOPIC, word)),
            rejected=problem,
        )

    def _score(self, name: Place | None, word: Place, topic: str) -> float:
        terms = self.detector.terms
        told = self.facts.of(topic, Met(name, word))
        score = MET + IN_TITLE * (word.field == 0)
        score += NAMED * (bool(told.amounts) + bool(told.regulator) + bool(told.stage))
        ambiguous = [it for it in (name, word) if it and _is_context(terms[it.term])]
        score += AMBIGUOUS * len(ambiguous)
        if name is not None:
            far = distance(name, word)
            score += CLOSE * (far <= NEAR) + FAR * (far > WIDE)
            score += BETWEEN * self._is_between(name, word)
        return round(min(max(score, 0.0), 1.0), 2)

    def _is_between(self, name: Place, word: Place) -> bool:
        """Return whether a company stands between the two that is not one of a list with *name*."""
        text = self.texts[word.field].folded.text
        low, high = min(name.end, word.end), max(name.start, word.start)
        others = [it for it in self.names[name[:2]] if low <= it.start and it.end <= high]
        chain = sorted([name, *others], key=lambda it: it.start)
        return any(not _LIST.fullmatch(text, one.end, two.start) for one, two in pairwise(chain))

    def _made(self, company: str, topic: str, pair: _Pair, problem: str | None) -> Match:
        text = self.texts[pair.topic.field]
        told = self.facts.of(topic, Met(pair.company, pair.topic))
        both = ((Role.COMPANY, pair.company), (Role.TOPIC, pair.topic))
        quotes = [self._evidence(role, place) for role, place in both if place]
        return Match(
            company=company,
            topic=topic,
            score=pair.score,
            sentence=text.sentence(pair.topic.sentence),
            evidence=(*quotes, *told.evidence),
            stage=told.stage,
            regulator=told.regulator,
            amounts=told.amounts,
            rejected=problem,
            event_date=told.event_date,
        )

    def _evidence(self, role: Role, place: Place) -> Evidence:
        term = self.detector.terms[place.term].id
        return self.texts[place.field].evidence(role, place.start, place.end, term)


def _is_context(term: Term) -> bool:
    return term.strength is Strength.CONTEXT


def _sound(places: Iterable[Place]) -> list[Place]:
    return [place for place in places if place.problem is None]


def _closest(names: Iterable[Place], words: Iterable[Place]) -> Iterator[tuple[Place, Place]]:
    """Yield, for each sentence that holds both, the closest name and word, the first on a tie."""
    best: dict[Sentence, tuple[int, Place, Place]] = {}
    marked = [(it, True) for it in names] + [(it, False) for it in words]
    marked.sort(key=lambda mark: mark[0][:4])
    for (one, is_name), (two, is_other_name) in pairwise(marked):
        if one[:2] != two[:2] or is_name == is_other_name:
            continue
        name, word = (one, two) if is_name else (two, one)
        far = distance(name, word)
        if one[:2] not in best or far < best[one[:2]][0]:
            best[one[:2]] = far, name, word
    for _, name, word in best.values():
        yield name, word
