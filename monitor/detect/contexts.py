"""Contexts: what hits that analysts rejected have in common, and hits they kept do not. Pure.

* A context is a longer phrase that holds a spelling ("jd sports"), a word or short phrase in the
  sentence of a spelling or of a topic, or a feed.
* It is a plain count: so many rejected hits share it, and of all judged hits that do at least
  SHARE were rejected. The same verdicts give the same contexts in the same order.
* A rejected hit is told once: what only has hits that those above it have is left out.
* Words are folded; of a sentence the first LONGEST characters count.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final, NamedTuple

from monitor.model import Role
from monitor.text.folding import fold
from monitor.text.words import SOLID, is_idle, is_letter

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

LEAST: Final = 10  # rejected hits
SHARE: Final = 0.95  # of the judged hits that share it, so many were rejected
LONGEST: Final = 600  # characters of a sentence
_GRAMS: Final = (2, 3, 4)  # Han characters of a context
_BESIDE: Final = (1, 2)  # Han characters beside a spelling
_SHORTEST: Final = 3  # letters of a word by itself
_TOKEN: Final = re.compile(rf"[{SOLID}]+|[^\W_{SOLID}]+")
_JOINTS: Final = (" ", "-")  # between two words
_OWNED: Final = (Role.COMPANY, Role.TOPIC)


class ContextKind(StrEnum):
    """What a context is of, the narrowest first; each is named by what a rule calls it."""

    UNLESS = "unless"  # a longer phrase that holds a spelling, of a company or topic
    SPELLING = "spelling"  # a phrase in the sentence, of one spelling
    TOPIC = "topic"  # a phrase in the sentence, of all spellings of a topic
    FEED = "feed"


@dataclass(frozen=True, slots=True)
class Quote:
    """What a hit quotes of its company or topic: the very *text*, and the id of its spelling."""

    role: Role
    text: str
    term: str


@dataclass(frozen=True, slots=True)
class JudgedHit:
    """A hit whose verdict holds; *rejected* if it was found irrelevant."""

    id: int
    rejected: bool
    company: str
    topic: str
    feed: str
    sentence: str
    quotes: tuple[Quote, ...]


class Key(NamedTuple):
    """A context: of a company or topic (*role*), a spelling's id or a feed, and its words."""

    kind: ContextKind
    role: Role | None
    of: str
    phrase: str


@dataclass(frozen=True, slots=True)
class Context:
    """What *rejected* hits share, and the *kept* ones that a rule against it would lose too."""

    key: Key
    rejected: tuple[int, ...]
    kept: tuple[int, ...]

    @property
    def share(self) -> float:
        """The share of rejected hits among all judged ones in this context, 0 to 1."""
        return len(self.rejected) / (len(self.rejected) + len(self.kept))


def shared_contexts(
    judged: Sequence[JudgedHit],
    least: int = LEAST,
    *,
    writable: Callable[[Key], bool] = lambda _: True,
) -> list[Context]:
    """Return the contexts that at least *least* rejected hits share, the most telling first.

    Those against which no rule is *writable* are left out, and do not stand before others.
    """
    read = [(hit, _read(hit)) for hit in judged]
    wrong = [(hit, words) for hit, words in read if hit.rejected]
    often = Counter(phrase for _, words in wrong for phrase in words.phrases)
    shared = {phrase for phrase, number in often.items() if number >= least}
    found: defaultdict[Key, list[int]] = defaultdict(list)
    kept: defaultdict[Key, list[int]] = defaultdict(list)
    anywhere: Counter[str] = Counter()  # kept hits of whatever company, in which the words stand
    for hit, words in read:
        anywhere.update(() if hit.rejected else words.phrases & shared)
        for key in _keys(hit, words, shared):
            (found if hit.rejected else kept)[key].append(hit.id)
    contexts = [
        Context(key, tuple(sorted(ids, reverse=True)), tuple(sorted(kept[key], reverse=True)))
        for key, ids in found.items()
        if len(ids) >= least
    ]
    fit = [it for it in contexts if it.share >= SHARE]
    return list(_told_once(fit, anywhere, least, writable))


def _told_once(
    contexts: list[Context], anywhere: Counter[str], least: int, writable: Callable[[Key], bool]
) -> Iterator[Context]:
    left = {it.key: set(it.rejected) for it in contexts}
    by_key = {it.key: it for it in contexts}

    def order(key: Key) -> tuple[object, ...]:
        words = len([it for it in _TOKEN.findall(key.phrase) if is_letter(it[0])])
        rank = list(ContextKind).index(key.kind), key.role is not Role.COMPANY
        lost = len(by_key[key].kept)
        return -len(left[key]), lost, anywhere[key.phrase], rank, words, -len(key.phrase), key

    while left:
        best = min(left, key=order)
        if not writable(best):
            del left[best]
            continue
        told = by_key[best]
        yield told
        left = {key: ids - set(told.rejected) for key, ids in left.items()}
        left = {key: ids for key, ids in left.items() if len(ids) >= least}


class _Words(NamedTuple):
    """What is read in a hit's sentence: quotes there, longer phrases around them, and others."""

    quotes: list[Quote]
    longer: set[tuple[Role, str]]
    phrases: set[str]


def _read(hit: JudgedHit) -> _Words:
    text = fold(hit.sentence[:LONGEST]).text
    standing = []
    for quote in hit.quotes:
        said = fold(quote.text).text
        if quote.role in _OWNED and (at := text.find(said)) >= 0:
            standing.append((quote, at, at + len(said)))
    taken = [(start, end) for _, start, end in standing]
    longer = {
        (quote.role, phrase)
        for quote, start, end in standing
        for phrase in _longer(text, start, end, taken)
    }
    return _Words([quote for quote, _, _ in standing], longer, _phrases(text, taken))


def _keys(hit: JudgedHit, words: _Words, shared: set[str]) -> Iterator[Key]:
    """Yield the contexts *hit* is in, each once; of phrases, those that are *shared*."""
    of = {Role.COMPANY: hit.company, Role.TOPIC: hit.topic}
    yield Key(ContextKind.FEED, None, hit.feed, "")
    for role, phrase in words.longer:
        yield Key(ContextKind.UNLESS, role, of[role], phrase)
    spellings = {(quote.role, quote.term) for quote in words.quotes}
    for phrase in words.phrases & shared:
        yield Key(ContextKind.TOPIC, Role.TOPIC, hit.topic, phrase)
        for role, term in spellings:
            yield Key(ContextKind.SPELLING, role, term, phrase)


def _longer(text: str, start: int, end: int, taken: Sequence[tuple[int, int]]) -> Iterator[str]:
    """Yield the phrases of *text* that hold `text[start:end]` and what stands beside it."""
    for token in _TOKEN.finditer(text):
        first, last = token.span()
        sides = []
        if is_letter(token[0][0]):
            gap = (last, start) if last <= start else (end, first)
            if gap[0] <= gap[1] and text[slice(*gap)] in {"", *_JOINTS}:
                sides.append((first, last))
        else:
            sides += [(start - size, start) for size in _BESIDE if first <= start - size]
            sides += [(end, end + size) for size in _BESIDE if end + size <= last]
            sides = [it for it in sides if first <= it[0] and it[1] <= last]
        for side in sides:
            if _is_free(side, taken) and not is_idle(text[slice(*side)]):
                yield text[min(start, side[0]) : max(end, side[1])]


def _phrases(text: str, taken: Sequence[tuple[int, int]]) -> set[str]:
    """Return the words and short phrases of *text* that share no letter with what is *taken*."""
    free = list(text)
    for start, end in taken:
        free[start:end] = "\n" * (end - start)
    tokens = list(_TOKEN.finditer("".join(free)))
    found: set[str] = set()
    for at, token in enumerate(tokens):
        word = token[0]
        if not is_letter(word[0]):
            found.update(
                word[first : first + size]
                for size in _GRAMS
                for first in range(len(word) - size + 1)
            )
            continue
        idle = is_idle(word) or word.isdigit()
        if len(word) >= _SHORTEST and not idle:
            found.add(word)
        if at + 1 < len(tokens):
            after = tokens[at + 1]
            joined = text[token.end() : after.start()] in _JOINTS
            both_idle = idle and (is_idle(after[0]) or after[0].isdigit())
            if joined and is_letter(after[0][0]) and not both_idle:
                found.add(text[token.start() : after.end()])
    return found


def _is_free(span: tuple[int, int], taken: Sequence[tuple[int, int]]) -> bool:
    return all(span[1] <= start or end <= span[0] for start, end in taken)
