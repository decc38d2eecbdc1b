"""Rounds: feeds that overflow, fail and are cut, polled by a service that dies; by a seed.

    python tests/promises/rounds.py --rounds 1000 --feeds 20 --seed 1

Everything is real but the clock and HTTP: reading in children, detection, a SQLite file. In each
round every feed publishes a few entries or more than it shows, and answers 200, 304, 429, 503, with
a body cut on the way, or with one cut by its server; in some rounds the process ends at a commit,
as far as the database can tell. Prints one line of figures; exit code 1 if an entry is missing that
a 200 contained, an article is there twice, or the gaps told are not those that were.
"""

import argparse
import json
import random
import sys
import tempfile
from collections import Counter
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import event, select

from monitor.config.watchlist import bundled_lexicon
from monitor.errors import FetchError
from monitor.feeds.manners import Pace
from monitor.feeds.parse.children import BoundedParser
from monitor.model import Answer, Feed, PollOutcome
from monitor.pipeline.matches import LateDetector
from monitor.pipeline.poll import PollStep
from monitor.store import feeds
from monitor.store import schema as t
from monitor.store.engine import open_engine
from monitor.store.migrate import integrity, upgrade

INTERVAL = timedelta(minutes=15)
LEASE = timedelta(minutes=5)
ANSWERS = {"whole": 70, "cut by the server": 8, "cut on the way": 8, "429": 7, "503": 7}
PUBLISHED = (40, 45, 15)  # how often nothing, a few entries, or more than fit: of 100 rounds
DEATHS = 0.15  # share of rounds in which the process ends
COMMITS = 4  # of a round, in which several feeds are settled at once


@dataclass
class Clock:
    """Moved by hand."""

    at: datetime = field(default_factory=lambda: datetime(2026, 11, 23, 8, 0, tzinfo=UTC))

    def now(self):
        return self.at


@dataclass
class Publisher:
    """One feed: it has published the entries 1 to *newest* and shows the last *window* of them."""

    key: str
    kind: int  # what its entries have: guid and link, a guid, a link
    window: int
    newest: int

    def title(self, number):
        what = "Alibaba fined in antitrust probe" if number % 7 == 0 else "River levels fall"
        return f"{what}, report {number} of {self.key}"

    def item(self, number):
        guid = f"<guid isPermaLink='false'>{self.key}-{number}</guid>" if self.kind != 2 else ""
        link = f"<link>https://{self.key}.example/{number}</link>" if self.kind != 1 else ""
        return f"<item><title>{self.title(number)}</title>{guid}{link}</item>"

    def shown(self):
        return list(range(self.newest, self.newest - self.window, -1))

    def body(self, entries, *, whole):
        items = "".join(map(self.item, entries))
        tail = "</channel></rss>" if whole else "<item><title>Half an ent"
        return f"<rss version='2.0'><channel><title>{self.key}</title>{items}{tail}".encode()


class Web:
    """Answers for the publishers, and remembers what it gave in the present round."""

    def __init__(self, publishers, chance):
        self.publishers = {publisher.key: publisher for publisher in publishers}
        self.chance = chance
        self.given = {}
        self.tally = Counter()

    def fetch_all(self, wanted, **_):
        for feed in iter(iter(wanted).__next__, None):
            yield feed, self.answer(feed)

    def answer(self, feed):
        publisher = self.publishers[feed.key]
        kind = self.chance.choices(list(ANSWERS), ANSWERS.values())[0]
        etag = f'"{publisher.newest}"'
        if kind in {"whole", "cut by the server"} and feed.etag == etag:
            kind = "304"
        self.tally[kind] += 1
        url = f"https://{feed.key}.example/feed"
        if kind == "304":
            return Answer(304, url, b"", etag=etag)
        if kind == "429":
            return FetchError("HTTP 429", status=429, retry_after=timedelta(minutes=40))
        if kind == "503":
            return FetchError("HTTP 503", status=503)
        if kind == "cut on the way":
            return FetchError("the body is cut short or cannot be decoded")
        shown = publisher.shown()
        whole = kind == "whole"
        if not whole:
            shown = shown[: self.chance.randrange(len(shown))]
        self.given[feed.key] = (shown, whole)
        return Answer(200, url, publisher.body(shown, whole=whole), etag=etag)


class Death:
    """Ends the process, as far as the database can tell, at the n-th commit of a round."""

    def __init__(self, engine, at):
        self.engine, self.left, self.happened = engine, at, False

    def __enter__(self):
        event.listen(self.engine, "commit", self)
        return self

    def __exit__(self, kind, *_):
        event.remove(self.engine, "commit", self)
        self.happened = kind is SystemExit
        return self.happened

    def __call__(self, _connection):
        self.left -= 1
        if self.left == 0:
            raise SystemExit


@dataclass
class Report:
    """What the rounds came to."""

    rounds: int = 0
    polls: int = 0
    deaths: int = 0
    answers: dict = field(default_factory=dict)
    contained: int = 0
    lost: int = 0
    doubled: int = 0
    overflows: int = 0
    gaps_told: int = 0
    gaps_missing: int = 0
    gaps_false: int = 0
    unbalanced: int = 0
    flaws: list = field(default_factory=list)

    @property
    def clean(self):
        faults = (self.lost, self.doubled, self.gaps_missing, self.gaps_false, self.unbalanced)
        return not any(faults) and not self.flaws


class Simulation:
    """The service, its publishers, and the truth about them."""

    def __init__(self, folder, parser, *, number, seed):
        self.chance = random.Random(seed)  # noqa: S311 - for cases, not for secrets
        self.engine = open_engine(f"sqlite:///{folder}/monitor.db")
        upgrade(self.engine)
        self.clock = Clock()
        self.publishers = [
            Publisher(f"feed{n}", n % 3, window, window)
            for n, window in enumerate(self.chance.choices([3, 10, 25], k=number))
        ]
        self.web = Web(self.publishers, self.chance)
        lexicon = bundled_lexicon()
        self.step = PollStep(
            engine=self.engine,
            clock=self.clock,
            fetcher=self.web,
            parser=parser,
            lexicon=lexicon.fingerprint,
            detector=LateDetector(lambda: lexicon),
            pace=Pace(usual=INTERVAL, longest=INTERVAL),
            lease=LEASE,
            chance=self.chance,
        )
        self.report = Report()
        self.contained = set()  # titles that a 200 contained
        self.before = {}  # feed -> the newest entry of the window that was stored last
        self.quiet = set()  # feeds whose answer died with the process: they publish nothing then
        self.last_poll = 0
        with self.engine.begin() as connection:
            configured = [
                Feed(it.key, f"https://{it.key}.example/feed", it.key) for it in self.publishers
            ]
            feeds.sync(connection, configured, now=self.clock.now())

    def publish(self):
        """Let each feed publish nothing, a few entries, or more than it shows."""
        for publisher in self.publishers:
            if publisher.key in self.quiet:
                continue
            few = self.chance.randint(1, publisher.window - 1)
            flood = publisher.window + self.chance.randint(0, 2 * publisher.window)
            publisher.newest += self.chance.choices([0, few, flood], PUBLISHED)[0]

    def round(self):
        """Publish, poll, perhaps die, and hold what was recorded against what was given."""
        self.report.rounds += 1
        self.publish()
        self.web.given = {}
        dies = self.chance.random() < DEATHS
        at = self.chance.randint(1, COMMITS) if dies else 0
        with Death(self.engine, at) as it:
            self.step.poll_due()
        self.report.deaths += it.happened
        self.clock.at += LEASE if it.happened else INTERVAL * self.chance.uniform(0.5, 2.5)
        settled = self.judge()
        self.quiet = set(self.web.given) - settled if it.happened else set()

    def judge(self):
        """Hold the new lines of the ledger against the answers; return the feeds they are of."""
        with self.engine.begin() as connection:
            query = select(t.polls, t.feeds.c.key.label("key")).join(
                t.feeds, t.feeds.c.id == t.polls.c.feed_id
            )
            rows = connection.execute(
                query.where(t.polls.c.id > self.last_poll).order_by(t.polls.c.id)
            )
            settled = set()
            for poll in rows:
                key = poll.key
                self.last_poll = poll.id
                self.report.polls += 1
                settled.add(key)
                if key in self.web.given:
                    self.judge_stored(key, poll)
                elif poll.gap:
                    self.report.gaps_false += 1
        return settled

    def judge_stored(self, key, poll):
        shown, whole = self.web.given[key]
        publisher = self.web.publishers[key]
        self.contained.update(map(publisher.title, shown))
        if poll.outcome != PollOutcome.STORED:  # nothing to read in it, or the very bytes of before
            return
        parts = poll.new + poll.known + poll.revised + poll.rejected
        self.report.unbalanced += parts != poll.entries or poll.entries < len(shown)
        self.report.gaps_told += poll.gap
        before = self.before.get(key)
        if not whole and before is not None:
            self.report.gaps_false += poll.gap
            return
        overflow = before is not None and shown[-1] > before
        self.report.overflows += overflow
        self.report.gaps_missing += overflow and not poll.gap
        self.report.gaps_false += poll.gap and not overflow
        self.before[key] = shown[0]

    def finish(self):
        """Count what is in the database against the truth; return the report."""
        with self.engine.begin() as connection:
            stored = Counter(connection.scalars(select(t.articles.c.title)))
            told = sum(connection.scalars(select(t.feeds.c.gaps)))
        report = self.report
        report.answers = dict(sorted(self.web.tally.items()))
        report.contained = len(self.contained)
        report.lost = len(self.contained - stored.keys())
        report.doubled = sum(count - 1 for count in stored.values())
        report.flaws = integrity(self.engine)
        if told != report.gaps_told:
            report.flaws.append(f"feeds count {told} gaps")
        self.engine.dispose()
        return report


def run(folder, *, rounds, number, seed):
    """Run *rounds* with *number* feeds; return a Report."""
    with BoundedParser(workers=1, timeout=timedelta(seconds=20), memory_bytes=1 << 30) as parser:
        simulation = Simulation(folder, parser, number=number, seed=seed)
        for _ in range(rounds):
            simulation.round()
        return simulation.finish()


def main():
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--rounds", type=int, default=1000)
    options.add_argument("--feeds", type=int, default=20)
    options.add_argument("--seed", type=int, default=1)
    given = options.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        report = run(Path(folder), rounds=given.rounds, number=given.feeds, seed=given.seed)
    sys.stdout.write(json.dumps(asdict(report)) + "\n")
    return 0 if report.clean else 1


if __name__ == "__main__":
    sys.exit(main())
