"""Storing a poll's entries: no article lost, none doubled; cases are data/identity.yaml."""

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select, text
from stored import in_memory

from monitor.identity import clean_url, identity
from monitor.model import Entry, Evidence, Feed, Match, Role
from monitor.store import articles, claims, feeds
from monitor.store import schema as t

CASES = yaml.safe_load(
    Path(__file__).with_name("data").joinpath("identity.yaml").read_text("utf-8")
)
NOW = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)


def claim(engine, *keys):
    """Return the named feeds as claimed ones."""
    with engine.begin() as connection:
        configured = [Feed(key, f"https://{key}.example/feed", key) for key in keys]
        feeds.sync(connection, configured, now=NOW)
        lease = NOW - NOW
        claimed = claims.claim_due(connection, now=NOW, lease=lease, limit=100, worker="t:1")
    return sorted(claimed, key=lambda feed: keys.index(feed.key))


def entry(guid, link, title, summary=""):
    return Entry(guid, link, title, summary, published_at=NOW)


def put(engine, feed, entries, matches=lambda _index: ()):
    with engine.begin() as connection:
        batch = articles.Batch(
            feed=feed,
            entries=entries,
            identities=[identity(item) for item in entries],
            matches=matches,
            lexicon="test",
            now=NOW,
        )
        return articles.store(connection, batch)


def count(engine, table):
    with engine.begin() as connection:
        return connection.scalar(select(func.count()).select_from(table))


def test_dates_and_order_are_no_identity(engine):
    """A bumped date and another order repeat nothing; a new entry with an old date is not lost."""
    [feed] = claim(engine, "a")
    first = [entry(f"g{n}", f"https://a.example/{n}", f"Notice {n}") for n in range(5)]
    put(engine, feed, first)

    bumped = [it._replace(published_at=NOW + timedelta(days=n)) for n, it in enumerate(first)]
    late = entry("g9", "https://a.example/9", "Filed late")
    late = late._replace(published_at=NOW - timedelta(days=900))
    stored = put(engine, feed, [*reversed(bumped), late])

    assert (stored.new, stored.known, stored.revised) == (1, 5, 0)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_identity(engine, case):
    """The poll gives exactly the new, known and revised entries the table says."""
    [feed] = claim(engine, "a")
    for poll in case["seen"]:
        put(engine, feed, [entry(*fields) for fields in poll])

    stored = put(engine, feed, [entry(*fields) for fields in case["now"]])

    wanted = Counter(case["verdicts"])
    assert (stored.new, stored.known, stored.revised) == (
        wanted["new"],
        wanted["known"],
        wanted["revised"],
    )
    again = put(engine, feed, [entry(*fields) for fields in case["now"]])
    assert (again.new, again.revised) == (0, 0), "the same document twice changes nothing"


def test_one_article_in_two_feeds(engine):
    """An article two feeds carry is stored once, and seen in both."""
    first, second = claim(engine, "a", "b")
    put(engine, first, [entry("g1", "https://news.example/1", "Fine", "long")])
    stored = put(engine, second, [entry("x9", "http://www.news.example/1/", "Fine", "short")])

    assert (stored.new, stored.known) == (0, 1)
    assert count(engine, t.articles) == 1
    assert count(engine, t.sightings) == 2
    for feed, guid, summary in ((first, "g1", "long"), (second, "x9", "short")):
        again = put(engine, feed, [entry(guid, "https://news.example/1", "Fine", summary)])
        assert again.revised == 0, "two feeds' wordings do not revise each other"


def test_a_revision_keeps_the_old_text(engine):
    """What an article said before can still be shown."""
    [feed] = claim(engine, "a")
    put(engine, feed, [entry("g1", "https://a.example/1", "Opened", "first")])
    put(engine, feed, [entry("g1", "https://a.example/1", "Decided", "second")])

    with engine.begin() as connection:
        old = connection.execute(select(t.revisions)).one()
        present = connection.execute(select(t.articles)).one()
    assert (old.number, old.title, old.summary) == (1, "Opened", "first")
    assert (present.revision, present.title, present.summary) == (2, "Decided", "second")


def match(topic="antitrust"):
    quote = Evidence(Role.COMPANY, "title", 0, 4, "Acme", "acme.name")
    return Match("acme", topic, 0.9, "Acme fined", (quote,))


def test_a_hit_is_stored_once(engine):
    """An article that is stored again, or revised, keeps the hits it has."""
    [feed] = claim(engine, "a")
    one = entry("g1", "https://a.example/1", "Acme fined")
    assert put(engine, feed, [one], lambda _: [match()]).hits == 1
    assert put(engine, feed, [one], lambda _: [match()]).hits == 0
    revised = one._replace(title="Acme fined and listed")
    stored = put(engine, feed, [revised], lambda _: [match(), match("listing")])

    assert (stored.revised, stored.hits) == (1, 1)
    assert count(engine, t.hits) == 2


def test_a_status_that_moves_on_is_one_more_hit(engine):
    """A register that changes a title under one address is told anew for each new stage."""
    [feed] = claim(engine, "a")
    stages = ["filing", "filing", None, "withdrawal", "filing"]
    found = []
    for number, stage in enumerate(stages):
        shown = entry("g1", "https://a.example/1", f"Acme IPO {number}")
        stored = put(engine, feed, [shown], lambda _, at=stage: [replace(match("ipo"), stage=at)])
        found.append(stored.hits)

    assert found == [1, 0, 0, 1, 0]
    with engine.begin() as connection:
        query = select(t.hits.c.stage, t.hits.c.revision).order_by(t.hits.c.id)
        assert connection.execute(query).all() == [("filing", 1), ("withdrawal", 4)]
        shown = connection.execute(text("SELECT title FROM v_hits ORDER BY hit_id")).scalars().all()
    assert shown == ["Acme IPO 0", "Acme IPO 3"], "each keeps quoting the text it was found in"


def test_a_rejected_match_is_no_hit(engine):
    """Only what is reported becomes a hit."""
    [feed] = claim(engine, "a")
    rejected = replace(match(), rejected="other sentence")
    assert put(engine, feed, [entry("g", None, "Acme")], lambda _: [rejected]).hits == 0


def test_failed_detection_costs_no_article(engine):
    """An article that detection chokes on is stored, and marked as not matched."""
    [feed] = claim(engine, "a")
    stored = put(engine, feed, [entry("g1", None, "Odd")], lambda _: None)

    assert (stored.new, stored.unmatched) == (1, 1)
    with engine.begin() as connection:
        assert connection.execute(select(t.articles)).one().matched_with is None


def test_a_thousand_entries(engine):
    """A long feed is stored whole."""
    [feed] = claim(engine, "a")
    entries = [entry(f"g{n}", f"https://a.example/{n}", f"Title {n}") for n in range(1200)]
    assert put(engine, feed, entries).new == 1200
    assert put(engine, feed, entries).known == 1200


WORDS = st.sampled_from(["g1", "g2", "g3"])
ENTRIES = st.lists(
    st.builds(
        entry,
        st.none() | WORDS,
        st.none() | WORDS.map(lambda word: f"https://a.example/{word}"),
        st.integers(0, 11).map(lambda number: f"Title {number}"),
        WORDS,
    ),
    max_size=6,
)


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(ENTRIES, max_size=4))
def test_every_title_is_kept(polls):
    """Whatever feeds do with guids and links, every title they showed is in the store."""
    engine = in_memory()
    [feed] = claim(engine, "a")
    for poll in polls:
        stored = put(engine, feed, poll)
        assert stored.new + stored.known + stored.revised == len(poll)
    with engine.begin() as connection:
        kept = {row.title for row in connection.execute(select(t.articles))}
        old = {row.title for row in connection.execute(select(t.revisions))}
    engine.dispose()
    shown = {item.title for poll in polls for item in poll}
    assert shown == kept | old


@pytest.mark.parametrize(
    ("url", "clean"),
    [
        ("HTTPS://Example.org:443/a?utm_medium=x&id=3#top", "https://example.org/a?id=3"),
        ("http://example.org", "http://example.org/"),
        ("https://example.org/a?b=&c=%E4%B8%AD", "https://example.org/a?b=&c=%E4%B8%AD"),
        ("http://[2001:db8::1]:8080/a", "http://[2001:db8::1]:8080/a"),
    ],
)
def test_clean_url(url, clean):
    """Tracking goes, meaning stays."""
    assert clean_url(url) == clean


def test_ids_and_links_of_any_length(engine):
    """Ids and links longer than a database can index are stored, told apart, and known again."""
    [feed] = claim(engine, "a")
    noise = "".join(sha256(bytes([number])).hexdigest() for number in range(256))
    entries = [
        entry(f"{noise}{end}", f"https://a.example/{noise}?n={end}", f"Fine {end}") for end in "ab"
    ]

    first = put(engine, feed, entries)
    again = put(engine, feed, entries)

    assert (first.new, again.new, again.revised, count(engine, t.articles)) == (2, 0, 0, 2)
    with engine.begin() as connection:
        assert list(connection.scalars(select(t.articles.c.url))) == [item.link for item in entries]
