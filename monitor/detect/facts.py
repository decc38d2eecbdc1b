"""Facts: which stage, regulator, amounts and day of an article belong to a company and a topic.

* They come from the sentence in which the two met; what that does not tell may come from another
  that names this company or none, and speaks of the same event. News goes before background.
* Another sentence adds nothing if it tells of another stage, and an amount only if it says what
  the amount is: a fine, a sum raised.
* Each fact brings its own quote. How a sentence is read is in `monitor.detect.telling`.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from monitor.detect.clauses import Clauses, Named
from monitor.detect.roles import OFFERING, akin
from monitor.detect.telling import Telling
from monitor.model import Amount, Evidence, Role

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from datetime import date, datetime

    from monitor.detect.places import Owner, Place, Text
    from monitor.detect.telling import Day, Labelled, Sum
    from monitor.model import Label, Term

Sentence = tuple[int, int]  # field and sentence by number


class Met(NamedTuple):
    """Where a company and a topic met; *company* is None where only the feed names it."""

    company: Place | None
    topic: Place


class Told(NamedTuple):
    """What the text says of a company and a topic, with the quotes that say so."""

    stage: str | None = None
    regulator: str | None = None
    amounts: tuple[Amount, ...] = ()
    event_date: date | None = None
    evidence: tuple[Evidence, ...] = ()


class Gathered(NamedTuple):
    """The facts of a company and a topic, each with the field it stands in."""

    stage: tuple[str, Place] | None = None
    regulator: Labelled | None = None
    amounts: tuple[tuple[int, Sum], ...] = ()
    day: tuple[int, Day] | None = None


class Facts:
    """The stages, regulators, amounts and days of one article.

    *published* is when it appeared: against it "on Saturday" is read, if it is known.
    """

    def __init__(
        self,
        texts: Sequence[Text],
        places: Mapping[Owner, Iterable[Place]],
        terms: Sequence[Term],
        known: Mapping[Role, Mapping[str, Label]],
        published: datetime | None = None,
    ) -> None:
        self._texts = texts
        self._terms = terms
        self._known = known
        self._published = published
        self._labels: dict[Sentence, list[Labelled]] = {}
        self._named: dict[Sentence, list[Named]] = {}
        self._key_at: dict[tuple[int, int, int, int], str] = {}  # of a named company
        self._sound: dict[Sentence, set[str]] = {}  # companies that are subjects
        self._topics: dict[Sentence, dict[str, list[int]]] = {}  # where their words start
        self._tellings: dict[Sentence, Telling] = {}
        self._read_before: dict[tuple[Sentence, str, str | None, int, bool], Gathered] = {}
        for owner, standing in places.items():
            for place in standing:
                self._keep(owner, place)

    def _keep(self, owner: Owner, place: Place) -> None:
        if owner.role is Role.COMPANY:
            # A problem with the spelling quotes it; with any other the company is still named.
            if '"' not in (place.problem or ""):
                named = Named(owner.key, place.start, place.end)
                self._named.setdefault(place[:2], []).append(named)
                self._key_at.setdefault(place[:4], owner.key)
            if place.problem is None:
                self._sound.setdefault(place[:2], set()).add(owner.key)
        elif place.problem is None and owner.role is Role.TOPIC:
            words = self._topics.setdefault(place[:2], {}).setdefault(owner.key, [])
            words.append(place.start)
        elif place.problem is None:
            self._labels.setdefault(place[:2], []).append((owner, place))

    def of(self, topic: str, met: Met) -> Gathered:
        """Return what the sentence where they *met* tells of a company and a topic, by its key."""
        field, sentence, near = met.topic[:3]
        return self._read((field, sentence), topic, self._company(met), near)

    def throughout(self, topic: str, met: Met) -> Told:
        """Return the same, with what that sentence does not tell from others of the article.

        A headline that names the company and a stage says what is new, wherever the two met.
        """
        found = self.of(topic, met)
        company = self._company(met)
        others = [
            sentence
            for sentence in sorted(self._labels.keys() | self._topics.keys() | self._named.keys())
            if sentence != met.topic[:2] and self._may_add(topic, company, sentence)
        ]
        if met.topic.field != 0 and others and others[0][0] == 0:
            headline = self._read(others[0], topic, company, self._word(others[0], topic))
            if headline.stage and company in self._sound.get(others[0], ()):
                found = self._with(headline, found, topic, met.topic[:2])
        for sentence in others:
            word, whole = self._word(sentence, topic), self._is_about(topic, sentence)
            other = self._read(sentence, topic, company, word, whole=whole)
            found = self._with(found, other, topic, sentence)
        return self._told(found)

    def _company(self, met: Met) -> str | None:
        """Return the key of the company that met, None if it is not named."""
        return self._key_at.get(met.company[:4]) if met.company else None

    def _read(
        self, at: Sentence, topic: str, company: str | None, word: int, *, whole: bool = True
    ) -> Gathered:
        """Return what a sentence tells; of one without a stage only the amounts if not *whole*."""
        asked = (at, topic, company, word, whole)
        if asked not in self._read_before:
            self._read_before[asked] = self._tell(*asked)
        return self._read_before[asked]

    def _tell(
        self,
        at: Sentence,
        topic: str,
        company: str | None,
        word: int,
        whole: bool,  # noqa: FBT001
    ) -> Gathered:
        telling = self._telling(at)
        stage = telling.stage(topic, company, word)
        amounts = tuple((at[0], it) for it in telling.amounts(topic, company))
        if not (stage or whole):
            return Gathered(amounts=amounts)
        near = stage[1].start if stage else word
        day = telling.day(company, near)
        return Gathered(
            stage,
            telling.regulator(topic, company, near),
            amounts,
            (at[0], day) if day else None,
        )

    def _is_about(self, topic: str, sentence: Sentence) -> bool:
        """Return whether a sentence has a word of *topic*, or of one that goes with it."""
        return not self._topics.get(sentence, {}).keys().isdisjoint(akin(topic))

    def _word(self, at: Sentence, topic: str) -> int:
        """Return where the first word of *topic* stands in a sentence, else where that starts."""
        words = self._topics.get(at, {})
        starts = [words[other][0] for other in akin(topic) if other in words]
        return min(starts, default=self._texts[at[0]].sentences.span(at[1])[0])

    def _telling(self, at: Sentence) -> Telling:
        if at not in self._tellings:
            text = self._texts[at[0]]
            span = text.sentences.span(at[1])
            year = self._published.year if self._published else None
            self._tellings[at] = Telling(
                text.folded.text,
                span,
                partial(Clauses, text.folded.text, span, self._named.get(at, ()), year),
                self._labels.get(at, ()),
                self._topics.get(at, {}),
                self._known,
                self._published,
            )
        return self._tellings[at]

    def _may_add(self, topic: str, company: str | None, sentence: Sentence) -> bool:
        """Return whether another sentence may tell of the same event.

        It names this company, or none.
        """
        named = self._sound.get(sentence, set())
        if named and company not in named:
            return False
        untold = sentence not in self._topics and sentence in self._labels
        return untold or self._is_about(topic, sentence)

    def _with(self, found: Gathered, other: Gathered, topic: str, at: Sentence) -> Gathered:
        """Return *found* with what the sentence *at*, where *other* was found, may add to it."""
        stage = found.stage or other.stage
        if other.stage and self._is_stale(found.stage, topic):
            stage = found.stage if self._is_stale(other.stage, topic) else other.stage
        same = not stage or not other.stage or stage[0] == other.stage[0]
        if not same and not self._sound.get(at):
            amounts = self._amounts(found, other, topic, at)
            return found._replace(amounts=amounts) if topic in OFFERING else found
        told = (
            other
            if other.stage or self._is_about(topic, at)
            else other._replace(regulator=None, day=None)
        )
        return Gathered(
            stage,
            found.regulator or told.regulator,
            self._amounts(found, other, topic, at),
            found.day or (told.day if same else None),
        )

    def _is_stale(self, stage: tuple[str, Place] | None, topic: str) -> bool:
        """Return whether a stage was found, and only as background."""
        return stage is not None and self._telling(stage[1][:2]).is_stale(stage[1], topic)

    def _amounts(
        self, found: Gathered, other: Gathered, topic: str, at: Sentence
    ) -> tuple[tuple[int, Sum], ...]:
        """Return the amounts found; others are added if one of them says a known one again."""
        telling = self._telling(at)
        more = [it for it in other.amounts if telling.says_what_for(it[1], topic)]
        known = {it[2:] for _, it in found.amounts}
        new = [it for it in more if it[1][2:] not in known]
        return (*found.amounts, *new) if not known or len(new) < len(more) else found.amounts

    def _told(self, found: Gathered) -> Told:
        amounts = [
            (self._evidence(Role.AMOUNT, field, it, f"amount.{it.currency.lower()}"), it)
            for field, it in found.amounts
        ]
        return Told(
            stage=found.stage[0] if found.stage else None,
            regulator=found.regulator[0].key if found.regulator else None,
            amounts=tuple(Amount(it.value, it.currency, quote.text) for quote, it in amounts),
            event_date=found.day[1].date if found.day else None,
            evidence=(*self._quotes(found), *dict.fromkeys(quote for quote, _ in amounts)),
        )

    def _quotes(self, found: Gathered) -> Iterator[Evidence]:
        labels = (
            (Role.STAGE, found.stage and found.stage[1]),
            (Role.REGULATOR, found.regulator and found.regulator[1]),
        )
        for role, place in labels:
            if place:
                yield self._evidence(role, place.field, place, self._terms[place.term].id)
        if found.day:
            yield self._evidence(Role.DATE, *found.day, f"date.{found.day[1].date.isoformat()}")

    def _evidence(self, role: Role, field: int, place: Place | Sum | Day, term: str) -> Evidence:
        return self._texts[field].evidence(role, place.start, place.end, term)


def distance(one: Place, two: Place) -> int:
    """Return how many characters of their field lie between two places, 0 if they overlap."""
    return max(0, max(one.start, two.start) - min(one.end, two.end))
