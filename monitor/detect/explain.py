"""Explain: everything of a lexicon that stands in a text, what came of it, and why. Pure.

* Every term found is told, also one that does not count, with the reason.
* Nothing is decided here: places are judged, and matches found, by the detector itself.
* A text without any match still has its explanation: what is missing.
"""

from __future__ import annotations

from dataclasses import dataclass
from operator import itemgetter
from typing import TYPE_CHECKING, Final

from monitor.detect.places import Text, judge
from monitor.model import Role

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime

    from monitor.detect.associate import Detector
    from monitor.detect.places import Owner, Place
    from monitor.model import Evidence, Match

INSIDE: Final = "part of a longer name or phrase that is found too"
ACROSS: Final = "runs over the end of a sentence"


@dataclass(frozen=True, slots=True)
class Standing:
    """A term that stands in a text: whose it is, its quote, and why it does not count, if so."""

    role: Role
    key: str
    quote: Evidence
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class Explanation:
    """What stands in a text, and the matches it made, rejected ones too.

    *silence* says in words why there is no match at all; None if there is one.
    """

    standing: tuple[Standing, ...]
    matches: tuple[Match, ...]
    silence: str | None


def explain(
    detector: Detector,
    title: str,
    summary: str,
    *,
    company: str | None = None,
    published: datetime | None = None,
) -> Explanation:
    """Return the explanation of a text; the arguments are those of `Detector.find`."""
    matches = detector.find(title, summary, company=company, published=published)
    texts = (Text(0, "title", title, detector.index), Text(1, "summary", summary, detector.index))
    standing = tuple(_standing(detector, texts))
    return Explanation(standing, matches, None if matches else _silence(standing, company))


def _standing(detector: Detector, texts: Sequence[Text]) -> Iterator[Standing]:
    judged = judge(texts, detector.terms, detector.owners, detector.answers(texts))
    told: dict[tuple[int, int, int, int], tuple[Owner, str | None]] = {}
    for owner, places in judged.items():
        for place in places:
            told[_key(place)] = owner, place.problem
    yield from _of_queries(detector, texts, judged)
    for text in texts:
        whole = {_key(place) for place in text.places()}
        for found in sorted(text.found, key=lambda it: (it.start, it.end, it.term)):
            key = (text.number, found.start, found.end, found.term)
            unheard = INSIDE if key in whole else ACROSS
            owner, problem = told.get(key, (detector.owners[found.term], unheard))
            term = detector.terms[found.term].id
            quote = text.evidence(owner.role, found.start, found.end, term)
            yield Standing(owner.role, owner.key, quote, problem)


def _of_queries(
    detector: Detector, texts: Sequence[Text], judged: Mapping[Owner, Sequence[Place]]
) -> Iterator[Standing]:
    """Yield the words of topics' queries, those that are not answered among them."""
    queries = detector.queries
    if queries is None:
        return
    answers = (it for places in judged.values() for it in places if it.term in queries.siblings)
    words = [*answers, *queries.unanswered(texts, detector.index)]
    for place in sorted(words, key=itemgetter(0, 2, 3, 4)):
        owner, term = detector.owners[place.term], detector.terms[place.term].id
        quote = texts[place.field].evidence(owner.role, place.start, place.end, term)
        yield Standing(owner.role, owner.key, quote, place.problem)


def _key(place: Place) -> tuple[int, int, int, int]:
    return place.field, place.start, place.end, place.term


def _silence(standing: Sequence[Standing], bound: str | None) -> str:
    missing = [
        f"no spelling of a {role} that is watched"
        for role in (Role.COMPANY, Role.TOPIC)
        if not (any(it.role is role for it in standing) or (role is Role.COMPANY and bound))
    ]
    if not missing:
        return "what stands in the text of a topic that is watched does not count"
    return " and ".join(missing) + " stands in the text"
