"""Backtest: what other rules would add to the stored hits and take from them. Writes nothing.

* Stored hits are compared with what the rules find in the same texts: as `rematch` would do it,
  by the same decision, without doing it.
* Compared are pairs of a company and a topic; one that is found with other details stays
  unchanged, and is told as differing too.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING

from monitor.detect.changes import changes, differences
from monitor.model import Role
from monitor.pipeline.match import match_all, pages
from monitor.store import texts
from monitor.store.engine import reading

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping
    from datetime import datetime

    from sqlalchemy import Engine

    from monitor.detect.changes import KnownHit
    from monitor.detect.lexicon import Lexicon
    from monitor.model import Match
    from monitor.pipeline.match import Matched
    from monitor.store.texts import Chosen, StoredArticle, StoredText


class Kind(StrEnum):
    """What would become of a hit."""

    ADDED = "added"
    REMOVED = "removed"
    DIFFERING = "differing"


@dataclass(frozen=True, slots=True)
class Change:
    """A hit that would be added, removed, or found with other details; *why* in words.

    *article* is its number, *feed* the key of the feed it was first seen in, *hit* the number of a
    hit that is there.
    """

    kind: Kind
    company: str
    topic: str
    score: float
    why: str
    title: str
    url: str | None
    published_at: datetime | None
    feed: str
    article: int
    hit: int | None
    sentence: str


@dataclass(frozen=True, slots=True)
class Compared:
    """One article: what would change, and the pairs of the hits that stay; failed: not judged."""

    article: int
    changes: tuple[Change, ...] = ()
    unchanged: tuple[tuple[str, str], ...] = ()
    failed: bool = False


def backtest(
    engine: Engine,
    lexicon: Lexicon,
    chosen: Chosen,
    *,
    bound: Mapping[str, str | None],
    jobs: int,
) -> Generator[list[Compared]]:
    """Yield, page by page, what *lexicon* would change of the hits of the chosen articles.

    *bound* tells, by the keys of feeds, which company each is about under the new rules; a feed
    that is not in it is about the one it was.
    """
    read = (
        [replace(it, bound=bound.get(it.feed, it.bound)) for it in page]
        for page in pages(engine, chosen)
    )
    for page in match_all(lexicon, read, jobs=jobs):
        yield [_compare(it, lexicon) for it in page]


def without_feed(engine: Engine, feed: str, chosen: Chosen) -> Generator[list[Compared]]:
    """Yield, page by page, which hits of the chosen articles there would not be without a feed.

    *feed* is its key. What another feed showed as well is unchanged.
    """
    why = f"no other feed than {feed} showed it"
    for page in pages(engine, replace(chosen, feed=feed)):
        with reading(engine) as connection:
            lost = texts.only_there(connection, page, feed)
        yield [_left(article, why if article.id in lost else None) for article in page]


def _left(article: StoredArticle, why: str | None) -> Compared:
    held = [hit for hit in article.hits if not hit.withdrawn]
    if why is None:
        return Compared(article.id, unchanged=tuple(hit.pair for hit in held))
    of = {text.revision: text for text in article.texts}
    return Compared(
        article.id, tuple(_old(Kind.REMOVED, article, of[hit.revision], hit, why) for hit in held)
    )


def _compare(matched: Matched, lexicon: Lexicon) -> Compared:
    article = matched.article
    if matched.matches is None:
        return Compared(article.id, failed=True)
    found = changes(matched.matches, article.present.revision, article.hits)
    told: list[Change] = [_new(article, article.present, None, match) for match in found.found]
    unchanged = []
    of = {text.revision: text for text in article.texts}
    for hit, match in found.kept:
        if hit.withdrawn:
            told.append(_new(article, of[hit.revision], hit.id, match))
            continue
        unchanged.append(hit.pair)
        if differing := differences(hit, match):
            told.append(_old(Kind.DIFFERING, article, of[hit.revision], hit, "; ".join(differing)))
    for hit, rejected in found.lost:
        why = _why_lost(hit, rejected, lexicon)
        told.append(_old(Kind.REMOVED, article, of[hit.revision], hit, why))
    return Compared(article.id, tuple(told), tuple(unchanged))


def _new(article: StoredArticle, text: StoredText, hit: int | None, match: Match) -> Change:
    words = [it for it in match.evidence if it.role in {Role.COMPANY, Role.TOPIC}]
    why = " and ".join(f'"{it.text}" ({it.term})' for it in words)
    return _change(Kind.ADDED, article, text, hit, match, why)


def _old(kind: Kind, article: StoredArticle, text: StoredText, hit: KnownHit, why: str) -> Change:
    return _change(kind, article, text, hit.id, hit, why)


def _change(
    kind: Kind,
    article: StoredArticle,
    text: StoredText,
    hit: int | None,
    told: Match | KnownHit,
    why: str,
) -> Change:
    return Change(
        kind=kind,
        company=told.company,
        topic=told.topic,
        score=told.score,
        why=why,
        title=text.title,
        url=article.url,
        published_at=article.published_at,
        feed=article.feed,
        article=article.id,
        hit=hit,
        sentence=told.sentence,
    )


def _why_lost(hit: KnownHit, match: Match | None, lexicon: Lexicon) -> str:
    if match is not None and match.rejected:
        return match.rejected
    if hit.company not in {it.key for it in lexicon.companies}:
        return f"{hit.company} is not watched"
    if hit.topic not in {it.key for it in lexicon.topics}:
        return f"{hit.topic} is no topic"
    return "no spelling of one of the two stands in the text"
