"""Which feeds show a site, and when these were not watched."""

from datetime import timedelta

from sqlalchemy import insert
from test_articles import NOW, claim, entry, put

from monitor.store import schema as t
from monitor.store.sites import feeds_of

HOUR = timedelta(hours=1)


def polls(engine, feed, *ago, outcome="unchanged"):
    rows = [{"feed_id": feed.id, "at": NOW - it, "outcome": outcome} for it in ago]
    with engine.begin() as connection:
        connection.execute(insert(t.polls), rows)


def test_gaps_between_good_polls(engine):
    """A time without a good poll is told; one that failed does not end it; short ones are none."""
    [feed] = claim(engine, "a")
    put(engine, feed, [entry("g", "https://www.a.example/news/1", "Acme")])
    polls(engine, feed, 30 * HOUR, 25 * HOUR, 10 * HOUR, HOUR)
    polls(engine, feed, 15 * HOUR, outcome="failed")

    with engine.begin() as connection:
        [told] = feeds_of(connection, "a.example", now=NOW)

    assert told.gaps == ((NOW - 25 * HOUR, NOW - 10 * HOUR), (NOW - 10 * HOUR, NOW - HOUR))


def test_a_feed_that_is_down_has_a_gap_until_now(engine):
    """A feed without a good poll since yesterday was not watched since yesterday."""
    [feed] = claim(engine, "a")
    put(engine, feed, [entry("g", "https://a.example/1", "Acme")])
    polls(engine, feed, 24 * HOUR)

    with engine.begin() as connection:
        [told] = feeds_of(connection, "a.example", now=NOW)

    assert told.gaps == ((NOW - 24 * HOUR, NOW),)


def test_another_site_is_another_site(engine):
    """A site is its whole host: neither a longer one nor one with a wildcard in it is meant."""
    [feed] = claim(engine, "a")
    put(engine, feed, [entry("g", "https://a.example.org/1", "Acme")])

    with engine.begin() as connection:
        assert feeds_of(connection, "a.example", now=NOW) == []
        assert feeds_of(connection, "a_example.org", now=NOW) == []
        assert [it.key for it in feeds_of(connection, "a.example.org", now=NOW)] == ["a"]
