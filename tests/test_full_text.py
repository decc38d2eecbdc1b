"""Full text: pages are read where terms allow it, add to what the feed gave, and delay nothing."""

import subprocess
import sys
from datetime import timedelta

import pytest
from sqlalchemy import select, text
from stored import contents
from test_index import having
from test_poll import LEXICON, Dies, Web, configure, count, rss, step  # noqa: F401 - a fixture

from monitor.errors import AddressRefused, FetchError, ParseError
from monitor.feeds.fulltext import WAITS, next_try, refusal, whole_text
from monitor.feeds.parse.children import BoundedParser
from monitor.feeds.parse.document import parse
from monitor.model import Answer, Feed, FeedToPoll, WebPage
from monitor.pipeline.full_text import FullTextStep
from monitor.pipeline.matches import LateDetector
from monitor.store import feeds, full_texts, workers
from monitor.store import schema as t

TITLE = "Regulator acts on platforms"
BODY = (
    "The regulator said on Friday that it had looked into the conduct of several platforms.",
    "Alibaba was fined $2.8 billion in the antitrust probe, the largest sum so far in the country.",
    "Lawyers expect that more decisions of this kind will follow before the end of the year.",
)
PAUSE = timedelta(seconds=2)


def page(*paragraphs, url="https://news.example/1", kind="text/html; charset=utf-8"):
    menu = "<nav><a href=/>Home</a><a href=/i>Tencent IPO approved</a></nav>"
    body = "".join(f"<p>{paragraph}</p>" for paragraph in paragraphs)
    html = f"<html><head><title>{TITLE}</title></head><body>{menu}<article><h1>{TITLE}</h1>{body}"
    return Answer(200, url, f"{html}</article><footer>About</footer></html>".encode(), kind)


class Pages:
    """Stands in for HTTP: what each address answers; *asked* has the addresses."""

    def __init__(self):
        self.answers, self.asked = {}, []

    def fetch_all(self, wanted, **_):
        for feed in iter(iter(wanted).__next__, None):
            self.asked.append(feed.url)
            answer = self.answers.get(feed.url, page(*BODY, url=feed.url))
            if isinstance(answer, SystemExit):
                raise answer
            yield feed, answer


@pytest.fixture(scope="module")
def parser():
    with BoundedParser(workers=1, timeout=timedelta(seconds=20), memory_bytes=1 << 30) as parser:
        yield parser


@pytest.fixture
def web():
    return Web()


@pytest.fixture
def pages():
    return Pages()


@pytest.fixture
def reader(engine, clock, pages, parser):
    return FullTextStep(
        engine=engine,
        clock=clock,
        fetcher=pages,
        parser=parser,
        lexicon=LEXICON.fingerprint,
        detector=LateDetector(lambda: LEXICON),
        lease=timedelta(minutes=3),
        pause=PAUSE,
    )


@pytest.fixture
def poll(engine, clock, web, step):  # noqa: F811 - the fixture
    """Poll feeds that ask for full texts and show these titles."""

    def poll(*titles, full_text=True, keys=("news",)):
        configure(engine, clock, *keys, full_text=full_text, terms="open licence")
        for key in keys:
            web.put(key, rss(*titles, name=key))
        clock.at += timedelta(hours=1)
        return step.poll_due()

    return poll


def article(engine):
    with engine.begin() as connection:
        return connection.execute(select(t.articles)).one()


def reading(engine):
    with engine.begin() as connection:
        return connection.execute(select(t.full_texts)).one()


def test_a_page_adds_what_the_feed_left_out(engine, poll, reader):
    """The text of the page is matched; evidence quotes it, and what the feed gave is kept."""
    assert poll(TITLE).hits == 0

    totals = reader.read_due()

    assert (totals.pages, totals.stored, totals.failed, totals.hits) == (1, 1, 0, 1)
    stored = article(engine)
    assert stored.summary == "\n".join(BODY)
    assert (stored.title, stored.revision, stored.matched_with) == (
        TITLE,
        2,
        LEXICON.fingerprint,
    )
    with engine.begin() as connection:
        hit = connection.execute(select(t.hits)).one()
        before = connection.execute(select(t.revisions)).one()
    assert (hit.company, hit.topic, hit.stage, hit.revision) == ("alibaba", "antitrust", "fine", 2)
    assert [having(engine, word) for word in ("platforms", "lawyers")] == [[TITLE], [TITLE]]
    for quote in hit.evidence:
        assert getattr(stored, quote["field"])[quote["start"] : quote["end"]] == quote["text"]
    assert (before.number, before.summary) == (1, "")


def test_a_page_is_read_once(engine, poll, reader, pages):
    """A page that was read is not asked again, and the next poll changes nothing."""
    poll(TITLE)
    reader.read_due()
    text_before = article(engine).summary

    again = poll(TITLE)

    assert (again.new_articles, again.updated_articles) == (0, 0)
    assert not reader.any_due()
    assert article(engine).summary == text_before
    assert len(pages.asked) == 1


def test_only_feeds_that_say_so(poll, reader, pages):
    """No page is asked for unless the feed's settings say so, or after they say so no more."""
    poll("One", full_text=False, keys=("plain",))
    poll(TITLE)
    poll(TITLE, full_text=False)

    reader.read_due()

    assert pages.asked == []


@pytest.fixture
def revise(clock, web, step):  # noqa: F811 - the fixture
    """Let the feed give its article another text, and poll it."""

    def revise(summary):
        shown = rss(TITLE)
        told = f"</link><description>{summary}</description></item>".encode()
        web.put("news", Answer(200, shown.url, shown.body.replace(b"</link></item>", told)))
        clock.at += timedelta(hours=1)
        assert step.poll_due().updated_articles == 1

    return revise


def test_what_another_feed_brought_is_left_alone(engine, clock, poll, web, step, reader, pages):  # noqa: F811 - the fixture
    """An article that a feed without the setting brought is not read for one with it."""
    poll(TITLE, full_text=False, keys=("plain",))
    shown = rss(TITLE, name="plain")
    told = shown.body.replace(b"</link></item>", b"</link><description>Other</description></item>")
    with engine.begin() as connection:
        both = [
            Feed("plain", "https://plain.example/feed", "Plain"),
            Feed("news", "https://news.example/feed", "News", terms="open", full_text=True),
        ]
        feeds.sync(connection, both, now=clock.now())
    web.put("news", shown, Answer(200, shown.url, told))
    for _ in range(2):
        clock.at += timedelta(hours=1)
        step.poll_due()

    reader.read_due()

    assert article(engine).summary == "Other"
    assert pages.asked == []


def test_a_text_the_feed_changes_is_read_again(engine, poll, revise, reader, pages):
    """A feed that changes an article's text has the last word, until its page is read anew."""
    poll(TITLE)
    reader.read_due()
    revise("New")
    assert article(engine).summary == "New"

    reader.read_due()

    assert article(engine).summary == "New\n" + "\n".join(BODY)
    assert article(engine).revision == 4
    assert len(pages.asked) == 2


def test_a_revision_meanwhile_is_not_overwritten(engine, poll, revise, reader, pages):
    """Where the text changed while the page was read, the page is read again instead."""
    poll(TITLE)

    def changed(wanted, **_):
        for asked in wanted:
            revise("Changed")
            yield asked, page(*BODY, url=asked.url)
            return

    usual, pages.fetch_all = pages.fetch_all, changed
    assert reader.read_due().stored == 0
    assert article(engine).summary == "Changed"
    pages.fetch_all = usual
    reader.read_due()

    assert article(engine).summary == "Changed\n" + "\n".join(BODY)


def test_a_page_that_fails_is_given_up_visibly(engine, clock, poll, reader, pages):
    """Four tries with growing waits, then no more; the reason is in the views, the lead stays."""
    poll(TITLE)
    url = article(engine).url
    pages.answers[url] = FetchError("HTTP 503", status=503)

    for wait in WAITS:
        reader.read_due()
        assert reading(engine).status == "waiting"
        clock.at += wait - timedelta(seconds=1)
        assert not reader.any_due()
        clock.at += timedelta(seconds=1)
    reader.read_due()

    assert len(pages.asked) == 1 + len(WAITS)
    with engine.connect() as connection:
        told = connection.execute(text("SELECT * FROM v_full_texts")).one()
        feed = connection.execute(text("SELECT * FROM v_feeds")).one()
    assert (told.status, told.error, told.attempts) == ("given_up", "HTTP 503", 4)
    assert (feed.full_texts, feed.pages_waiting, feed.pages_given_up) == (0, 0, 1)
    assert (article(engine).title, article(engine).revision) == (TITLE, 1)


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (FetchError("HTTP 410", status=410), "HTTP 410"),
        (FetchError("HTTP 403", status=403), "HTTP 403"),
        (AddressRefused("10.0.0.1 is private"), "10.0.0.1 is private"),
    ],
)
def test_a_refusal_is_final(engine, poll, reader, pages, answer, reason):
    """Who refuses, or says that the page is gone, is not asked again."""
    poll(TITLE)
    pages.answers[article(engine).url] = answer
    reader.read_due()
    assert (reading(engine).status, reading(engine).error) == ("given_up", reason)


@pytest.mark.parametrize(
    "answer",
    [
        page(*BODY, kind="application/pdf"),
        page(*BODY, url="https://news.example/"),
        Answer(200, "https://news.example/1", b"<html><body><script>1</script></body></html>"),
        Answer(200, "https://news.example/1", b"\x00" * 4000, "text/html"),
    ],
    ids=["a PDF", "the front page", "no text", "zeros"],
)
def test_what_is_no_article(engine, poll, reader, pages, answer):
    """A page that holds no article changes nothing and is tried again."""
    poll(TITLE)
    pages.answers[article(engine).url] = answer
    reader.read_due()
    assert (reading(engine).status, article(engine).revision) == ("waiting", 1)
    assert reading(engine).error


def test_one_page_of_a_host_at_a_time(clock, poll, reader, pages):
    """Pages of one host are asked one by one with a pause between; other hosts are not held up."""
    poll("One", "Two", "Three", keys=("news", "other"))

    reader.read_due()
    assert sorted(url.split("/")[2] for url in pages.asked) == ["news.example", "other.example"]
    reader.read_due()
    assert len(pages.asked) == 2
    clock.at += PAUSE
    reader.read_due()
    assert len(pages.asked) == 4


def test_two_workers_share_the_pages(engine, clock, poll):
    """No page is taken by two workers, and none is forgotten when one of them dies."""
    poll("One")
    lease = timedelta(minutes=3)

    def claim(worker):
        with engine.begin() as connection:
            claimed = full_texts.claim_due(
                connection, now=clock.now(), lease=lease, pause=PAUSE, limit=9, worker=worker
            )
        return len(claimed)

    assert (claim("a:1"), claim("a:2")) == (1, 0)
    clock.at += lease
    assert claim("a:2") == 1
    with engine.begin() as connection:
        freed = workers.take_over(connection, "a", alive=lambda _: False, now=clock.now())
    clock.at += PAUSE
    assert (freed, claim("a:3")) == (1, 1)


@pytest.mark.parametrize("commit", [1, 2])
def test_a_crash_leaves_the_page_due(engine, clock, poll, reader, commit):
    """Killed at any commit, of the claim or of the outcome: nothing is half done, then all once."""
    poll(TITLE)
    before = {key: contents(engine)[key] for key in ("articles", "revisions", "hits")}
    with Dies(engine, commit):
        reader.read_due()
    assert {key: contents(engine)[key] for key in before} == before

    clock.at += reader.lease
    reader.read_due()

    assert (count(engine, t.hits), count(engine, t.revisions)) == (1, 1)
    assert article(engine).revision == 2


def test_a_late_worker_records_nothing(engine, clock, poll, reader):
    """A worker that comes back after its lease ran out overwrites nothing."""
    poll(TITLE)
    options = {"lease": timedelta(minutes=3), "pause": PAUSE, "limit": 9, "worker": "late"}
    with engine.begin() as connection:
        [late] = full_texts.claim_due(connection, now=clock.now(), **options)
    clock.at += timedelta(minutes=3)
    reader.read_due()
    with engine.begin() as connection:
        assert full_texts.replace_text(connection, late, "x", lexicon=None, now=clock.now()) is None
    assert article(engine).summary == "\n".join(BODY)


def test_without_the_extra_the_start_stops(tmp_path):
    """Where trafilatura is not installed, nothing is begun, and the way to install it is told."""
    config = "feeds: [{id: a, url: 'https://a.example/', terms: open, full_text: true}]"
    (tmp_path / "config.yaml").write_text(config, "utf-8")
    program = (
        "import sys; sys.modules['trafilatura'] = None;from monitor.cli import main; main(['poll'])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=tmp_path,
        capture_output=True,
        encoding="utf-8",
        timeout=60,
        check=False,
    )
    assert done.returncode == 2
    assert "pip install 'regulatory-monitor[fulltext]'" in done.stderr
    assert "feeds, a: full_text" in done.stderr
    assert not (tmp_path / "monitor.db").exists()


@pytest.mark.parametrize(
    ("title", "lead", "body", "whole"),
    [
        ("T", "", "Words of the page", "Words of the page"),
        ("T", "Words of …", "T\nWords of the page\nmore", "Words of the page\nmore"),
        ("T", "Another lead", "Words of the page", "Another lead\nWords of the page"),
        ("T", "Words of the page", "Words of", None),
        ("T", "A lead of some length", "Log in to read", None),
        ("T", "", "", None),
        ("阿里", "监管总局通报。阅读全文", "监管总局通报。罚款", "监管总局通报。罚款"),
    ],
)
def test_what_a_page_adds(title, lead, body, whole):
    """Nothing of the lead is lost, nothing is said twice, and a notice is no article."""
    assert whole_text(title, lead, body) == whole


def test_retry_after_is_kept(clock):
    """A server that asks for more time than the usual wait gets it."""
    options = {"now": clock.now(), "attempt": 1, "status": 503, "final": False}
    assert next_try(**options, retry_after=timedelta(days=1)) == clock.now() + timedelta(days=1)
    assert next_try(**options, retry_after=None) == clock.now() + WAITS[0]


def test_a_home_page_may_be_asked_for():
    """An article whose own address is a front page is no mistake."""
    assert refusal("https://a.example/", "https://a.example/", None) is None


@pytest.mark.parametrize(
    "html",
    ["<p>" * 50_000, "<div>" * 3000 + "x" * 50, "<table>" * 500, "&" * 100_000, "<!--" * 9999],
    ids=["paragraphs", "nesting", "tables", "references", "comments"],
)
def test_hostile_pages_end(parser, html):
    """Whatever a page is, reading it ends with a text or a reason."""
    answer = Answer(200, "https://a.example/1", f"<html><body>{html}".encode(), "text/html")
    asked = FeedToPoll.once(1, "a", answer.url, page=WebPage.ARTICLE)
    [found] = [it for it in parser.parse_all([(asked, answer)]) if it is not None]
    assert isinstance(found[2], ParseError) or found[2].entries


def test_tables_and_lists_are_words():
    """What stands in tables and lists is read without the marks of either."""
    rows = "<tr><td>Alibaba</td><td>fined</td></tr>" * 2
    html = f"<html><body><article><p>{BODY[0]}</p><p>{BODY[1]}</p><table>{rows}</table></article>"
    document = parse(html.encode(), "text/html", "https://a.example/1", page=WebPage.ARTICLE)
    assert "Alibaba fined" in document.entries[0].summary
    assert "|" not in document.entries[0].summary
