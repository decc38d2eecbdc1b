"""Applying changed rules to stored articles: once, resumably, beside a running service."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pytest
from editions import subscription
from sqlalchemy import select, text, update
from stored import NEW, NOW, OLD, put, rules
from test_poll import Dies

from monitor.digest.names import Names
from monitor.pipeline import match
from monitor.pipeline.group import group_new
from monitor.pipeline.match import match_all, pages
from monitor.pipeline.rematch import RematchStep, RematchTotals, match_unmatched
from monitor.pipeline.round import Round
from monitor.store import lexicons, texts
from monitor.store import schema as t
from monitor.store.subscriptions import sync as sync_subscriptions

DAY = timedelta(days=1)


@pytest.fixture
def step(engine, clock):
    return RematchStep(engine, clock, NEW, news_since=NOW - DAY)


def rematch(step, *, every=False):
    totals = RematchTotals()
    chosen = texts.Chosen(not_with=None if every else step.lexicon.fingerprint)
    for page in step.rematch(chosen):
        totals.add(page)
    return totals


def hits(engine):
    with engine.begin() as connection:
        return {
            f"{it.company}/{it.topic}": it
            for it in connection.execute(select(t.hits).order_by(t.hits.c.id))
        }


def shown(engine):
    with engine.begin() as connection:
        query = text("SELECT company, topic FROM v_hits ORDER BY company, topic")
        return ["/".join(row) for row in connection.execute(query)]


def unreported(engine):
    with engine.begin() as connection:
        sync_subscriptions(connection, ["desk"], now=NOW - 400 * DAY)
    shared, desk = Round(engine, NOW, Names()), subscription(name="desk")
    found = shared.due(desk, shared.standing(desk, NOW))
    return sorted(f"{it.company}/{it.topic}" for it in found)


def test_hits_are_added_kept_and_withdrawn(engine, step):
    """New rules add what they find, keep what they find again, and withdraw the rest."""
    put(engine)
    before = hits(engine)
    assert shown(engine) == ["acme/antitrust", "brook/ipo"]

    totals = rematch(step)

    assert (totals.articles, totals.found, totals.withdrawn, totals.failed) == (4, 2, 1, 0)
    assert shown(engine) == ["acme/antitrust", "acme/rain", "bluebird/antitrust"]
    after = hits(engine)
    for pair, hit in before.items():
        assert (after[pair].id, after[pair].found_at) == (hit.id, hit.found_at), "it is the same"
    assert after["brook/ipo"].withdrawn_at is not None
    assert after["acme/antitrust"].lexicon == NEW.fingerprint, "these rules explain it now"
    with engine.begin() as connection:
        assert lexicons.content(connection, NEW.fingerprint) == NEW.canonical


def test_twice_is_once(engine, step):
    """A second run has nothing to do, and doing it all the same changes nothing."""
    put(engine)
    rematch(step)
    kept = hits(engine)

    assert rematch(step) == RematchTotals()
    again = rematch(step, every=True)

    assert again == RematchTotals(articles=4)
    assert {pair: hit.id for pair, hit in hits(engine).items()} == {
        pair: hit.id for pair, hit in kept.items()
    }


def test_details_are_corrected(engine, clock):
    """A hit that is found by another spelling says so, under its number."""
    put(engine)
    longer = rules(["Acme", "Brook"], antitrust="antitrust probe", ipo="IPO")
    before = hits(engine)["acme/antitrust"]

    totals = rematch(RematchStep(engine, clock, longer, news_since=NOW))

    after = hits(engine)["acme/antitrust"]
    assert totals.corrected == 1
    assert (after.id, after.found_at) == (before.id, before.found_at)
    assert [it["text"] for it in after.evidence if it["role"] == "topic"] == ["antitrust probe"]


@pytest.mark.parametrize("commit", range(1, 6))
def test_death_at_any_commit(engine, step, commit):
    """Killed at any commit, the next run does the rest; all is as if it had never died."""
    put(engine)
    with Dies(engine, commit):
        for _ in match_in_pages_of_one(step):
            pass
    rematch(step)

    assert shown(engine) == ["acme/antitrust", "acme/rain", "bluebird/antitrust"]
    assert len(hits(engine)) == 4
    with engine.begin() as connection:
        assert set(connection.scalars(select(t.articles.c.matched_with))) == {NEW.fingerprint}


def match_in_pages_of_one(step):
    chosen = texts.Chosen(not_with=step.lexicon.fingerprint)
    for page in match_all(step.lexicon, pages(step.engine, chosen, size=1), jobs=1):
        with step.engine.begin() as connection:
            yield step._record(connection, page)


def test_what_changed_meanwhile_is_left_alone(engine, step):
    """An article that was revised after it was read is not judged by the text it no longer has."""
    put(engine, ["Bluebird antitrust hearing"])
    [page] = match_all(NEW, pages(engine, texts.Chosen()), jobs=1)
    with engine.begin() as connection:
        revised = {"title": "Rain", "revision": 2}
        connection.execute(update(t.articles).values(revised))

    with engine.begin() as connection:
        totals = step._record(connection, page)

    assert totals == RematchTotals(changed=1)
    assert hits(engine) == {}
    with engine.begin() as connection:
        assert connection.scalars(select(t.articles.c.matched_with)).one() == OLD.fingerprint


def test_two_at_once(engine, step):
    """Two runs at once, and a poll beside them, make each hit once and leave nothing."""
    titles = [f"Bluebird antitrust hearing {n}" for n in range(300)]
    put(engine, titles)

    def work(number):
        if number == 2:
            return put(engine, [f"Acme probe {n}" for n in range(50)], lexicon=NEW).hits
        return sum(page.found for page in match_in_pages_of_one(step))

    with ThreadPoolExecutor(3) as workers:
        found = list(workers.map(work, range(3)))

    assert found[0] + found[1] == 300
    with engine.begin() as connection:
        query = select(t.hits.c.article_id, t.hits.c.company, t.hits.c.topic)
        made = connection.execute(query).all()
        assert texts.count(connection, texts.Chosen(not_with=NEW.fingerprint)) == 0
    assert len(made) == len(set(made)) == 350


def test_old_news_is_no_news(engine, step):
    """New hits of old articles are in lists, and in no digest; those of young ones are in both."""
    put(engine, ["Bluebird antitrust hearing"], now=NOW - 2 * DAY)
    put(engine, ["Bluebird antitrust appeal"], now=NOW - DAY / 2)

    totals = rematch(step)
    group_new(engine)

    assert (totals.found, totals.quiet) == (2, 1)
    assert shown(engine) == ["bluebird/antitrust"] * 2
    assert unreported(engine) == ["bluebird/antitrust"]


def test_what_was_never_matched_is_always_news(engine, step):
    """A hit that a failing detection kept back is reported, however late it is found."""
    title = "Acme fined in antitrust probe"
    put(engine, [title], now=NOW - 40 * DAY, fails=[title])
    assert shown(engine) == []

    totals = match_unmatched(replace(step, lexicon=OLD))
    group_new(engine)

    assert (totals.articles, totals.found, totals.quiet) == (1, 1, 0)
    assert unreported(engine) == ["acme/antitrust"]
    assert match_unmatched(step) == RematchTotals()


def test_withdrawn_hits_are_not_reported(engine, step, clock):
    """A withdrawn hit is in no list and no digest; found again, it is itself again."""
    put(engine)
    group_new(engine)
    assert unreported(engine) == ["acme/antitrust", "brook/ipo"]
    rematch(step)
    assert unreported(engine) == ["acme/antitrust"]
    with engine.begin() as connection:
        query = text("SELECT company, digests FROM v_withdrawn_hits")
        assert [tuple(row) for row in connection.execute(query)] == [("brook", 0)]
        stories = connection.execute(text("SELECT company FROM v_stories")).scalars().all()
    assert stories == ["acme"]

    back = rematch(RematchStep(engine, clock, OLD, news_since=NOW))

    assert back.corrected == 1
    assert shown(engine) == ["acme/antitrust", "brook/ipo"]
    assert hits(engine)["brook/ipo"].withdrawn_at is None


def test_near_misses_follow_the_rules(engine, clock):
    """What becomes a hit is no near-miss any more, and what is withdrawn may become one."""
    put(engine, ["Acme opens. A probe into Brook"], lexicon=rules(probe="probe"))
    with engine.begin() as connection:
        assert list(connection.scalars(select(t.near_misses.c.company))) == ["acme"]

    rematch(RematchStep(engine, clock, rules(probe="opens"), news_since=NOW))

    assert shown(engine) == ["acme/probe"]
    with engine.begin() as connection:
        assert list(connection.scalars(select(t.near_misses.c.company))) == ["brook"]


def test_an_article_of_a_bound_feed_stays_bound(engine, step):
    """An article that a feed of one company shows is about it, also when it is matched again."""
    put(engine, ["Antitrust notice"], feed="filings", company="acme")
    assert shown(engine) == ["acme/antitrust"]

    assert rematch(step).withdrawn == 0
    assert shown(engine) == ["acme/antitrust"]


class Breaks:
    """A detector with a fault, which one title brings out."""

    def find(self, title, *_, **__):
        if title == "Rain expected":
            raise ValueError("odd")
        return ()


def test_a_failing_detection_costs_one_article(engine, step):
    """An article that cannot be matched is told and left as it was; the others are done."""
    put(engine)
    [page] = pages(engine, texts.Chosen())
    joined = match._joined(page, match._match_page(Breaks(), match._questions(page)))

    with engine.begin() as connection:
        totals = step._record(connection, joined)

    assert (totals.articles, totals.failed, totals.changed) == (3, 1, 0)
    with engine.begin() as connection:
        query = select(t.articles.c.title).where(t.articles.c.matched_with == OLD.fingerprint)
        assert list(connection.scalars(query)) == ["Rain expected"]


def test_many_articles_in_children(engine):
    """Pages go through several processes and come out in order, each article once."""
    put(engine, [f"Bluebird antitrust hearing {n}" for n in range(60)])
    chosen = texts.Chosen()
    found = [it for page in match_all(NEW, pages(engine, chosen, size=7), jobs=2) for it in page]

    assert [it.article.id for it in found] == sorted(it.article.id for it in found)
    assert len(found) == 60
    assert all(len(it.matches[1]) == 1 for it in found)
