"""Near-misses in the store: kept with their reason, gone when they become hits, pruned in time."""

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select, text
from test_articles import NOW, claim, entry, match, put

from monitor.pipeline.prune import Retention, prune
from monitor.store import near_misses
from monitor.store import schema as t

APART = replace(match(), rejected="in different sentences", possible=True, score=0.4)

KEPT = Retention()


@pytest.fixture
def feed(engine):
    return claim(engine, "a")[0]


def stored(engine, table=t.near_misses):
    with engine.begin() as connection:
        return connection.execute(select(table).order_by(table.c.id)).all()


def test_a_rejected_match_is_kept_with_its_reason(engine, feed):
    """Why something was not reported can be looked up, by program and by SQL."""
    put(engine, feed, [entry("g1", "https://a.example/1", "Acme")], lambda _: [APART])

    [kept] = stored(engine)
    assert (kept.reason, kept.possible, kept.score) == ("in different sentences", True, 0.4)
    assert stored(engine, t.hits) == []
    with engine.begin() as connection:
        shown = connection.execute(text("SELECT company, reason, title FROM v_near_misses")).one()
        [told] = near_misses.of_article(connection, kept.article_id)
    assert tuple(shown) == ("acme", "in different sentences", "Acme")
    assert told.evidence == APART.evidence


def test_a_near_miss_that_becomes_a_hit_disappears(engine, feed):
    """A pair is a hit of an article or a near-miss, never both."""
    first = entry("g1", "https://a.example/1", "Acme")
    put(engine, feed, [first], lambda _: [APART])
    put(engine, feed, [first._replace(title="Acme fined")], lambda _: [match()])

    assert stored(engine) == []
    assert len(stored(engine, t.hits)) == 1


def test_a_revised_text_has_its_own_near_misses(engine, feed):
    """What a new text no longer holds is no near-miss any more; what it does keeps its date."""
    first = entry("g1", "https://a.example/1", "Acme")
    put(engine, feed, [first], lambda _: [APART, replace(APART, topic="listing")])
    before = stored(engine)[0]
    later = replace(APART, rejected="named as an investor")
    put(engine, feed, [first._replace(title="Acme again")], lambda _: [later])

    [kept] = stored(engine)
    assert (kept.topic, kept.reason, kept.revision) == ("antitrust", "named as an investor", 2)
    assert (kept.id, kept.found_at) == (before.id, before.found_at)


def test_old_ones_are_pruned_in_batches(engine, feed):
    """After thirty days a near-miss is deleted, a batch at a time, and nothing else is."""
    entries = [entry(f"g{n}", f"https://a.example/{n}", f"Acme {n}") for n in range(7)]
    put(engine, feed, entries, lambda _: [APART])
    kept_for = near_misses.KEPT

    assert prune(engine, KEPT, now=NOW + kept_for)["near-misses"] == 0
    with engine.begin() as connection:
        late = NOW + kept_for + timedelta(seconds=1) - kept_for
        assert near_misses.prune(connection, before=late, limit=2) == 2
    assert len(stored(engine)) == 5
    late = NOW + kept_for + timedelta(seconds=1)
    assert prune(engine, KEPT, now=late, batch=2)["near-misses"] == 5
    assert stored(engine) == []
