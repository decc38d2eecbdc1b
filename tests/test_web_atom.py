"""The Atom feeds, read back by a feed reader."""

from datetime import timedelta
from xml.etree import ElementTree as ET

import feedparser
import pytest
from sqlalchemy import update
from stored import put
from websites import website

from monitor.pipeline.group import group_new
from monitor.store import schema as t

FINE = "Alibaba fined $2.8bn in antitrust probe"
CHINESE = "阿里巴巴因反垄断被罚182亿元 <b>&amp;"
IPO = "Ant Group IPO suspended"


@pytest.fixture
def site(tmp_path, empty_database, clock):
    with website(tmp_path, empty_database, clock) as served:
        yield served


def store(site, *titles, feed="a"):
    put(site.app.store, titles, lexicon=site.app.lexicon, now=site.app.clock.now(), feed=feed)
    group_new(site.app.store)


def read(site, path):
    answer = site.ask(path)
    assert answer.status == 200
    assert answer.headers["Content-Type"] == "application/atom+xml; charset=utf-8"
    ET.fromstring(answer.body)  # noqa: S314 - our own
    found = feedparser.parse(answer.body)
    assert not found.bozo
    return found


def test_hits(site, clock):
    """A feed reader gets each hit with its words, link, time and facts, the newest first."""
    store(site, FINE)
    clock.at += timedelta(hours=1)
    store(site, CHINESE)

    with site.app.store.begin() as connection:
        connection.execute(update(t.articles).values(url="https://news.example/1"))

    feed = read(site, "/feeds/hits.atom")

    assert [entry.title for entry in feed.entries] == [
        CHINESE,
        FINE,
    ]
    entry = feed.entries[1]
    assert entry.link == "https://news.example/1"
    assert {tag.scheme: tag.term for tag in entry.tags}["urn:monitor:company"] == "alibaba"
    assert {tag.scheme: tag.label for tag in entry.tags}["urn:monitor:topic"] == "Antitrust"
    assert "antitrust" in entry.content[0].value
    assert entry.updated == "2026-11-23T08:00:00Z"
    assert feed.feed.updated == "2026-11-23T09:00:00Z"


def test_stories(site):
    """A story is one entry, whichever feeds told of it, and leads to its page."""
    store(site, FINE)
    store(site, FINE, feed="b")

    [entry] = read(site, "/feeds/stories.atom").entries

    assert entry.title == FINE
    assert entry.link.startswith("http://127.0.0.1/stories/")
    assert "sources: 1, hits: 2" in entry.content[0].value


def test_filters(site):
    """A reader may want one company or one topic alone; the title says so."""
    store(site, FINE, IPO)
    for query, title in (
        ("company=ant", IPO),
        ("topic=antitrust", FINE),
        ("company=ant&topic=ipo", IPO),
    ):
        feed = read(site, f"/feeds/hits.atom?{query}")
        assert [entry.title for entry in feed.entries] == [title]
    assert read(site, "/feeds/hits.atom?company=ant").feed.title == "Regulatory Monitor: Ant Group"
    assert read(site, "/feeds/hits.atom?company=nobody").entries == []


def test_ids_stay(tmp_path, empty_database, clock):
    """An entry is the same entry to a reader when the site has another address."""
    ids = []
    for url in ("http://127.0.0.1", "http://localhost"):
        with website(tmp_path, empty_database, clock, f"url: {url}") as site:
            if not ids:
                store(site, FINE)
            feed = read(site, "/feeds/hits.atom")
            ids.append((feed.feed.id, feed.entries[0].id))
    assert ids[0] == ids[1]
    assert ids[0][0] != ids[0][1]


def test_nothing_new(site, clock):
    """A reader that has the newest feed already loads nothing, by ETag or by date."""
    store(site, FINE)
    first = site.ask("/feeds/hits.atom")
    tag, changed = first.headers["ETag"], first.headers["Last-Modified"]

    for headers in (
        {"If_None_Match": tag},
        {"If_None_Match": f'"x", W/{tag}'},
        {"If_None_Match": "*"},
        {"If_Modified_Since": changed},
    ):
        answer = site.ask("/feeds/hits.atom", **headers)
        assert (answer.status, answer.body) == (304, b""), headers
        assert answer.headers["ETag"] == tag
    for headers in (
        {"If_None_Match": '"x"', "If_Modified_Since": changed},
        {"If_Modified_Since": "Mon, 01 Jan 2001 00:00:00 GMT"},
        {"If_Modified_Since": "yesterday"},
    ):
        assert site.ask("/feeds/hits.atom", **headers).status == 200, headers

    clock.at += timedelta(seconds=1)
    store(site, IPO)
    assert site.ask("/feeds/hits.atom", If_None_Match=tag).status == 200
    assert site.ask("/feeds/hits.atom", If_Modified_Since=changed).status == 200


def test_odd_words_and_links(site):
    """Whatever stands in an article, the feed is well-formed and leads nowhere odd."""
    store(site, FINE)
    odd = f"{FINE} \x01\x0b\x7f\ufffe\uffff \u202e]]> <script>"
    with site.app.store.begin() as connection:
        connection.execute(update(t.articles).values(title=odd, url="javascript:alert(1)"))

    [entry] = read(site, "/feeds/hits.atom").entries

    assert "javascript" not in site.ask("/feeds/hits.atom").text
    assert entry.title.startswith(FINE)
    assert entry.title_detail.type == "text/plain"


def test_no_hits(site):
    """An empty feed is a feed."""
    feed = read(site, "/feeds/stories.atom")
    assert feed.entries == []
    assert feed.feed.updated_parsed[0] == 1970
