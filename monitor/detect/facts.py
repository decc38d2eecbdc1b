"""Facts: which stage, regulator and amounts of an article belong to a company and a topic.

* They come from the sentence in which the two met.
* Of several stages the gravest that may stand by the topic counts; of several regulators the
  nearest to the topic's word.
* Each fact brings its own quote.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from monitor.detect.fields import sums
from monitor.detect.places import Owner, Place
from monitor.model import Amount, Evidence, Role

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import date, datetime

    from monitor.detect.places import Text
    from monitor.model import Label, Term

Labelled = tuple[Owner, Place]


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


class Facts:
    """The stages, regulators and amounts of one article, by sentence."""

    def __init__(
        self,
        texts: Sequence[Text],
        places: Mapping[Owner, Iterable[Place]],
        terms: Sequence[Term],
        stages: Mapping[str, Label],
        published: datetime | None = None,
    ) -> None:
        self._texts = texts
        self._terms = terms
        self._stages = stages
        self._published = published
        self._labels: dict[tuple[int, int], list[Labelled]] = {}
        self._amounts: dict[tuple[int, int], list[tuple[Evidence, Amount]]] = {}
        for owner, standing in places.items():
            if owner.role in {Role.STAGE, Role.REGULATOR}:
                for place in standing:
                    if place.problem is None:
                        self._labels.setdefault(place[:2], []).append((owner, place))

    def of(self, topic: str, met: Met) -> Told:
        """Return the facts of a company and the *topic* of that key, which *met* there."""
        word = met.topic
        stage = self._stage(topic, word)
        regulator = self._nearest(Role.REGULATOR, word)
        amounts = self._sums(word[:2])
        labels = [it for it in (stage, regulator) if it]
        return Told(
            stage=stage[0].key if stage else None,
            regulator=regulator[0].key if regulator else None,
            amounts=tuple(amount for _, amount in amounts),
            evidence=(
                *(self._evidence(*label) for label in labels),
                *(quote for quote, _ in amounts),
            ),
        )

    def _stage(self, topic: str, word: Place) -> Labelled | None:
        """Return the gravest stage that may stand by *topic*, the nearest place of it."""
        fitting = [
            (self._stages[owner.key].rank, owner)
            for owner, _ in self._labels.get(word[:2], ())
            if owner.role is Role.STAGE and topic in (self._stages[owner.key].topics or (topic,))
        ]
        return self._nearest(Role.STAGE, word, max(fitting)[1]) if fitting else None

    def _nearest(self, role: Role, word: Place, owner: Owner | None = None) -> Labelled | None:
        fitting = [
            it
            for it in self._labels.get(word[:2], ())
            if it[0].role is role and owner in {it[0], None}
        ]
        return min(fitting, key=lambda it: (distance(it[1], word), it[1].start), default=None)

    def _sums(self, sentence: tuple[int, int]) -> list[tuple[Evidence, Amount]]:
        if sentence not in self._amounts:
            text = self._texts[sentence[0]]
            start, end = text.sentences.span(sentence[1])
            found = self._amounts[sentence] = []
            for first, last, value, currency in sums(text.folded.text[start:end]):
                term = f"amount.{currency.lower()}"
                quote = text.evidence(Role.AMOUNT, start + first, start + last, term)
                found.append((quote, Amount(value, currency, quote.text)))
        return self._amounts[sentence]

    def _evidence(self, owner: Owner, place: Place) -> Evidence:
        term = self._terms[place.term].id
        return self._texts[place.field].evidence(owner.role, place.start, place.end, term)


def distance(one: Place, two: Place) -> int:
    """Return how many characters of their field lie between two places, 0 if they overlap."""
    return max(0, max(one.start, two.start) - min(one.end, two.end))
