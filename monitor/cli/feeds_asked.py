"""Asking feeds outside of polling, to look at what they answer: nothing is stored.

* As many as there are hosts for are asked at once, so that those which hang do so together.
* Of one host no more are asked at once than by a poll.
* Whatever is unfinished when the time is up ends as a FetchTimeout, and the rest is there.
"""

from __future__ import annotations

import argparse
from collections import Counter, deque
from contextlib import closing
from datetime import timedelta
from time import monotonic
from typing import TYPE_CHECKING, Final, TypeAlias

from monitor.errors import FetchError, FetchTimeout

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from monitor.app import App
    from monitor.errors import ParseError
    from monitor.model import Answer, Document, FeedToPoll

    Asked: TypeAlias = tuple[FeedToPoll, Document | FetchError | ParseError]

MOST_AT_ONCE: Final = 256
PULSE: Final = timedelta(seconds=0.25)


def within_option(command: argparse.ArgumentParser) -> None:
    """Add `--within` to *command*."""
    command.add_argument(
        "--within",
        type=_span,
        metavar="TIME",
        help="how long it may take in all (default: twice polling.timeout)",
    )


def _span(text: str) -> timedelta:
    from monitor.config.values import read_duration

    try:
        return read_duration(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def ask_all(app: App, feeds: list[FeedToPoll], within: timedelta | None) -> Iterator[Asked]:
    """Yield each feed with what was read of it or why not, in order of completion."""
    within = within or 2 * app.config.polling.timeout
    round_ = _Round(app, feeds, until=monotonic() + within.total_seconds())
    left = {feed.id: feed for feed in feeds}
    for found in app.plain_parser.parse_all(round_.with_body(), pulse=PULSE):
        read = [] if found is None else [(found[0], found[2])]
        for feed, outcome in (*round_.failed(), *read):
            del left[feed.id]
            yield feed, outcome
    for feed, error in round_.failed():
        del left[feed.id]
        yield feed, error
    for feed in left.values():
        yield feed, FetchTimeout(f"unfinished after {within.total_seconds():g} s in all")


class _Round:
    """One round of asking, which ends at *until* (of the monotonic clock) whoever still hangs."""

    def __init__(self, app: App, feeds: list[FeedToPoll], *, until: float) -> None:
        self._fetcher = app.build_fetcher(min(max(1, len(feeds)), MOST_AT_ONCE))
        self._turns = _Turns(app, feeds)
        self._until = until
        self._failed: list[tuple[FeedToPoll, FetchError]] = []

    def with_body(self) -> Iterator[tuple[FeedToPoll, Answer] | None]:
        """Yield what there is to read; None at which there is time for what has been read."""
        with closing(self._fetcher.fetch_all(self._turns, pulse=PULSE)) as answers:
            for found in answers:
                if monotonic() >= self._until:
                    return
                if found is None:
                    yield None
                    continue
                feed, answer = found
                self._turns.answered(feed)
                if isinstance(answer, FetchError):
                    self._failed.append((feed, answer))
                    yield None
                else:
                    yield feed, answer

    def failed(self) -> list[tuple[FeedToPoll, FetchError]]:
        """Return those that failed since this was asked."""
        failed, self._failed = self._failed, []
        return failed


class _Turns:
    """Gives out feeds, each host's a few at a time; None while every host that is left is busy."""

    def __init__(self, app: App, feeds: Iterable[FeedToPoll]) -> None:
        self._host_of, self._per_host = app.guard.host_of, app.config.polling.per_host
        self._waiting = deque(feeds)
        self._busy: Counter[str] = Counter()

    def __iter__(self) -> Iterator[FeedToPoll | None]:
        while self._waiting:
            for _ in range(len(self._waiting)):
                feed = self._waiting.popleft()
                host = self._host_of(feed.url)
                if host is None or self._busy[host] < self._per_host:
                    if host is not None:
                        self._busy[host] += 1
                    yield feed
                else:
                    self._waiting.append(feed)
            if self._waiting:
                yield None

    def answered(self, feed: FeedToPoll) -> None:
        """Note that *feed* is not being asked any more."""
        host = self._host_of(feed.url)
        if host is not None:
            self._busy[host] -= 1
