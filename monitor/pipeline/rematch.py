"""Rematch: apply the present rules to stored articles.

* A page at a time: read, matched with no transaction open, recorded in a short one. What was
  recorded is marked on the article, so that a run that was killed is taken up where it ended.
* Safe beside anything: an article that changed since it was read is left to whoever changed it.
* A new hit of an article that was matched before is no news unless the article is: it is quiet,
  in lists but in no digest. One of an article on which detection had failed is always news.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from monitor import logs
from monitor.detect.changes import changes
from monitor.pipeline.match import match_all, pages
from monitor.store import counts, hits, lexicons, near_misses, stories, texts

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime
    from threading import Event

    from sqlalchemy import Connection, Engine

    from monitor.detect.lexicon import Lexicon
    from monitor.pipeline.match import Matched
    from monitor.ports import Clock
    from monitor.store.texts import Chosen

log = logs.get_logger()


@dataclass
class RematchTotals:
    """What it came to; *quiet* counts those of *found* that no digest will report.

    *changed* articles were revised or matched by another process meanwhile.
    """

    articles: int = 0
    found: int = 0
    quiet: int = 0
    corrected: int = 0
    withdrawn: int = 0
    failed: int = 0
    changed: int = 0

    def add(self, other: RematchTotals) -> None:
        """Add the figures of *other*."""
        for name in self.__dataclass_fields__:
            setattr(self, name, getattr(self, name) + getattr(other, name))


@dataclass(frozen=True, slots=True)
class RematchStep:
    """The step, with the real parts it works with.

    New hits of articles first seen before *news_since* are quiet.
    """

    engine: Engine
    clock: Clock
    lexicon: Lexicon
    news_since: datetime
    jobs: int = 1

    def rematch(self, chosen: Chosen) -> Iterator[RematchTotals]:
        """Match the chosen articles again; yield what each page came to, once it is recorded."""
        with self.engine.begin() as connection:
            lexicons.keep(
                connection,
                fingerprint=self.lexicon.fingerprint,
                content=self.lexicon.canonical,
                now=self.clock.now(),
            )
        for page in match_all(self.lexicon, pages(self.engine, chosen), jobs=self.jobs):
            with self.engine.begin() as connection:
                totals = self._record(connection, page)
            yield totals

    def _record(self, connection: Connection, page: list[Matched]) -> RematchTotals:
        """Write what a page of articles came to, but for those that changed since."""
        now, lexicon = self.clock.now(), self.lexicon.fingerprint
        good = [it for it in page if it.matches is not None]
        held = texts.hold(connection, [it.article for it in good])
        totals = RematchTotals(failed=len(page) - len(good), changed=len(good) - len(held))
        touched: set[int] = set()
        new: list[dict[str, Any]] = []
        near: list[dict[str, Any]] = []
        tally = counts.Tally()
        for it in good:
            article = it.article
            if article.id not in held or it.matches is None:
                continue
            present = article.present.revision
            came = changes(it.matches, present, article.hits)
            at = hits.Finding(article.id, present, lexicon, now)
            quiet = article.matched_with is not None and article.first_seen < self.news_since
            touched |= hits.correct(connection, came, tally, lexicon=lexicon, now=now)
            new += [hits.row(match, at, quiet=quiet) for match in came.found]
            near += [near_misses.row(match, at) for match in came.near]
            totals.quiet += quiet * len(came.found)
            totals.corrected += len(came.corrected)
            totals.withdrawn += len(came.lost)
        near_misses.replace(connection, held, near)
        totals.articles, totals.found = len(held), len(hits.insert(connection, new, tally))
        tally.write(connection)
        texts.mark(connection, held, lexicon=lexicon)
        stories.refresh(connection, touched)
        return totals


def match_unmatched(step: RematchStep, stop: Event | None = None) -> RematchTotals:
    """Match the articles on which detection failed, as after an upgrade that mended it.

    Ends early, with whole pages, when *stop* is set.
    """
    totals = RematchTotals()
    for page in step.rematch(texts.Chosen(unmatched=True)):
        totals.add(page)
        if stop is not None and stop.is_set():
            break
    if totals.articles:
        log.info("unmatched articles matched", articles=totals.articles, hits=totals.found)
    return totals
