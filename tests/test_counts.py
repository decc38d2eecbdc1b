"""Counts of feeds: `v_feeds` says what the tables hold, whatever is done, by however many."""

import random
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import delete, func, insert, select, text, update
from stored import NEW, NOW, OLD, rules
from test_articles import claim
from test_cli import run
from test_poll import Dies, configure, parser, rss, step, web  # noqa: F401 - fixtures

from monitor.detect.associate import Detector
from monitor.identity import identity
from monitor.model import Entry, FullTextStatus
from monitor.pipeline.match import match_all, pages
from monitor.pipeline.prune import Retention, prune
from monitor.pipeline.recount import recount
from monitor.pipeline.rematch import RematchStep
from monitor.store import articles, counts, full_texts, recounts, texts
from monitor.store import schema as t
from monitor.store.engine import open_engine

YEAR = timedelta(days=365)
SUBJECTS = ("Acme fined in antitrust probe", "Brook plans IPO", "Bluebird antitrust", "Rain")
LEXICONS = (OLD, NEW, rules(["Acme", "Brook", "Bluebird"], rain="Rain", ipo="IPO"))
SAID = "newest_article_at, articles, hits, full_texts, pages_waiting, pages_given_up"
THERE = """
    SELECT f.key, (SELECT MAX(published_at) FROM articles a WHERE a.feed_id = f.id),
           (SELECT COUNT(*) FROM articles a WHERE a.feed_id = f.id),
           (SELECT COUNT(*) FROM hits h, articles a
            WHERE a.id = h.article_id AND a.feed_id = f.id AND h.withdrawn_at IS NULL),
           (SELECT COUNT(*) FROM full_texts x WHERE x.feed_id = f.id AND x.status = 'stored'),
           (SELECT COUNT(*) FROM full_texts x WHERE x.feed_id = f.id AND x.status = 'waiting'),
           (SELECT COUNT(*) FROM full_texts x WHERE x.feed_id = f.id AND x.status = 'given_up')
    FROM feeds f ORDER BY f.key
"""


def said(engine):
    """Return what the view says, once it is seen to be what the tables hold."""
    with engine.connect() as connection:
        view = connection.execute(text(f"SELECT feed_id, {SAID} FROM v_feeds ORDER BY feed_id"))
        found = [tuple(row) for row in view]
        assert found == [tuple(row) for row in connection.execute(text(THERE))]
        assert recounts.wrong(connection) == []
    return {key: values for key, _, *values in found}


def rows(engine):
    with engine.connect() as connection:
        return connection.scalar(select(func.count()).select_from(t.feed_counts))


def show(engine, feed, entries, lexicon=OLD, *, reads_pages=False):
    """Store what a poll of *feed* showed."""
    detector = Detector(lexicon)
    with engine.begin() as connection:
        batch = articles.Batch(
            feed=feed,
            entries=entries,
            identities=[identity(it) for it in entries],
            matches=lambda at: detector.find(entries[at].title, entries[at].summary),
            lexicon=lexicon.fingerprint,
            now=NOW,
        )
        stored = articles.store(connection, batch)
        if reads_pages:
            full_texts.want(connection, feed.id, stored.changed, now=NOW)
    return stored


def rematch(engine, clock, lexicon):
    """Match every article again that was matched with other rules; return how many hits went."""
    matching = RematchStep(engine, clock, lexicon, news_since=NOW)
    chosen = texts.Chosen(not_with=lexicon.fingerprint)
    return sum(totals.withdrawn for totals in matching.rematch(chosen))


def news(number, title="Rain", summary=""):
    at = NOW - timedelta(minutes=number)
    return Entry(f"g{number}", f"https://n.example/{number}", title, summary, at)


class Life:
    """What may happen to a database, by chance."""

    def __init__(self, engine, clock, chance):
        self.engine, self.clock, self.chance = engine, clock, chance
        self.feeds = claim(engine, *"abc")
        self.late = NOW + YEAR

    def do(self):
        acts = (self.poll, self.poll, self.rematch, self.read, self.prune, self.fold)
        self.chance.choice(acts)()

    def poll(self):
        """Entries that are new, known, revised, of another feed, with or without a hit."""
        entries = [
            news(
                number,
                f"{self.chance.choice(SUBJECTS)} {number % 7}",
                self.chance.choice(("", "It rained", "Brook said no")),
            )
            for number in self.chance.sample(range(60), 8)
        ]
        feed, lexicon = self.chance.choice(self.feeds), self.chance.choice(LEXICONS)
        show(self.engine, feed, entries, lexicon, reads_pages=self.chance.random() < 0.5)

    def rematch(self):
        rematch(self.engine, self.clock, self.chance.choice(LEXICONS))

    def read(self):
        """Pages: some are stored, some fail, some are given up, some have nothing."""
        with self.engine.begin() as connection:
            connection.execute(update(t.feeds).values(full_text=True, enabled=True))
            every = full_texts.claim_due(
                connection, now=NOW, lease=YEAR, pause=timedelta(), limit=4, worker="t"
            )
        for page in every:
            status = self.chance.choice(list(FullTextStatus))
            with self.engine.begin() as connection:
                if status == FullTextStatus.STORED:
                    words = "A page, and what it says"
                    full_texts.replace_text(connection, page, words, lexicon="x", now=NOW)
                else:
                    due = NOW if status == FullTextStatus.WAITING else None
                    full_texts.settle(connection, page, status, due_at=due, error=None)

    def prune(self):
        self.late += YEAR
        prune(self.engine, Retention(articles=YEAR), now=self.late)

    def fold(self):
        with self.engine.begin() as connection:
            counts.fold(connection)


@pytest.mark.parametrize("seed", range(4))
def test_whatever_happens(engine, clock, seed):
    """After each of many things that happen by chance, the view says what the tables hold."""
    life = Life(engine, clock, random.Random(seed))  # noqa: S311 - the same each time
    most = [0] * 5
    for _ in range(50):
        life.do()
        for found in said(engine).values():
            most = list(map(max, most, found))
    assert all(most), "each count was put to the test"


def test_hits_go_and_come_back(engine, clock):
    """What rules withdraw is not counted; what they find again is."""
    [feed] = claim(engine, "a")
    show(engine, feed, [news(1, "Brook plans IPO"), news(2, "Acme antitrust")])
    assert said(engine)["a"][:2] == [2, 2]
    for lexicon, hits in ((NEW, 1), (OLD, 2), (rules(["Acme"], ipo="IPO"), 0)):
        rematch(engine, clock, lexicon)
        assert said(engine)["a"][:2] == [2, hits]


def test_withdrawn_twice_counts_once(engine, clock):
    """Two runs that read the same hits before either wrote: each hit is taken away once."""
    [feed] = claim(engine, "a")
    show(engine, feed, [news(1, "Brook plans IPO")], OLD)
    lexicon = replace(NEW, fingerprint=OLD.fingerprint)
    matching = RematchStep(engine, clock, lexicon, news_since=NOW)
    [first] = match_all(lexicon, pages(engine, texts.Chosen()), jobs=1)
    [second] = match_all(lexicon, pages(engine, texts.Chosen()), jobs=1)
    for page in (first, second):
        with engine.begin() as connection:
            assert matching._record(connection, page).withdrawn == 1
    assert said(engine)["a"][:2] == [1, 0]


def test_what_is_rolled_back_was_never_counted(engine):
    """A transaction that fails takes its counts with it."""
    [feed] = claim(engine, "a")
    show(engine, feed, [news(1)])
    with engine.connect() as connection:
        with counts.tally(connection) as tally:
            tally.article(99, feed.id, NOW)
        assert connection.scalar(text("SELECT articles FROM v_feeds")) == 2
        connection.rollback()
    assert said(engine)["a"][0] == 1


@pytest.mark.parametrize("commit", range(1, 5))
def test_death_at_any_commit(engine, clock, web, step, commit):  # noqa: F811 - the fixtures
    """Killed at any commit of a round, and polled again: the counts are right both times."""
    configure(engine, clock, "a", "b")
    for key in "ab":
        body = rss(f"{key}: Alibaba fined in antitrust probe", f"{key}: Rain", name=key)
        web.put(key, body)
    with Dies(engine, commit):
        step.poll_due()
    said(engine)
    clock.at += timedelta(minutes=5)
    step.poll_due()
    assert [found[:2] for found in said(engine).values()] == [[2, 1], [2, 1]]


def test_rows_become_one(engine):
    """What is added is folded every so often: the table stays small, and its sums the same."""
    feeds = claim(engine, "a", "b")
    for number in range(6):
        show(engine, feeds[number % 2], [news(number, SUBJECTS[0])])
    assert rows(engine) == 6
    before = said(engine)
    with engine.begin() as connection:
        counts.fold(connection)
    assert (rows(engine), said(engine)) == (2, before)

    for _ in range(2):  # more than are ever left
        with engine.begin() as connection, counts.tally(connection) as tally:
            for feed in range(100, 100 + counts.FOLD_EVERY - 100):
                tally.article(1, feed, None)
    assert rows(engine) < counts.FOLD_EVERY + 4
    assert said(engine) == before


def test_no_change_is_no_row(engine):
    """A poll that shows what is known adds nothing."""
    [feed] = claim(engine, "a")
    for _ in range(3):
        show(engine, feed, [news(1)])
    assert rows(engine) == 1


def test_what_others_wrote_is_set_right(engine):
    """What a program wrote that keeps no counts is found, and counted, once."""
    one, two = claim(engine, "a", "b")
    show(engine, one, [news(1, SUBJECTS[0])])
    show(engine, two, [news(2), news(3, SUBJECTS[0])])
    with engine.begin() as connection:
        row = connection.execute(select(t.articles).order_by(t.articles.c.id)).first()
        late = NOW + timedelta(days=1)
        more = {**row._mapping, "id": 1000, "key": "k", "published_at": late}
        connection.execute(insert(t.articles), [more])
        gone = select(t.articles.c.id).where(t.articles.c.feed_id == two.id)
        connection.execute(delete(t.hits).where(t.hits.c.article_id.in_(gone)))
    with engine.connect() as connection:
        told = [str(it) for it in recounts.wrong(connection)]
    assert len(told) == 3
    assert told[1:] == [
        "feed a: articles counted 1, there 2",
        "feed b: hits counted 1, there 0",
    ]

    assert len(recount(engine)) == 3
    assert recount(engine) == []
    assert [found[:2] for found in said(engine).values()] == [[2, 1], [2, 0]]


def test_a_date_that_is_gone(engine):
    """The newest date goes back too, if whoever has the right deletes the article by hand."""
    [feed] = claim(engine, "a")
    show(engine, feed, [news(1), news(5)])
    with engine.begin() as connection:
        newest = select(func.min(t.articles.c.id)).scalar_subquery()
        connection.execute(delete(t.sightings).where(t.sightings.c.article_id == newest))
        connection.execute(text("DELETE FROM articles WHERE id = (SELECT MIN(id) FROM articles)"))
    assert {it.what for it in recount(engine)} == {"articles", "newest_article_at"}
    assert said(engine)["a"][0] == 1


def test_the_command_says_and_repairs(tmp_path):
    """`db check` names what is wrong and exits with 1; `db count` sets it right."""
    (tmp_path / "config.yaml").write_text("database: sqlite:///m.db\nfeeds: []\n", "utf-8")
    run(tmp_path, "db", "upgrade")
    engine = open_engine(f"sqlite:///{tmp_path}/m.db")
    [feed] = claim(engine, "a")
    show(engine, feed, [news(1)])
    run(tmp_path, "db", "check")
    with engine.begin() as connection:
        connection.execute(delete(t.feed_counts))

    told = "feed a: articles counted 0, there 1"
    assert f"{told} (`monitor db count`)" in run(tmp_path, "db", "check", code=1).stdout
    assert f"{told}: set right" in run(tmp_path, "db", "count").stdout
    run(tmp_path, "db", "check")
    assert "what feeds are said to have is so" in run(tmp_path, "db", "count").stdout
    said(engine)
    engine.dispose()


# --- Several at once ------------------------------------------------------------------------------


@contextmanager
def beside(*works):
    """Do each of *works* again and again, in a thread of its own, while the block runs."""
    stop = threading.Event()

    def repeat(work):
        done = 0
        while not stop.wait(0.01) or not done:
            work()
            done += 1
        return done

    with ThreadPoolExecutor(len(works)) as threads:
        running = [threads.submit(repeat, work) for work in works]
        try:
            yield
        finally:
            stop.set()
        assert all(it.result() for it in running)


def test_right_at_every_moment(engine, clock):
    """Several poll, match, fold and recount: another session never sees counts that are not so."""
    feeds = claim(engine, "a", "b")
    show(engine, feeds[0], [news(n, f"{SUBJECTS[n % 3]} {n}") for n in range(40)])

    def fold():
        with engine.begin() as connection:
            counts.fold(connection)

    def set_right():
        with engine.begin() as connection:
            recounts.set_right(connection, feeds[0].id)

    def look():
        with engine.connect() as connection:
            assert recounts.wrong(connection) == []

    def poll(feed, first):
        for number in range(first, first + 12):
            show(engine, feed, [news(number, f"{SUBJECTS[number % 3]} {number}")])

    def match(order):
        for lexicon in order:
            matching = RematchStep(engine, clock, lexicon, news_since=NOW)
            for page in match_all(lexicon, pages(engine, texts.Chosen(), size=7), jobs=1):
                with engine.begin() as connection:
                    matching._record(connection, page)

    with (
        beside(fold, fold, set_right, look),
        ThreadPoolExecutor(4) as threads,
    ):
        work = [threads.submit(poll, feed, 100 * at) for at, feed in enumerate(feeds, 1)]
        work += [threads.submit(match, [*order] * 2) for order in (LEXICONS, LEXICONS[::-1])]
        for it in work:
            it.result()
    assert [found[0] for found in said(engine).values()] == [52, 12]
    fold()
    assert rows(engine) == 2


@pytest.fixture
def impatient(database):
    """An engine on PostgreSQL whose statements fail if they have to wait for a lock."""
    engine = open_engine(f"{database}&options=-c%20lock_timeout%3D1s")
    yield engine
    engine.dispose()


def test_nobody_waits(database, impatient, clock):
    """Hits are withdrawn, and counts folded, while polls hold their feeds and have counted."""
    [feed] = claim(impatient, "a")
    show(impatient, feed, [news(1, "Brook plans IPO")])
    show(impatient, feed, [news(2)])
    engine = open_engine(database)
    with engine.connect() as polling, engine.connect() as folding:
        polling.execute(select(t.feeds).with_for_update())
        with counts.tally(polling) as tally:
            tally.article(2, feed.id, None)
        counts.fold(folding)
        assert rematch(impatient, clock, NEW) == 1
        with impatient.begin() as connection:
            counts.fold(connection)  # leaves it to the other
    assert said(impatient)["a"][:2] == [2, 0]
    engine.dispose()
