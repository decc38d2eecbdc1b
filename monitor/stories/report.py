"""Reports: what grouping reads out of a hit, once, so that comparing two is cheap.

* When it happened lies between two instants: the day that the text gives, else the two days up to
  publication, else all of the month or year that is known.
* An answer or a share move happened when it was published, not when that to which it reacts did.
* Words are compared without the names that made the hit, without the publisher's at the end of
  the headline, and Han by pairs of characters.
* A step in competition law that is only feared or foretold is another one than the step itself.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Final, NamedTuple

from monitor.stories import sums
from monitor.stories.kinds import is_comment, is_foretold, is_reaction
from monitor.stories.marks import Marks, marks
from monitor.stories.stages import FORETOLD, family
from monitor.text.folding import fold
from monitor.text.words import language_of, words

if TYPE_CHECKING:
    from collections.abc import Collection, Hashable, Iterator

    from monitor.model import Amount, HitToGroup

DAY: Final = timedelta(days=1)
_NOTHING: Final = timedelta()
MONTH: Final = 40 * DAY  # with what may be left open at either end
_BEFORE: Final = timedelta(hours=48)  # how soon news is told, at most
AFTER: Final = timedelta(hours=12)  # by which zones and clocks may be apart
_LEDE: Final = 320  # characters of the summary that are compared
_READ: Final = 2048  # reports kept; each takes about two kilobytes, and its hit one
_WORDS: Final = 1 << 14  # that they share
_NAMES: Final = 512  # patterns kept: reports about the same are written with the same few names
OFFERING: Final = frozenset({"ipo", "listing"})  # topics of which a plan is a step itself

_PUBLISHER: Final = re.compile(r"(?: [-|_] |[|_])[^-|_]{2,30}$")
# Words that say nothing of what happened, and places, which are marks.
_IDLE: Final = (
    " a an and are as at be been by could for from had has have he her his how if in into is it"
    " its may more new news not of off on or out over report reports reuters said say says she"
    " so some sources than that the their them they this to up us was were what when which who"
    " why will with would after before amid china chinese china's group company tech giant s u"
    " hong kong york der die das und in den von zu mit des im ein eine le la les un une de du et"
    " en à au 香港 美国 中国"
)
_COMMON: Final = frozenset(_IDLE.split())

_LITTLE_WORDS: Final = {
    tongue: frozenset(its_words.split())
    for tongue, its_words in {
        "en": "the of and for to in on by with from at its is after over as",
        "de": "der die das und in den von zu mit des im ein eine für gegen wegen nach bei ist auf",
        "fr": "le la les de des du et en à au un une pour par contre sur est dans chez",
        "es": "el la los las de del y en a un una por para con contra es su",
        "pt": "o a os as de do da dos e em um uma por para com contra no na ao",
        "it": "il la lo gli di del della e in a un una per con contro è su nel",
        "nl": "de het een van en in op met voor tegen na is bij door",
    }.items()
}
_OF_OTHERS: Final = frozenset().union(
    *(its_words for tongue, its_words in _LITTLE_WORDS.items() if tongue != "en")
)
# What every report on a topic says is no evidence: words, with the ends that they may have. Each
# branch starts with letters of its own, so that a search skips to the next of them.
_TOPIC_WORDS: Final = {
    "ipo": "s?",
    "initial public offering": "s?",
    "listing": "s?",
    "anti": "-? ?(?:monopoly|trust)",
    "monopol": r"\w*",
    "competition": "",
}
_TOPICS: Final = re.compile(
    "|".join(rf"{word}(?<![a-z]{word}){end}(?![a-z])" for word, end in _TOPIC_WORDS.items())
    + "|上市|反垄断|垄断|独占禁止法"
)


class When(NamedTuple):
    """Between which two instants something happened."""

    start: datetime
    end: datetime

    @property
    def width(self) -> timedelta:
        """How much is left open."""
        return self.end - self.start

    def gap(self, other: When) -> timedelta:
        """Return how far the two are apart, zero if they meet."""
        if self.start > other.end:
            return self.start - other.end
        return other.start - self.end if other.start > self.end else _NOTHING

    def both(self, other: When) -> When:
        """Return the time that both allow, this one if there is none."""
        start, end = max(self.start, other.start), min(self.end, other.end)
        if end - start >= min(self.width, other.width, DAY):
            return When(start, end)
        return min(self, other, key=lambda it: (it.width > 4 * DAY, it))


@dataclass(frozen=True, slots=True)
class Report:
    """A hit as it is compared. *stage* is `FORETOLD` and a stage for what is only expected.

    Many are held at once, so that words are in tuples here, and in sets only where a story grows.
    """

    hit: int
    company: str
    topic: str
    subject: str | None
    regulator: str | None
    amounts: tuple[Amount, ...]
    at: datetime
    coarse: bool  # only the year or month of that is known
    stage: str | None
    when: When
    dated: bool
    reaction: bool
    comment: bool
    title: tuple[str, ...]  # the telling words of the headline, each once
    lede: tuple[str, ...]  # and those that only the rest has
    whole: tuple[str, ...]  # all words of the headline, sorted
    marks: Marks
    script: str

    def keys(self) -> Iterator[Hashable]:
        """Yield by what it is found: any two that may be one have one of these in common."""
        yield from self.title
        yield self.whole
        yield from sums.keys(self.amounts)
        kind = family(self.stage)
        start, end = self.when
        yield kind, start.year
        yield kind, end.year
        if self.when.width <= MONTH:
            yield kind, start.year, start.month
            yield kind, end.year, end.month
        if self.when.width <= 4 * DAY:
            for number in range((end.date() - start.date()).days + 1):
                day = start.date() + DAY * number
                yield day
                yield day, kind
                yield day, kind, self.script


@lru_cache(maxsize=_READ)
def read(hit: HitToGroup) -> Report:
    """Return what *hit* tells; of the hits read last it is known."""
    folded = fold(hit.title).text
    title = _PUBLISHER.sub("", folded) or folded
    lede = fold(hit.summary[:_LEDE]).text
    both = f"{title} {lede}"
    reaction = is_reaction(hit.title)
    when, dated = _when(hit, reaction=reaction)
    named = _named(hit.company, hit.names)
    headline = words(title)
    telling = {*_without(named, title, headline)} - _COMMON
    rest = {*_without(named, lede)}
    rest.difference_update(_COMMON, telling)
    return Report(
        hit=hit.id,
        company=hit.company,
        topic=hit.topic,
        subject=hit.subject,
        regulator=hit.regulator,
        amounts=hit.amounts,
        at=hit.at,
        coarse=hit.until is not None,
        stage=stage_told(hit),
        when=when,
        dated=dated,
        reaction=reaction,
        comment=is_comment(hit.title),
        title=_held(telling),
        lede=_held(rest),
        whole=_held(sorted(headline or words(folded))),
        marks=marks(both, headline=len(title)),
        script=_language(both, headline, lede),
    )


def _without(named: re.Pattern[str], text: str, its_words: list[str] | None = None) -> list[str]:
    """Return the words of *text* without its names and those that tell its topic.

    Of two that overlap goes the one that begins first, or the name. *its_words*, if they are known,
    are those with them. The patterns are two: one for both would take a while for each few names.
    """
    kept: list[str] = []
    at = 0
    name, topic = named.search(text), _TOPICS.search(text)
    while found := name if name and not (topic and topic.start() < name.start()) else topic:
        start, end = found.span()
        kept.append(text[at:start])
        at = end
        if name and name.start() < at:
            name = named.search(text, at)
        if topic and topic.start() < at:
            topic = _TOPICS.search(text, at)
    if kept:
        return words(" ".join([*kept, text[at:]]))
    return words(text) if its_words is None else its_words


_HELD: Final[dict[str, str]] = {}  # words that reports share


def _held(found: Collection[str]) -> tuple[str, ...]:
    """Return *found*, each word held once by all reports that have it."""
    if len(_HELD) > _WORDS:
        _HELD.clear()
    return tuple(map(_HELD.setdefault, found, found))


def comparable(title: str) -> tuple[str, ...]:
    """Return the words of a headline, sorted, in a form that two outlets' wordings share."""
    folded = fold(title).text
    return tuple(sorted(words(_PUBLISHER.sub("", folded)) or words(folded)))


def counted(ordered: tuple[str, ...]) -> frozenset[str]:
    """Return sorted words as a set that has as many: a word's second time is another member."""
    found = frozenset(ordered)
    if len(found) == len(ordered):
        return found
    times = Counter[str]()
    numbered = set()
    for word in ordered:
        numbered.add(f"{word} {times[word]}" if times[word] else word)
        times[word] += 1
    return frozenset(numbered)


def _language(folded: str, headline: list[str], lede: str) -> str:
    """Return the language whose words can be compared with each other: a guess, by little words."""
    script = language_of(folded)
    if script != "en":
        return script
    its_words = headline + words(lede)
    english, others = _count(its_words, _LITTLE_WORDS["en"]), _count(its_words, _OF_OTHERS)
    if english >= others:  # so no other has more, as most texts show
        return "en"
    found = {tongue: _count(its_words, little) for tongue, little in _LITTLE_WORDS.items()}
    return max(found, key=lambda it: (found[it], it == "en", it))


def _count(its_words: list[str], some: frozenset[str]) -> int:
    return sum(map(some.__contains__, its_words))


@lru_cache(maxsize=_NAMES)
def _named(company: str, names: tuple[str, ...]) -> re.Pattern[str]:
    """Return what finds the names that every report about the same has, of two the longer."""
    quotes = ({fold(quote).text for quote in names} | {company}) - {""}
    longest_first = sorted(quotes, key=lambda it: (-len(it), it))
    return re.compile("|".join(map(re.escape, longest_first)) or "(?!)")


def stage_told(hit: HitToGroup) -> str | None:
    """Return the stage that *hit* tells of, marked if it is only expected."""
    if hit.stage is None or hit.topic in OFFERING or not is_foretold(hit.title):
        return hit.stage
    return FORETOLD + hit.stage


def _when(hit: HitToGroup, *, reaction: bool) -> tuple[When, bool]:
    """Return when it happened, and whether the text itself says so."""
    last = hit.until or hit.at
    day = hit.event_date
    if day is not None:
        start = datetime.combine(day, time(), tzinfo=UTC)
        if start <= last + DAY and not (reaction and start < hit.at - 2 * DAY):
            return When(start - AFTER, start + DAY), True
    if hit.until is not None:
        return When(hit.at - 3 * DAY, hit.until), False
    at = hit.at.replace(hour=hit.at.hour // 6 * 6, minute=0, second=0, microsecond=0)
    return When(at - (DAY if reaction else _BEFORE), at + AFTER), False
