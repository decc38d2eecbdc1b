"""Search on the web: the same answers as the command's, with the words that were found."""

import re
from html import unescape
from itertools import pairwise
from urllib.parse import quote

import pytest
from stored import put
from websites import website

from monitor.pipeline.group import group_new

FINE = "Alibaba fined $2.8bn in antitrust probe"
CHINESE = "市场监管总局对腾讯作出反垄断行政处罚，罚款50万元"
RAIN = "Rain expected in Hangzhou"


@pytest.fixture
def site(tmp_path, empty_database, clock):
    with website(tmp_path, empty_database, clock) as served:
        app = served.app
        put(app.store, [FINE, CHINESE, RAIN], lexicon=app.lexicon, now=clock.now())
        group_new(app.store)
        yield served


def titles(page):
    found = re.findall(r'<h2 class="headline".*?</h2>', page, re.DOTALL)
    return [unescape(re.sub(r"<[^>]+>", "", title)) for title in found]


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        ("antitrust", [FINE]),
        ("罰款", [CHINESE]),
        ("hangzhou", [RAIN]),
        ("罚款 OR rain", [RAIN, CHINESE]),
        ("company:alibaba stage:fine", [FINE]),
        ("fined -antitrust", []),
        ("", []),
        ("   ", []),
    ],
)
def test_answers(site, query, wanted):
    """Articles answer by their words and hits, English and Chinese."""
    answer = site.ask(f"/search/?q={quote(query)}")
    assert (answer.status, sorted(titles(answer.text))) == (200, sorted(wanted))


def test_what_nothing_is_called(site):
    """A value that nothing has is told, with what was most likely meant, in the reader's words."""
    page = site.ask("/search/?q=company:alibba").text
    assert "Nothing is called company:alibba now. Did you mean company:alibaba?" in page
    page = site.ask("/search/?q=company:alibba&lang=zh").text
    assert "目前没有 company:alibba。" in page
    assert "Nothing is called" not in site.ask("/search/?q=company:alibaba").text


def test_the_words_are_marked(site):
    """A reader sees why an article is there, and the way to its story."""
    page = site.ask(f"/search/?q={quote('罰款 OR antitrust')}").text
    assert "<mark>罚款</mark>" in page
    assert "<mark>antitrust</mark>" in page
    assert re.search(r'<a href="/stories/\d+">Story', page)


def test_stories(site):
    """Stories answer if one of their hits does, the best first if that is asked for."""
    page = site.ask("/search/?q=antitrust&in=stories&sort=relevance").text
    assert titles(page) == [FINE]
    assert 'value="relevance" selected' in page


def test_a_mistake_is_shown_where_it_is(site):
    """What cannot be read is marked in the query, with what may help; nothing in it is markup."""
    answer = site.ask(f"/search/?q={quote('罚款 compny:<b>x')}")
    assert answer.status == 400
    assert "罚款 <mark>compny:" in answer.text
    assert "did you mean company:" in answer.text
    assert "<b>" not in answer.text
    assert site.ask("/search/?q=" + "x" * 5000).status == 400


def test_older_answers(site, clock):
    """All answers are reached, none twice."""
    wanted = [f"Flood number {n}" for n in range(70)]
    put(site.app.store, wanted, lexicon=site.app.lexicon, now=clock.now())
    seen, query = [], "?q=flood"
    while query:
        page = site.ask(f"/search/{query}").text
        seen += titles(page)
        older = re.search(r'<p class="more"><a href="(\?[^"]+)">', page)
        query = unescape(older[1]) if older else ""
    assert sorted(seen) == sorted(wanted)


def test_older_hits(site, clock):
    """Hits of one article stand on one page, and all are reached, none twice."""
    wanted = ["Flood: Alibaba in an antitrust case"]
    wanted += [f"Flood {n}: Alibaba and Tencent in an antitrust case" for n in range(40)]
    put(site.app.store, wanted[::-1], lexicon=site.app.lexicon, now=clock.now())
    group_new(site.app.store)
    seen, query = [], "?q=flood&in=hits"
    while query:
        page = site.ask(f"/search/{query}").text
        seen.append(titles(page))
        older = re.search(r'<p class="more"><a href="(\?[^"]+)">', page)
        query = unescape(older[1]) if older else ""
    assert sorted(title for page in seen for title in page) == sorted([wanted[0], *wanted[1:] * 2])
    assert all(set(one).isdisjoint(other) for one, other in pairwise(seen))
    assert len(seen) == 3
