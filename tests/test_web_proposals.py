"""Proposals over real HTTP: from verdicts to a rule on the bench and its backtest."""

import json
import re
import subprocess
import sys
import time
from datetime import timedelta
from html import unescape

import pytest
from sqlalchemy import func, insert, select, update
from stored import contents, put
from websites import PASSWORD, form_value, put_user, website

from monitor.model import Review, Verdict
from monitor.pipeline.group import group_new
from monitor.store import reviews
from monitor.store import schema as t
from monitor.store.engine import reading
from monitor.store.judged import judged

CITIES = (
    *("Leeds", "York", "Hull", "Derby", "Truro", "Exeter", "Ripon", "Wells", "Perth", "Stirling"),
    *("Oban", "Ayr"),
)
CAVE = "{0}: Alibaba Cave <b> fined {1} million dollars in antitrust case"
FINE = "Alibaba fined {1} million dollars in antitrust case of {0}"
CAVES = [CAVE.format(city, sum_) for sum_, city in enumerate(CITIES, 3)]
RIGHT = [FINE.format(city, sum_) for sum_, city in enumerate(CITIES[:5], 40)]


def judge(app, verdict, titles, now):
    """Give *verdict* on the hits of the articles with these titles."""
    with app.store.begin() as connection:
        query = select(t.hits.c.id).join(t.articles, t.articles.c.id == t.hits.c.article_id)
        query = query.where(t.articles.c.title.in_(titles)).order_by(t.hits.c.id)
        found = connection.scalars(query).all()
        for hit in found:
            reviews.add(connection, Review(hit, verdict, "ann", now))
    return list(found)


@pytest.fixture
def site(tmp_path, empty_database, clock):
    with website(tmp_path, empty_database, clock) as served:
        app = served.app
        put(app.store, [*CAVES, *RIGHT], lexicon=app.lexicon, now=clock.now())
        group_new(app.store)
        served.caves = judge(app, Verdict.IRRELEVANT, CAVES, clock.now())
        judge(app, Verdict.RELEVANT, RIGHT[:4], clock.now())
        judge(app, Verdict.DUPLICATE, RIGHT[4:], clock.now())
        put_user(app, "ann", "reviewer")
        put_user(app, "rob", "reader")
        served.cookie = served.log_in("ann", PASSWORD)
        yield served


def test_from_verdicts_to_a_backtest(site):
    """Twelve rejected hits share a phrase; its rule, tried as proposed, removes them alone.

    The rules in force and what is stored stay as they were.
    """
    before = contents(site.app.store)
    fingerprint = site.app.lexicon.fingerprint
    page = site.ask("/review/proposals", cookie=site.cookie).text
    assert page.count('<li>\n<p class="meta">') == 1
    assert ">alibaba cave</h2>" in page
    assert "12 rejected" in page
    assert "0 kept" in page
    assert "- extends: alibaba\n  unless:\n  - alibaba cave" in page
    assert "Alibaba Cave &lt;b&gt; fined" in re.sub("</?mark>", "", page)

    link = unescape(re.search(r'href="(/rules/\?[^"]+)"', page)[1])
    bench = site.ask(link, cookie=site.cookie)
    assert bench.status == 200
    rules = unescape(re.search(r'class="code">([^<]*)</textarea>', bench.text)[1])
    assert "- extends: alibaba" in rules
    form = {"form": form_value(bench), "do": "backtest", "rules": rules, "days": "30"}
    begun = site.post_form("/rules/", form, cookie=site.cookie)
    assert begun.status == 303, begun.text
    there, until = begun.headers["Location"], time.monotonic() + 60
    while (shown := site.ask(there, cookie=site.cookie)).headers["Refresh"]:
        assert time.monotonic() < until
        time.sleep(0.05)
    words = re.sub("<[^>]+>", " ", shown.text)
    assert re.search(r"removed\s+12\b", words), words
    assert re.search(r"added\s+0\b", words), words
    after = contents(site.app.store)
    assert before == {**after, "logins": before["logins"]}
    assert site.app.lexicon.fingerprint == fingerprint


def test_what_counts(site, clock):
    """The latest verdict of a hit counts, of hits that stand, since the time asked for."""
    now = clock.now()
    with reading(site.app.store) as connection:
        found = judged(connection)
        assert [it.id for it in found if it.rejected] == site.caves[::-1]
        assert len([it for it in found if not it.rejected]) == 5
        assert judged(connection, since=now + timedelta(days=1)) == []
        assert len(judged(connection, limit=3)) == 3
    first = site.caves[0]
    with site.app.store.begin() as connection:
        reviews.add(connection, Review(first, Verdict.RELEVANT, "ann", now))
    with site.app.store.begin() as connection:
        gone = update(t.hits).where(t.hits.c.id == site.caves[-1])
        connection.execute(gone.values(withdrawn_at=now))
    with reading(site.app.store) as connection:
        found = judged(connection)
    assert [it.id for it in found if it.rejected] == site.caves[-2:0:-1]
    assert found[0].id == first, "judged last"


def test_fewer_than_asked_for(site):
    """Under the least nothing is proposed; odd wishes are the usual ones."""
    page = site.ask("/review/proposals?min=20", cookie=site.cookie).text
    assert "No context is shared by so many rejected hits." in page
    for odd in ("min=1&days=7", "min=x", "days=-1"):
        shown = site.ask(f"/review/proposals?{odd}", cookie=site.cookie)
        assert "alibaba cave" in shown.text


def test_for_reviewers(site):
    """Readers and strangers see no proposals, nor a link to them."""
    cookie = site.log_in("rob", PASSWORD)
    assert site.ask("/review/proposals", cookie=cookie).status == 403
    assert site.ask("/review/proposals").status == 303
    assert "/review/proposals" not in site.ask("/review/precision", cookie=cookie).text


@pytest.mark.parametrize(
    "asked",
    [
        "kind=unless",
        "kind=feed&of=nobody",
        "kind=feed",
        "kind=unless&role=stage&of=alibaba&phrase=alibaba+cave",
        "kind=unless&role=company&of=nobody&phrase=alibaba+cave",
        "kind=unless&role=company&of=alibaba&phrase=" + "x" * 300,
        "kind=unless&role=company&of=alibaba&phrase=.%2A",
    ],
)
def test_odd_addresses_of_the_bench(site, asked):
    """What is no proposal fills nothing in, and says so."""
    shown = site.ask(f"/rules/?{asked}", cookie=site.cookie)
    assert shown.status == 404
    assert "does not fit the rules in force" in shown.text
    assert "extends" not in shown.text


def test_the_command(site, tmp_path):
    """`monitor review proposals` says the same, with the YAML and the hits, and changes nothing."""

    def run(*words):
        command = [sys.executable, "-m", "monitor", "review", "proposals", *words]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
        return done.returncode, done.stdout, done.stderr

    before = contents(site.app.store)
    code, out, err = run("--format", "json")
    assert code == 0, err
    assert json.loads(out) == [
        {
            "kind": "unless",
            "of": "alibaba",
            "context": "alibaba cave",
            "rejected": 12,
            "kept": 0,
            "share": 1.0,
            "yaml": "companies:\n- extends: alibaba\n  unless:\n  - alibaba cave\n",
            "hits": site.caves[::-1],
            "lost": [],
        }
    ]
    assert run("--format", "json") == (code, out, err)
    assert json.loads(run("--min", "13", "--format", "json")[1]) == []
    assert "alibaba cave" in run("--format", "table")[1]
    assert run("relevant")[0] == 2
    assert run("--min", "0")[0] == 2
    assert contents(site.app.store) == before


def test_a_feed_is_tried_to_be_left_out(tmp_path, empty_database, clock):
    """A feed's proposal leads to the bench too, which tells what no other feed showed."""
    titles = [f"{city} Alibaba antitrust {CITIES[-at]}" for at, city in enumerate(CITIES)]
    with website(tmp_path, empty_database, clock) as served:
        app, now = served.app, clock.now()
        put(app.store, titles, lexicon=app.lexicon, now=now, feed="wire")
        put(app.store, RIGHT, lexicon=app.lexicon, now=now, feed="b")
        with app.store.begin() as connection:  # the last of them was shown by the other as well
            seen, feed = select(func.max(t.sightings.c.article_id)), select(t.feeds.c.id)
            wire = feed.where(t.feeds.c.key == "wire").scalar_subquery()
            article = connection.scalar(seen.where(t.sightings.c.feed_id == wire))
            other = connection.scalar(feed.where(t.feeds.c.key == "b"))
            row = {"feed_id": other, "guid": "x", "article_id": article, "content_hash": "x"}
            connection.execute(insert(t.sightings), [row])
        group_new(app.store)
        judge(app, Verdict.IRRELEVANT, titles, now)
        judge(app, Verdict.RELEVANT, RIGHT, now)
        put_user(app, "ann", "reviewer")
        cookie = served.log_in("ann", PASSWORD)
        before = contents(app.store)

        page = served.ask("/review/proposals", cookie=cookie).text
        assert "The feed wire" in page
        link = unescape(re.search(r'href="(/rules/\?[^"]+)"', page)[1])
        bench = served.ask(link, cookie=cookie)
        assert bench.status == 200
        assert "- id: wire\n  enabled: false" in bench.text
        form = {"form": form_value(bench), "do": "backtest", "without": "wire", "days": "30"}
        assert served.post_form("/rules/", form | {"without": "b"}, cookie=cookie).status == 404
        begun = served.post_form("/rules/", form, cookie=cookie)
        assert begun.status == 303, begun.text
        there, until = begun.headers["Location"], time.monotonic() + 60
        while (shown := served.ask(there, cookie=cookie)).headers["Refresh"]:
            assert time.monotonic() < until
            time.sleep(0.05)
        words = re.sub("<[^>]+>", " ", shown.text)
        assert f"{len(titles)} of {len(titles)} articles" in words
        assert "Without the feed wire" in words
        assert re.search(rf"removed\s+{len(titles) - 1}\b", words), words
        assert re.search(r"unchanged\s+1\b", words), words
        assert "no other feed than wire showed it" in words
        assert before == {**contents(app.store), "logins": before["logins"]}
