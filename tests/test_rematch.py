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
from monitor.store import digests, texts
from monitor.store.schema import ArticleRow, HitRow, LexiconRow, NearMissRow

DAY = timedelta(days=1)


@pytest.fixture
def step(sessions, clock):
    return RematchStep(sessions, clock, NEW, news_since=NOW - DAY)


def rematch(step, *, every=False):
    totals = RematchTotals()
    chosen = texts.Chosen(not_with=None if every else step.lexicon.fingerprint)
    for page in step.rematch(chosen):
        totals.add(page)
    return totals


def hits(sessions):
    with sessions.begin() as session:
        return {
            f"{it.company}/{it.topic}": it
            for it in session.scalars(select(HitRow).order_by(HitRow.id))
        }


def shown(sessions):
    with sessions.begin() as session:
        query = text("SELECT company, topic FROM v_hits ORDER BY company, topic")
        return ["/".join(row) for row in session.execute(query)]


def unreported(sessions):
    with sessions.begin() as session:
        digests.sync_subscriptions(session, ["desk"], now=NOW - 400 * DAY)
    shared, desk = Round(sessions, NOW, Names()), subscription(name="desk")
    found = shared.due(desk, shared.standing(desk, NOW))
    return sorted(f"{it.company}/{it.topic}" for it in found)


def test_hits_are_added_kept_and_withdrawn(sessions, step):
    """New rules add what they find, keep what they find again, and withdraw the rest."""
    put(sessions)
    before = hits(sessions)
    assert shown(sessions) == ["acme/antitrust", "brook/ipo"]

    totals = rematch(step)

    assert (totals.articles, totals.found, totals.withdrawn, totals.failed) == (4, 2, 1, 0)
    assert shown(sessions) == ["acme/antitrust", "acme/rain", "bluebird/antitrust"]
    after = hits(sessions)
    for pair, hit in before.items():
        assert (after[pair].id, after[pair].found_at) == (hit.id, hit.found_at), "it is the same"
    assert after["brook/ipo"].withdrawn_at is not None
    assert after["acme/antitrust"].lexicon == NEW.fingerprint, "these rules explain it now"
    with sessions.begin() as session:
        assert session.get(LexiconRow, NEW.fingerprint).content == NEW.canonical


def test_twice_is_once(sessions, step):
    """A second run has nothing to do, and doing it all the same changes nothing."""
    put(sessions)
    rematch(step)
    kept = hits(sessions)

    assert rematch(step) == RematchTotals()
    again = rematch(step, every=True)

    assert again == RematchTotals(articles=4)
    assert {pair: hit.id for pair, hit in hits(sessions).items()} == {
        pair: hit.id for pair, hit in kept.items()
    }


def test_details_are_corrected(sessions, clock):
    """A hit that is found by another spelling says so, under its number."""
    put(sessions)
    longer = rules(["Acme", "Brook"], antitrust="antitrust probe", ipo="IPO")
    before = hits(sessions)["acme/antitrust"]

    totals = rematch(RematchStep(sessions, clock, longer, news_since=NOW))

    after = hits(sessions)["acme/antitrust"]
    assert totals.corrected == 1
    assert (after.id, after.found_at) == (before.id, before.found_at)
    assert [it["text"] for it in after.evidence if it["role"] == "topic"] == ["antitrust probe"]


@pytest.mark.parametrize("commit", range(1, 6))
def test_death_at_any_commit(sessions, step, commit):
    """Killed at any commit, the next run does the rest; all is as if it had never died."""
    put(sessions)
    with Dies(sessions, commit):
        for _ in match_in_pages_of_one(step):
            pass
    rematch(step)

    assert shown(sessions) == ["acme/antitrust", "acme/rain", "bluebird/antitrust"]
    assert len(hits(sessions)) == 4
    with sessions.begin() as session:
        assert set(session.scalars(select(ArticleRow.matched_with))) == {NEW.fingerprint}


def match_in_pages_of_one(step):
    chosen = texts.Chosen(not_with=step.lexicon.fingerprint)
    for page in match_all(step.lexicon, pages(step.sessions, chosen, size=1), jobs=1):
        with step.sessions.begin() as session:
            yield step._record(session, page)


def test_what_changed_meanwhile_is_left_alone(sessions, step):
    """An article that was revised after it was read is not judged by the text it no longer has."""
    put(sessions, ["Bluebird antitrust hearing"])
    [page] = match_all(NEW, pages(sessions, texts.Chosen()), jobs=1)
    with sessions.begin() as session:
        revised = {"title": "Rain", "revision": 2}
        session.execute(update(ArticleRow).values(revised))

    with sessions.begin() as session:
        totals = step._record(session, page)

    assert totals == RematchTotals(changed=1)
    assert hits(sessions) == {}
    with sessions.begin() as session:
        assert session.scalars(select(ArticleRow.matched_with)).one() == OLD.fingerprint


def test_two_at_once(sessions, step):
    """Two runs at once, and a poll beside them, make each hit once and leave nothing."""
    titles = [f"Bluebird antitrust hearing {n}" for n in range(300)]
    put(sessions, titles)

    def work(number):
        if number == 2:
            return put(sessions, [f"Acme probe {n}" for n in range(50)], lexicon=NEW).hits
        return sum(page.found for page in match_in_pages_of_one(step))

    with ThreadPoolExecutor(3) as workers:
        found = list(workers.map(work, range(3)))

    assert found[0] + found[1] == 300
    with sessions.begin() as session:
        query = select(HitRow.article_id, HitRow.company, HitRow.topic)
        made = session.execute(query).all()
        assert texts.count(session, texts.Chosen(not_with=NEW.fingerprint)) == 0
    assert len(made) == len(set(made)) == 350


def test_old_news_is_no_news(sessions, step):
    """New hits of old articles are in lists, and in no digest; those of young ones are in both."""
    put(sessions, ["Bluebird antitrust hearing"], now=NOW - 2 * DAY)
    put(sessions, ["Bluebird antitrust appeal"], now=NOW - DAY / 2)

    totals = rematch(step)
    group_new(sessions)

    assert (totals.found, totals.quiet) == (2, 1)
    assert shown(sessions) == ["bluebird/antitrust"] * 2
    assert unreported(sessions) == ["bluebird/antitrust"]


def test_what_was_never_matched_is_always_news(sessions, step):
    """A hit that a failing detection kept back is reported, however late it is found."""
    title = "Acme fined in antitrust probe"
    put(sessions, [title], now=NOW - 40 * DAY, fails=[title])
    assert shown(sessions) == []

    totals = match_unmatched(replace(step, lexicon=OLD))
    group_new(sessions)

    assert (totals.articles, totals.found, totals.quiet) == (1, 1, 0)
    assert unreported(sessions) == ["acme/antitrust"]
    assert match_unmatched(step) == RematchTotals()


def test_withdrawn_hits_are_not_reported(sessions, step, clock):
    """A withdrawn hit is in no list and no digest; found again, it is itself again."""
    put(sessions)
    group_new(sessions)
    assert unreported(sessions) == ["acme/antitrust", "brook/ipo"]
    rematch(step)
    assert unreported(sessions) == ["acme/antitrust"]
    with sessions.begin() as session:
        query = text("SELECT company, digests FROM v_withdrawn_hits")
        assert [tuple(row) for row in session.execute(query)] == [("brook", 0)]
        stories = session.execute(text("SELECT company FROM v_stories")).scalars().all()
    assert stories == ["acme"]

    back = rematch(RematchStep(sessions, clock, OLD, news_since=NOW))

    assert back.corrected == 1
    assert shown(sessions) == ["acme/antitrust", "brook/ipo"]
    assert hits(sessions)["brook/ipo"].withdrawn_at is None


def test_near_misses_follow_the_rules(sessions, clock):
    """What becomes a hit is no near-miss any more, and what is withdrawn may become one."""
    put(sessions, ["Acme opens. A probe into Brook"], lexicon=rules(probe="probe"))
    with sessions.begin() as session:
        assert list(session.scalars(select(NearMissRow.company))) == ["acme"]

    rematch(RematchStep(sessions, clock, rules(probe="opens"), news_since=NOW))

    assert shown(sessions) == ["acme/probe"]
    with sessions.begin() as session:
        assert list(session.scalars(select(NearMissRow.company))) == ["brook"]


def test_an_article_of_a_bound_feed_stays_bound(sessions, step):
    """An article that a feed of one company shows is about it, also when it is matched again."""
    put(sessions, ["Antitrust notice"], feed="filings", company="acme")
    assert shown(sessions) == ["acme/antitrust"]

    assert rematch(step).withdrawn == 0
    assert shown(sessions) == ["acme/antitrust"]


class Breaks:
    """A detector with a fault, which one title brings out."""

    def find(self, title, *_, **__):
        if title == "Rain expected":
            raise ValueError("odd")
        return ()


def test_a_failing_detection_costs_one_article(sessions, step):
    """An article that cannot be matched is told and left as it was; the others are done."""
    put(sessions)
    [page] = pages(sessions, texts.Chosen())
    joined = match._joined(page, match._match_page(Breaks(), match._questions(page)))

    with sessions.begin() as session:
        totals = step._record(session, joined)

    assert (totals.articles, totals.failed, totals.changed) == (3, 1, 0)
    with sessions.begin() as session:
        query = select(ArticleRow.title).where(ArticleRow.matched_with == OLD.fingerprint)
        assert list(session.scalars(query)) == ["Rain expected"]


def test_many_articles_in_children(sessions):
    """Pages go through several processes and come out in order, each article once."""
    put(sessions, [f"Bluebird antitrust hearing {n}" for n in range(60)])
    chosen = texts.Chosen()
    found = [it for page in match_all(NEW, pages(sessions, chosen, size=7), jobs=2) for it in page]

    assert [it.article.id for it in found] == sorted(it.article.id for it in found)
    assert len(found) == 60
    assert all(len(it.matches[1]) == 1 for it in found)
