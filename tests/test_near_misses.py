"""Near-misses in the store: kept with their reason, gone when they become hits, pruned in time."""

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select, text
from test_articles import NOW, claim, entry, match, put

from monitor.pipeline.prune import prune
from monitor.store import near_misses
from monitor.store.schema import HitRow, NearMissRow

APART = replace(match(), rejected="in different sentences", possible=True, score=0.4)


@pytest.fixture
def feed(sessions):
    return claim(sessions, "a")[0]


def stored(sessions, table=NearMissRow):
    with sessions.begin() as session:
        return session.scalars(select(table).order_by(table.id)).all()


def test_a_rejected_match_is_kept_with_its_reason(sessions, feed):
    """Why something was not reported can be looked up, by program and by SQL."""
    put(sessions, feed, [entry("g1", "https://a.example/1", "Acme")], lambda _: [APART])

    [kept] = stored(sessions)
    assert (kept.reason, kept.possible, kept.score) == ("in different sentences", True, 0.4)
    assert stored(sessions, HitRow) == []
    with sessions.begin() as session:
        shown = session.execute(text("SELECT company, reason, title FROM v_near_misses")).one()
        [told] = near_misses.of_article(session, kept.article_id)
    assert tuple(shown) == ("acme", "in different sentences", "Acme")
    assert told.evidence == APART.evidence


def test_a_near_miss_that_becomes_a_hit_disappears(sessions, feed):
    """A pair is a hit of an article or a near-miss, never both."""
    first = entry("g1", "https://a.example/1", "Acme")
    put(sessions, feed, [first], lambda _: [APART])
    put(sessions, feed, [replace(first, title="Acme fined")], lambda _: [match()])

    assert stored(sessions) == []
    assert len(stored(sessions, HitRow)) == 1


def test_a_revised_text_has_its_own_near_misses(sessions, feed):
    """What a new text no longer holds is no near-miss any more; what it does keeps its date."""
    first = entry("g1", "https://a.example/1", "Acme")
    put(sessions, feed, [first], lambda _: [APART, replace(APART, topic="listing")])
    before = stored(sessions)[0]
    later = replace(APART, rejected="named as an investor")
    put(sessions, feed, [replace(first, title="Acme again")], lambda _: [later])

    [kept] = stored(sessions)
    assert (kept.topic, kept.reason, kept.revision) == ("antitrust", "named as an investor", 2)
    assert (kept.id, kept.found_at) == (before.id, before.found_at)


def test_old_ones_are_pruned_in_batches(sessions, feed):
    """After thirty days a near-miss is deleted, a batch at a time, and nothing else is."""
    entries = [entry(f"g{n}", f"https://a.example/{n}", f"Acme {n}") for n in range(7)]
    put(sessions, feed, entries, lambda _: [APART])
    kept_for = near_misses.KEPT

    assert prune(sessions, now=NOW + kept_for) == 0
    with sessions.begin() as session:
        late = NOW + kept_for + timedelta(seconds=1) - kept_for
        assert near_misses.prune(session, before=late, limit=2) == 2
    assert len(stored(sessions)) == 5
    assert prune(sessions, now=NOW + kept_for + timedelta(seconds=1), batch=2) == 5
    assert stored(sessions) == []
