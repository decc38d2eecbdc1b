"""Stories, hits and feeds on the web: what was stored, in words that stay words."""

import re
from datetime import timedelta
from html import unescape

import pytest
from sqlalchemy import insert, select, update
from stored import put
from websites import website

from monitor.pipeline.group import group_new
from monitor.store import schema as t

FINE = "Alibaba fined $2.8bn in antitrust probe"
CHINESE = "市场监管总局对腾讯作出反垄断行政处罚，罚款50万元"
IPO = "Ant Group IPO suspended"


@pytest.fixture
def site(tmp_path, empty_database, clock):
    with website(tmp_path, empty_database, clock) as served:
        yield served


def store(site, *titles, feed="a", group=True):
    put(site.app.store, titles, lexicon=site.app.lexicon, now=site.app.clock.now(), feed=feed)
    if group:
        group_new(site.app.store)


def headlines(page):
    """Return the titles of a list's entries, without their marks."""
    found = re.findall(r'<h\d class="headline".*?</h\d>', page, re.DOTALL)
    return [unescape(re.sub(r"<[^>]+>", "", title)) for title in found]


def story_of(site, title):
    with site.app.store.begin() as connection:
        query = select(t.hits.c.story_id).join(t.articles, t.articles.c.id == t.hits.c.article_id)
        return connection.scalars(query.where(t.articles.c.title == title)).first()


def test_today(site, clock):
    """The first page has what was told in the last day, by company, and feeds in trouble."""
    store(site, "Tencent antitrust probe opened by regulator")
    clock.at += timedelta(days=3)
    store(site, FINE, IPO)
    with site.app.store.begin() as connection:
        connection.execute(update(t.feeds).values(state="failing", name="Wire <b>"))

    page = site.ask("/").text

    assert sorted(headlines(page)) == sorted([FINE, IPO])
    assert page.index("Alibaba</h2>") < page.index("Ant Group</h2>")
    assert "Coverage is not complete" in page
    assert "Wire &lt;b&gt;" in page
    assert "3 in 30 days" in page


def test_filters(site):
    """Stories and hits are narrowed by company, topic and stage; what nobody has finds nothing."""
    store(site, FINE, CHINESE, IPO)
    for path in ("/stories/", "/hits/"):
        assert sorted(headlines(site.ask(path).text)) == sorted([FINE, CHINESE, IPO])
        for query, wanted in (
            ("company=alibaba", [FINE]),
            ("topic=ipo", [IPO]),
            ("stage=fine&company=tencent", [CHINESE]),
            ("company=nobody", []),
            ("stage='%20OR%201=1--", []),
        ):
            assert headlines(site.ask(f"{path}?{query}").text) == wanted, (path, query)
    assert '<option value="ipo" selected>' in site.ask("/stories/?topic=ipo").text


def test_chinese_pages_use_chinese_names(site):
    """What is watched is called in the reader's language, also in what a page is narrowed by."""
    store(site, CHINESE, "腾讯因垄断被市场监管总局罚款50万元")
    story = f"/stories/{story_of(site, CHINESE)}"
    for path in ("/", "/stories/", "/hits/", "/companies/", "/companies/tencent", story):
        page = site.ask(f"{path}?lang=zh").text
        for name in ("腾讯", "反垄断", "罚款"):
            assert f">{name}<" in page or f">{name} " in page, (path, name)
        assert not re.search(r">(Tencent|Antitrust|Fine)\b", page), path
    assert "国家市场监督管理总局" in page
    assert re.search("归入此事件的原因：.*金额.*、", page)
    assert ">Tencent<" in site.ask(story).text


def test_lists_go_back_to_the_first(site, clock):
    """Every story and hit is reached from the newest, none twice, though more come in meanwhile."""
    titles = [f"Tencent antitrust fine of ${n} million in case {n}" for n in range(1, 71)]
    for title in titles:
        store(site, title, group=False)
        clock.at += timedelta(days=40)
    group_new(site.app.store)
    with site.app.store.begin() as connection:
        order = t.stories.c.last_at.desc(), t.stories.c.id.desc()
        told = connection.scalars(select(t.stories.c.headline).order_by(*order)).all()
    for path, wanted in (("/hits/", titles[::-1]), ("/stories/", told)):
        seen, query, pages = [], "", 0
        while pages < 10:
            page = site.ask(path + query).text
            seen += headlines(page)
            pages += 1
            older = re.search(r'<p class="more"><a href="(\?[^"]+)">', page)
            if older is None:
                break
            query = unescape(older[1])
            store(site, f"Alibaba antitrust fine number {len(seen)}")
        assert [title for title in seen if "Tencent" in title] == wanted, path
        assert pages >= 2


def test_a_story(site, clock):
    """Its page shows every source with the matched words marked, its facts, and who was told."""
    store(site, FINE)
    clock.at += timedelta(hours=1)
    store(site, FINE, feed="b")
    number = story_of(site, FINE)
    with site.app.store.begin() as connection:
        connection.execute(update(t.articles).values(url="https://news.example/1"))
    assert "It is in no digest yet." in site.ask(f"/stories/{number}").text
    site.app.compose_step.compose_now(site.app.subscriptions[0], clock.now())

    page = site.ask(f"/stories/{number}").text

    assert page.count("<mark>Alibaba</mark>") == 2
    assert "<mark>antitrust</mark>" in page
    assert page.count('href="https://news.example/1"') == 2
    assert '<strong class="amount">$2.8bn</strong>' in page
    assert "sent to 0 of 2" in page
    assert '<a href="/digests/' in page


def test_the_proceeding(site, clock):
    """A step names those before and after it, and leads to them."""
    opened = "China's market regulator opens antitrust probe into Alibaba"
    store(site, opened)
    clock.at += timedelta(days=30)
    store(site, FINE)
    first, second = story_of(site, opened), story_of(site, FINE)
    assert first != second
    with site.app.store.begin() as connection:
        values = {"company": "alibaba", "topic": "antitrust", "started_at": clock.now()}
        number = connection.scalar(
            insert(t.proceedings).returning(t.proceedings.c.id).values(values)
        )
        connection.execute(update(t.stories).values(proceeding_id=number))

    page = site.ask(f"/stories/{first}").text

    assert "The proceeding" in page
    assert f'href="/stories/{second}"' in page
    assert page.count('aria-current="step"') == 1


def test_a_merged_story_leads_on(site):
    """An old link leads to the story that took this one in; a story that never was, to nothing."""
    store(site, FINE, IPO)
    old, new = story_of(site, IPO), story_of(site, FINE)
    with site.app.store.begin() as connection:
        connection.execute(update(t.hits).where(t.hits.c.story_id == old).values(story_id=new))
        connection.execute(update(t.stories).where(t.stories.c.id == old).values(merged_into=new))

    answer = site.ask(f"/stories/{old}")

    assert (answer.status, answer.headers["Location"]) == (307, f"/stories/{new}")
    assert site.ask("/stories/999").status == 404


def test_withdrawn_hits_are_not_shown(site, clock):
    """What the rules do not find any more is on no page."""
    store(site, FINE)
    number = story_of(site, FINE)
    with site.app.store.begin() as connection:
        connection.execute(update(t.hits).values(withdrawn_at=clock.now()))
    for path in ("/", "/stories/", "/hits/"):
        assert headlines(site.ask(path).text) == []
    assert site.ask(f"/stories/{number}").status == 404


def test_words_from_feeds_stay_words(site):
    """Markup, templates and odd links in an article are shown, never run or followed."""
    nasty = "Alibaba antitrust fine <script>alert(1)</script> {{7*7}} \u202eevil"
    store(site, nasty)
    with site.app.store.begin() as connection:
        values = {"url": "javascript:alert(1)", "publisher": "<img src=x>", "language": 'en" x="'}
        connection.execute(update(t.articles).values(**values))
        connection.execute(update(t.feeds).values(name="<i>{{7*7}}", last_error="<u>", url="<u>"))
        connection.execute(update(t.feeds).values(state="failing", state_reason="<u>"))
    number = story_of(site, nasty)
    for path in ("/", "/stories/", "/hits/", f"/stories/{number}", "/feeds/", "/feeds/a"):
        page = site.ask(path).text
        assert "{{7*7}}" in page, path
        assert "49" not in re.sub(r"20\d\d-[\d: -]+|[0-9a-f]{12}", "", page), path
        for bad in ("<script", "<img", "<i>", "<u>", "javascript:", 'en" x=', "\u202e"):
            assert bad not in page, (path, bad)


def test_feeds_and_their_history(site, clock):
    """Feeds that are not well come first; each has its state, reason and last polls."""
    store(site, FINE)
    store(site, IPO, feed="b")
    with site.app.store.begin() as connection:
        sick = {"state": "failing", "state_reason": "HTTP 403", "name": "Zulu 新闻"}
        connection.execute(update(t.feeds).where(t.feeds.c.key == "b").values(**sick))
        feed = connection.scalar(select(t.feeds.c.id).where(t.feeds.c.key == "b"))
        poll = {
            "feed_id": feed,
            "bytes": 1,
            "entries": 9,
            "new": 2,
            "known": 7,
            "revised": 0,
            "rejected": 0,
            "gap": False,
            "status": 200,
            "took_ms": 120,
            "error": None,
        }
        connection.execute(
            insert(t.polls),
            [
                {**poll, "at": clock.now() - timedelta(hours=n), "outcome": outcome, "error": error}
                for n, outcome, error in ((1, "failed", "HTTP 403"), (2, "stored", None))
            ],
        )

    page = site.ask("/feeds/").text
    assert "0 of 1 are well. 2 are switched off." in page
    assert re.findall(r"<td>(\d+)</td>", page)[:3] == ["1", "1", "0"]  # articles, hits and gaps
    assert page.index("Zulu 新闻") < page.index('href="/feeds/a"')
    assert "HTTP 403" in page
    page = site.ask("/feeds/b").text
    for words in (
        "Zulu 新闻",
        "HTTP 403",
        "120 ms",
        "state-failed",
        "state-stored",
        "1 of 2 polls",
    ):
        assert words in page, words
    for there in (
        '<a href="/search/?q=feed%3Ab">1</a>',
        '<a href="/search/?in=hits&amp;q=feed%3Ab">1</a>',
    ):
        assert there in page
    assert site.ask("/search/?in=hits&q=feed%3Ab").text.count('class="headline"') == 1
    assert site.ask("/feeds/nobody").status == 404


def test_an_empty_database(site):
    """Before anything was found each page says so."""
    for path, words in (
        ("/", "Nothing new."),
        ("/stories/", "No story"),
        ("/hits/", "No hit"),
        ("/feeds/wire", "It has not been polled yet."),
    ):
        assert words in site.ask(path).text
