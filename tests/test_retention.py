"""Retention: what is old enough goes, a batch at a time; what is left is known for what it was."""

from contextlib import ExitStack
from dataclasses import replace
from datetime import timedelta
from threading import Event

import pytest
from sqlalchemy import event, insert, select, text, update
from test_articles import NOW, claim, count, entry, match, put

from monitor.pipeline.prune import FULL_TEXTS, POLLS, TEXTS, Retention, prune
from monitor.store import full_texts
from monitor.store import schema as t
from monitor.store.migrate import integrity

YEAR = timedelta(days=365)
LATE = NOW + YEAR + timedelta(days=1)
KEPT = Retention(articles=YEAR)
RAIN = entry("g1", "https://a.example/1", "Rain expected", "Umbrellas are sold out")
FINE = entry("g2", "https://a.example/2", "Acme fined", "A regulator spoke of umbrellas")


def stored(engine, table=t.articles):
    with engine.begin() as connection:
        return connection.execute(select(table).order_by(table.c.id)).all()


def found(engine, word):
    """Return the articles that the search index has *word* of."""
    sqlite = "SELECT rowid FROM article_words WHERE article_words MATCH :word ORDER BY rowid"
    other = "SELECT article_id FROM article_words WHERE words @@ CAST(:word AS tsquery) ORDER BY 1"
    with engine.begin() as connection:
        query = sqlite if engine.dialect.name == "sqlite" else other
        return list(connection.scalars(text(query), {"word": word}))


@pytest.fixture
def feed(engine):
    """A feed that showed an article without a hit, and one with."""
    [feed] = claim(engine, "a")
    put(engine, feed, [RAIN])
    put(engine, feed, [FINE], lambda _: [match()])
    return feed


def test_a_text_goes_and_its_article_stays_known(engine, feed):
    """A feed that shows it again, or another that does, finds it: it is not news a second time."""
    assert prune(engine, KEPT, now=NOW + YEAR)[TEXTS] == 0
    assert prune(engine, KEPT, now=LATE)[TEXTS] == 1

    rain, fine = stored(engine)
    assert (rain.title, rain.summary, rain.url) == ("Rain expected", "", "https://a.example/1")
    assert (fine.summary, rain.first_seen) == ("A regulator spoke of umbrellas", NOW)
    again = put(engine, feed, [RAIN, FINE])
    assert (again.new, again.known, again.revised) == (0, 2, 0)
    [other] = claim(engine, "b")
    elsewhere = put(engine, other, [replace(RAIN, guid="other")])
    assert (elsewhere.new, elsewhere.known) == (0, 1)
    assert count(engine, t.articles) == 2
    assert stored(engine)[0].summary == ""


def test_the_search_index_follows(engine, feed):
    """What was deleted is not found any more; a title is, and a text that comes later."""
    assert found(engine, "umbrellas") == [1, 2]
    prune(engine, KEPT, now=LATE)
    assert (found(engine, "umbrellas"), found(engine, "rain")) == ([2], [1])

    changed = put(engine, feed, [replace(RAIN, summary="Hail instead")])
    assert (changed.new, changed.revised) == (0, 1)
    assert (found(engine, "hail"), found(engine, "rain")) == ([1], [1])
    assert integrity(engine) == []
    assert prune(engine, KEPT, now=LATE)[TEXTS] == 0
    assert stored(engine)[0].summary == "Hail instead"


def test_what_quotes_or_waits_is_kept(engine, feed):
    """A withdrawn hit quotes its text; what detection failed on is matched again some day."""
    failed = entry("g3", "https://a.example/3", "Odd", "text")
    put(engine, feed, [failed], lambda _: None)
    with engine.begin() as connection:
        connection.execute(update(t.hits).values(withdrawn_at=NOW))

    assert prune(engine, KEPT, now=LATE)[TEXTS] == 1
    assert [bool(row.summary) for row in stored(engine)] == [False, True, True]


def test_all_that_hangs_on_a_text_goes_with_it(engine, feed):
    """Earlier texts, near-misses and the reading of its page; not that of one with a hit."""
    near = replace(match(), rejected="in different sentences", possible=True)
    again = [replace(RAIN, summary="Storm"), replace(FINE, summary="Umbrellas again")]
    put(engine, feed, again, lambda index: [match()] if index else [near])
    with engine.begin() as connection:
        full_texts.want(connection, feed.id, [1, 2], now=NOW)
        connection.execute(update(t.full_texts).values(due_at=None, status="stored"))
    long = Retention(near_misses=9 * YEAR, articles=YEAR)

    assert prune(engine, long, now=LATE)[TEXTS] == 1
    for table in (t.revisions, t.full_texts):
        assert [row.article_id for row in stored(engine, table)] == [2]
    assert stored(engine, t.near_misses) == []


def test_pages_go_sooner(engine, feed):
    """With `full_texts` alone, articles whose page was not read keep what the feed said."""
    with engine.begin() as connection:
        full_texts.want(connection, feed.id, [1, 2], now=NOW)
        connection.execute(update(t.full_texts).values(due_at=None, status="stored"))
    put(engine, feed, [entry("g3", "https://a.example/3", "Snow", "is white")])

    deleted = prune(engine, Retention(full_texts=YEAR), now=LATE)
    assert (deleted[FULL_TEXTS], TEXTS in deleted) == (1, False)
    assert [bool(row.summary) for row in stored(engine)] == [False, True, True]


def test_batches_and_a_stop(engine, feed):
    """Each batch is a transaction of its own; a run that ended in between is taken up there."""
    entries = [entry(f"n{n}", f"https://a.example/n{n}", f"News {n}", "text") for n in range(9)]
    put(engine, feed, entries)
    stop = Event()
    begun = []

    @event.listens_for(engine, "commit")
    def note(_connection):
        begun.append(1)
        if len(begun) == 3:  # near-misses, and two batches of texts
            stop.set()

    assert prune(engine, KEPT, now=LATE, batch=3, stop=stop)[TEXTS] == 5
    event.remove(engine, "commit", note)
    assert prune(engine, KEPT, now=LATE, batch=3, stop=stop) == {"near-misses": 0, TEXTS: 0}
    assert prune(engine, KEPT, now=LATE, batch=3)[TEXTS] == 5
    assert [row.title for row in stored(engine) if row.summary] == ["Acme fined"]


def test_what_is_free_can_be_used(engine, feed):
    """On SQLite the pages of deleted texts take up what comes later: the file grows no further."""
    if engine.dialect.name != "sqlite":
        return
    long = "words and words " * 90
    put(
        engine,
        feed,
        [entry(f"n{n}", f"https://a.example/n{n}", f"N {n}", long) for n in range(600)],
    )
    prune(engine, KEPT, now=LATE)
    with engine.begin() as connection:
        free = connection.scalar(text("SELECT freelist_count FROM pragma_freelist_count()"))
        assert connection.execute(text("PRAGMA foreign_key_check")).all() == []
    assert free * 4096 > 600 * len(long) / 2


def test_polls(engine, feed):
    """Old lines of the ledger go, if that is wished, oldest first; the newer ones stay."""
    rows = [{"feed_id": feed.id, "at": NOW + n * YEAR, "outcome": "stored"} for n in range(3)]
    with engine.begin() as connection:
        connection.execute(insert(t.polls), rows)
    later = NOW + 2 * YEAR

    assert POLLS not in prune(engine, KEPT, now=later)
    assert prune(engine, Retention(polls=YEAR), now=later, batch=1)[POLLS] == 1
    assert [row.at for row in stored(engine, t.polls)] == [NOW + YEAR, later]


@pytest.mark.usefixtures("feed")
def test_an_article_that_another_holds_is_left(engine):
    """On PostgreSQL, who is about to give an article a hit is not disturbed, nor waited for."""
    if engine.dialect.name != "postgresql":
        return
    with ExitStack() as held:
        connection = held.enter_context(engine.begin())
        connection.execute(select(t.articles.c.id).with_for_update()).all()
        assert prune(engine, KEPT, now=LATE)[TEXTS] == 0
    assert stored(engine)[0].summary == RAIN.summary
