"""What is worked out aside for the pages, each from the parts of that process and what is asked."""

from __future__ import annotations

import time
from contextlib import closing
from typing import TYPE_CHECKING, Final

from monitor.config.proposed import Proposer
from monitor.config.trial import read_rules
from monitor.detect.contexts import shared_contexts
from monitor.pipeline.backtest import Kind, backtest, without_feed
from monitor.pipeline.outcome import UNCHANGED, Outcome
from monitor.store import precision as measured
from monitor.store.engine import reading
from monitor.store.judged import judged

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from monitor.app import App
    from monitor.config.proposed import Proposed
    from monitor.detect.contexts import Context
    from monitor.store.digests import FrozenDigest
    from monitor.store.texts import Chosen

EXAMPLES: Final = 10  # of each kind, the newest
FIGURES: Final = (*Kind, UNCHANGED)
_TELL_S: Final = 0.5  # between two tellings of how far a backtest is


def proposals(
    app: App, *, least: int, since: datetime, most: int
) -> list[tuple[Context, Proposed]]:
    """Return the contexts against which a rule can be written, each with it; *most* of them."""
    with reading(app.store) as connection:
        verdicts = judged(connection, since=since)
    proposer = Proposer(app.config)
    found = shared_contexts(verdicts, least, writable=lambda key: proposer.propose(key) is not None)
    fit = [(it, made) for it in found if (made := proposer.propose(it.key))]
    return fit[:most]


def precision(app: App, *, by: str, since: datetime, most: int) -> list[measured.Precision]:
    """Return how often hits were right, by what verdicts say."""
    with reading(app.store) as connection:
        return measured.precision(connection, by, since=since, limit=most)


def preview(app: App, *, name: str, now: datetime) -> FrozenDigest:
    """Return the digest that the subscription *name* would get now. Nothing is stored."""
    subscription = next(it for it in app.subscriptions if it.name == name)
    return app.compose_step.make(subscription, now)


def backtested(app: App, *, rules: str, without: str | None, chosen: Chosen) -> Iterator[Outcome]:
    """Yield how far a backtest is, now and then, and last what it found.

    *rules* are those to be tried, as they were written; or it is of leaving out a feed.
    """
    if without is None:
        lexicon = read_rules(rules, app.config)
        made = backtest(app.store, lexicon, chosen, bound={}, jobs=1)
    else:
        made = without_feed(app.store, without, chosen)
    tally, told = Outcome(EXAMPLES), time.monotonic()
    with closing(made) as pages:
        for page in pages:
            for compared in page:
                tally.take(compared)
            if time.monotonic() - told > _TELL_S:
                yield tally
                told = time.monotonic()
    yield tally
