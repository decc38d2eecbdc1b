"""Associate: a text and a lexicon in, matches out.

* A company and a topic match when both stand in one sentence and the company is no mere mention.
* They match across sentences where only that company can be meant: the headline names it alone
  and the topic's sentence no company, or the first sentence names it and the headline nobody.
* Of several pairs the best-scored counts, then the closest, then the earliest; the rules of the
  score are in `monitor.detect.score`.
* What was found but is not reported comes back with the reason why.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from monitor.detect.facts import Facts, Met, distance
from monitor.detect.lexicon import spelt_out
from monitor.detect.mentions import Mention
from monitor.detect.places import Owner, Place, Text, judge
from monitor.detect.score import (
    POSSIBLE,
    THRESHOLD,
    Pair,
    Scene,
    fact_parts,
    judge_pair,
    total,
)
from monitor.detect.terms import Sieve, TermIndex
from monitor.model import Evidence, Match, Role
from monitor.text.folding import fold

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import datetime

    from monitor.detect.lexicon import Lexicon
    from monitor.detect.queries import Queries
    from monitor.model import Company, Label, ScorePart, Term, Topic
    from monitor.text.folding import Together

LOOSE: Final = "the two are only loosely connected"
FIRST: Final = "a listing of a company without listed shares is its first"
ELSEWHERE: Final = "company and topic are in different sentences"

Sentence = tuple[int, int]  # field and sentence by number

_EARLY: Final = 45  # characters into a sentence within which its subject stands
_LEDE: Final = 1  # the last sentence of the summary that a headline is taken to be about


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
            (Role.COMPANY, lexicon.bystanders),
        )
        for role, group in members:
            for member in group:
                self.terms += member.terms
                self.owners += [Owner(role, member.key)] * len(member.terms)
        spelt = [spelt_out(term, lexicon) for term in self.terms]
        self.queries = _queries(lexicon, len(spelt))
        if self.queries:
            self.terms += self.queries.terms
            self.owners += self.queries.owners
        self.index = TermIndex(
            spelt, self.terms[len(spelt) :], self.queries.gates if self.queries else ()
        )
        self.known = {
            Role.STAGE: {stage.key: stage for stage in lexicon.stages},
            Role.REGULATOR: {regulator.key: regulator for regulator in lexicon.regulators},
        }
        self.topic_keys = {topic.key for topic in lexicon.topics}
        self.watched = {
            Owner(Role.COMPANY, company.key): number
            for number, company in enumerate(lexicon.companies)
        }
        names = (number for number, owner in enumerate(self.owners) if owner in self.watched)
        self._names = Sieve(self.index, names)
        self.topics = {Owner(Role.TOPIC, topic.key) for topic in lexicon.topics}
        words = (at for at in range(len(spelt)) if self.owners[at] in self.topics)
        literals = self.index.gates.values()
        self._words = Sieve(self.index, words, literals)

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
        folded = fold(title), fold(summary)
        if not self._may_match([it.text for it in folded], company):
            return ()
        return self.look(title, summary, company=company, published=published)

    def look(
        self,
        title: str,
        summary: str,
        *,
        company: str | None = None,
        published: datetime | None = None,
    ) -> tuple[Match, ...]:
        """Return what `find` does, of an article that is known to be one of the `candidates`."""
        folded = fold(title), fold(summary)
        texts = (
            Text(0, "title", title, self.index, folded[0]),
            Text(1, "summary", summary, self.index, folded[1]),
        )
        owners = {self.owners[found.term] for text in texts for found in text.found}
        if company is None and owners.isdisjoint(self.watched):
            return ()
        answers = self.answers(texts)
        if owners.isdisjoint(self.topics) and not answers:
            return ()
        article = _Article(self, texts, company, published, answers)
        if company is not None:
            owners.add(Owner(Role.COMPANY, company))
        numbers = sorted(self.watched[owner] for owner in owners if owner in self.watched)
        companies = (self.lexicon.companies[number] for number in numbers)
        pairs = ((one, two) for one in companies for two in self.lexicon.topics)
        return tuple(match for pair in pairs if (match := article.match(*pair)) is not None)

    def _may_match(self, folded: Sequence[str], company: str | None) -> bool:
        named = company is not None or any(map(self._names.lets_through, folded))
        return named and any(map(self._words.lets_through, folded))

    def candidates(self, texts: Together, company: str | None) -> set[int]:
        """Return the numbers of articles in which `find` may find something; in others it does not.

        *texts* are their titles and summaries, by turns.
        """
        named: Iterable[int] = range(len(texts.parts) // 2)
        if company is None:
            named = {text // 2 for text in self._names.among(texts)}
        words = self._words.lets_through
        return {at for at in named if any(map(words, texts.parts[2 * at : 2 * at + 2]))}

    def answers(self, texts: Sequence[Text]) -> list[Place]:
        """Return where title and summary answer topics' queries."""
        return list(self.queries.answered(texts, self.index)) if self.queries else []


def _queries(lexicon: Lexicon, first: int) -> Queries | None:
    """Return the queries of topics, their terms numbered from *first*; None if there are none."""
    if not any(topic.queries for topic in lexicon.topics):
        return None
    from monitor.detect.queries import Queries  # only where there are any

    return Queries(lexicon.topics, first)


class _Article:
    """One article while its matches are worked out."""

    def __init__(
        self,
        detector: Detector,
        texts: Sequence[Text],
        bound: str | None,
        published: datetime | None,
        answers: Sequence[Place],
    ) -> None:
        self.detector = detector
        self.texts = texts
        self.bound = bound
        self.places = judge(texts, detector.terms, detector.owners, answers)
        self.facts = Facts(texts, self.places, detector.terms, detector.known, published)
        self.named: dict[Sentence, list[Mention]] = {}  # companies that count
        eventful: set[Sentence] = set()
        told_in_title: set[str] = set()
        for owner, places in self.places.items():
            for place in _sound(places):
                if owner.role is Role.COMPANY:
                    self.named.setdefault(place[:2], []).append(
                        Mention(owner.key, place.start, place.end)
                    )
                elif owner.role is Role.STAGE:
                    eventful.add(place[:2])
                elif owner.role is Role.TOPIC and place.field == 0:
                    told_in_title.add(owner.key)
        for mentions in self.named.values():
            mentions.sort(key=lambda it: it.start)
        headline = {it.key for (field, _), all_ in self.named.items() if field == 0 for it in all_}
        self.scene = Scene(
            texts,
            detector.terms,
            self.named,
            frozenset(headline),
            frozenset(told_in_title),
            frozenset(eventful),
        )

    def match(self, company: Company, topic: Topic) -> Match | None:
        """Return the match of a pair, reported or rejected; None if either is not there at all."""
        names = self.places.get(Owner(Role.COMPANY, company.key), [])
        words = self._words(company, topic)
        first = not company.listed and topic.if_unlisted in self.detector.topic_keys
        if first and (kept := [it for it in words if self.detector.terms[it.term].always]):
            words, first = kept, False
        bound = company.key == self.bound
        if not words or not (names or bound):
            return None
        pairs = [Pair(*pair) for pair in _neighbours(_sound(names), _sound(words))]
        pairs += self._across(company.key, _sound(names), _sound(words))
        if bound:  # the first word of each sentence will do
            firsts = {word[:2]: word for word in reversed(_sound(words))}
            pairs += [Pair(None, word) for word in firsts.values()]
        if pairs:
            match = self._best(company.key, topic.key, pairs)
            return replace(match, rejected=FIRST, possible=False) if first else match
        near = [*_neighbours(names, words)]
        if not near and not _sound(words):
            return None  # a word that says nothing, and not even beside the company
        name, word = near[0] if near else (names[0] if names else None, words[0])
        problem = (name.problem if name else None) or word.problem or ELSEWHERE
        return self._made(company.key, topic.key, Pair(name, word), (), problem)

    def _words(self, company: Company, topic: Topic) -> list[Place]:
        """Return the words of *topic*; for an unlisted company those that then mean it as well."""
        words = self.places.get(Owner(Role.TOPIC, topic.key), [])
        if company.listed:
            return words
        for other in self.detector.lexicon.topics:
            if other.if_unlisted == topic.key:
                theirs = self.places.get(Owner(Role.TOPIC, other.key), [])
                words = words + [it for it in theirs if not self.detector.terms[it.term].always]
        return sorted(words)

    def _across(self, company: str, names: list[Place], words: list[Place]) -> Iterator[Pair]:
        """Yield pairs in different sentences where none but *company* can be meant."""
        headline = self.scene.headline
        first_of = {name[:2]: name for name in reversed(names)}
        in_title = next((it for it in first_of if it[0] == 0), (0, 0))
        for word in words:
            if word[:2] in self.named:
                continue
            before = (word.field, word.sentence - 1)
            if word.field == 0 and not headline:
                source = (1, 0)
            elif headline == {company} and word.sentence <= _LEDE:
                source = in_title
            else:
                source = before
            alone = {it.key for it in self.named.get(source, ())} == {company}
            if alone and source in first_of and self._may_lead(first_of[source]):
                yield Pair(first_of[source], word)

    def _may_lead(self, name: Place) -> bool:
        """Return whether *name* is in the title, or where the subject of its sentence stands."""
        if name.field == 0:
            return True
        start, _ = self.texts[name.field].sentences.span(name.sentence)
        return name.start - start <= _EARLY

    def _best(self, company: str, topic: str, pairs: list[Pair]) -> Match:
        """Return the match that the best of *pairs* makes, facts counted once a sentence."""
        best: dict[Sentence, tuple[float, int, Pair, list[ScorePart]]] = {}
        for pair in pairs:
            parts = judge_pair(self.scene, company, topic, pair)
            far = distance(pair.company, pair.topic) if pair.company and pair.together else 0
            mark = -total(parts), far, pair, parts
            if pair.topic[:2] not in best or mark[:2] < best[pair.topic[:2]][:2]:
                best[pair.topic[:2]] = mark
        marks = []
        for _, far, pair, first in best.values():
            parts = first + fact_parts(self.facts.of(topic, Met(*pair)))
            marks.append((-total(parts), far, pair.topic[:3], pair, parts))
        *_, pair, parts = min(marks, key=lambda mark: mark[:3])
        return self._made(company, topic, pair, tuple(parts), None)

    def _made(
        self,
        company: str,
        topic: str,
        pair: Pair,
        parts: tuple[ScorePart, ...],
        problem: str | None,
    ) -> Match:
        score = total(parts)
        if problem is None and score < THRESHOLD:
            worst = min(parts, key=lambda part: part.value)
            problem = worst.rule if worst.value < 0 else LOOSE if pair.together else ELSEWHERE
        told = self.facts.throughout(topic, Met(*pair))
        both = ((Role.COMPANY, pair.company), (Role.TOPIC, pair.topic))
        quotes = [self._evidence(role, place) for role, place in both if place]
        if queries := self.detector.queries:
            words = self.places[self.detector.owners[pair.topic.term]]
            others = queries.others(pair.topic, words)
            quotes += [self._evidence(Role.TOPIC, place) for place in others]
        return Match(
            company=company,
            topic=topic,
            score=score,
            sentence=self.texts[pair.topic.field].sentence(pair.topic.sentence),
            evidence=(*quotes, *told.evidence),
            stage=told.stage,
            regulator=told.regulator,
            amounts=told.amounts,
            rejected=problem,
            possible=problem is not None and score >= POSSIBLE,
            parts=parts,
            event_date=told.event_date,
        )

    def _evidence(self, role: Role, place: Place) -> Evidence:
        term = self.detector.terms[place.term].id
        return self.texts[place.field].evidence(role, place.start, place.end, term)


def _sound(places: Iterable[Place]) -> list[Place]:
    return [place for place in places if place.problem is None]


def _neighbours(names: Iterable[Place], words: Iterable[Place]) -> Iterator[tuple[Place, Place]]:
    """Yield each word with the last name before it and the first after it in its sentence."""
    marked = [(it, True) for it in names] + [(it, False) for it in words]
    marked.sort(key=lambda mark: mark[0][:4])
    for ordered in (marked, marked[::-1]):
        last: Place | None = None
        for place, is_name in ordered:
            if is_name:
                last = place
            elif last is not None and last[:2] == place[:2]:
                yield last, place
