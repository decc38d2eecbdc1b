"""Match: the texts of stored articles against a lexicon, page by page, on several cores.

* Pages come out in the order they went in; two for each child are under way, never more.
* An article on which detection fails is told apart and logged, and costs no other.
* Children end with their parent, however it ends.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections import deque
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from multiprocessing.connection import wait
from threading import Thread
from typing import TYPE_CHECKING, Final, TypeAlias

from monitor import logs
from monitor.detect.associate import Detector
from monitor.errors import MonitorError
from monitor.store import texts
from monitor.store.engine import reading

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from concurrent.futures import Future
    from datetime import datetime

    from sqlalchemy import Engine

    from monitor.detect.lexicon import Lexicon
    from monitor.model import Match
    from monitor.store.texts import Chosen, StoredArticle

PAGE: Final = 500  # articles that are read, matched and recorded at once
_AHEAD: Final = 2  # pages for each child

Matches: TypeAlias = "dict[int, tuple[Match, ...]]"  # by revision
# What detection needs of an article, and no more: it goes to a child. Bound to which company, when
# published, and of each text its revision, title and summary.
_Question: TypeAlias = "tuple[str | None, datetime | None, tuple[tuple[int, str, str], ...]]"

log = logs.get_logger()


@dataclass(frozen=True, slots=True)
class Matched:
    """An article with the matches of each of its texts; None if detection failed on one."""

    article: StoredArticle
    matches: Matches | None


def pages(engine: Engine, chosen: Chosen, *, size: int = PAGE) -> Iterator[list[StoredArticle]]:
    """Yield the chosen articles in order of their numbers, each page read for itself."""
    with reading(engine) as connection:
        after = texts.start(connection, chosen)
    while True:
        with reading(engine) as connection:
            page = texts.page(connection, chosen, after=after, limit=size)
        if not page:
            return
        yield page
        after = page[-1].id


def match_all(
    lexicon: Lexicon, pages: Iterable[list[StoredArticle]], *, jobs: int
) -> Iterator[list[Matched]]:
    """Yield each page with its matches; *jobs* children do it, or this process if that is 1.

    *pages* is read lazily, a little ahead. Raises MonitorError when a child dies.
    """
    if jobs == 1:
        detector = None
        for page in pages:
            detector = detector or Detector(lexicon)  # most runs in a service have nothing to do
            yield _joined(page, _match_page(detector, _questions(page)))
        return
    waiting = iter(pages)
    under_way: deque[tuple[list[StoredArticle], Future[list[Matches | str]]]] = deque()
    with _children(lexicon, jobs) as pool:
        while True:
            for page in islice(waiting, jobs * _AHEAD - len(under_way)):
                under_way.append((page, pool.submit(_match_in_child, _questions(page))))
            if not under_way:
                return
            page, future = under_way.popleft()
            yield _joined(page, future.result())


def _joined(page: list[StoredArticle], found: list[Matches | str]) -> list[Matched]:
    joined = []
    for article, matches in zip(page, found, strict=True):
        if isinstance(matches, str):
            log.error("detection failed", article=article.id, url=article.url, error=matches)
        joined.append(Matched(article, None if isinstance(matches, str) else matches))
    return joined


def _questions(page: list[StoredArticle]) -> list[_Question]:
    return [
        (
            it.bound,
            it.published_at,
            tuple((text.revision, text.title, text.summary) for text in it.texts),
        )
        for it in page
    ]


def _match_page(detector: Detector, page: list[_Question]) -> list[Matches | str]:
    """Return the matches of each article, or what went wrong in words."""
    found: list[Matches | str] = []
    for bound, published, stored in page:
        try:
            found.append(
                {
                    revision: detector.find(title, summary, company=bound, published=published)
                    for revision, title, summary in stored
                }
            )
        except Exception as error:  # noqa: BLE001 - the one broad catch of this work item; logged by the parent
            found.append(f"{type(error).__name__}: {error}")
    return found


# --- children ----------------------------------------------------------------------------------


@contextmanager
def _children(lexicon: Lexicon, jobs: int) -> Iterator[ProcessPoolExecutor]:
    # From a fork server: a plain fork of a process with threads may deadlock.
    context = multiprocessing.get_context("forkserver")
    pool = ProcessPoolExecutor(jobs, context, initializer=_prepare, initargs=(lexicon,))
    try:
        yield pool
    except BrokenProcessPool as error:
        raise MonitorError("a child process that matches texts has died") from error
    finally:
        pool.shutdown(cancel_futures=True)


class _Child:
    """What a child keeps between pages."""

    detector: Detector


def _prepare(lexicon: Lexicon) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent says what there is to say
    Thread(target=_end_with_parent, daemon=True).start()
    _Child.detector = Detector(lexicon)


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)


def _match_in_child(page: list[_Question]) -> list[Matches | str]:
    return _match_page(_Child.detector, page)
