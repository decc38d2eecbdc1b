"""Examining where entries are read: the same is found there as anywhere, and once."""

import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select
from test_parse import children
from test_poll import INTERVAL, LEXICON, Web, configure, rss

from monitor.detect.associate import Detector
from monitor.feeds.manners import Pace
from monitor.feeds.parse import examine
from monitor.feeds.parse.children import BoundedParser
from monitor.feeds.parse.document import parse
from monitor.model import Answer, Document, Entry, FeedToPoll
from monitor.pipeline.matches import LateDetector, Matches
from monitor.pipeline.poll import PollStep
from monitor.store import schema as t
from monitor.text.index import index_words, uncut

TITLES = ("Alibaba fined $2 billion in antitrust probe", "Rain expected", "腾讯音乐今天IPO定价")
URL = "https://news.example/feed"
TEXT = LEXICON.canonical, LEXICON.fingerprint


@pytest.fixture(scope="module")
def examiner():
    """A parser whose child examines what it reads."""
    limits = {"timeout": timedelta(seconds=60), "memory_bytes": 1 << 30}
    with BoundedParser(workers=1, lexicon=lambda: TEXT, **limits) as parser:
        yield parser


@pytest.fixture
def step(engine, clock, examiner):
    """The step, which cannot look for anything itself."""
    return PollStep(
        engine=engine,
        clock=clock,
        fetcher=Web(),
        parser=examiner,
        lexicon=LEXICON.fingerprint,
        detector=LateDetector(unasked),
        pace=Pace(usual=INTERVAL, longest=INTERVAL),
        lease=timedelta(minutes=3),
    )


def unasked():
    raise AssertionError("asked once more for what a child has found")


def feed(clock=None, **known):
    last_ok_at = clock.now() if clock else None
    return FeedToPoll(
        1, "news", URL, "News", None, None, None, None, None, None, 0, last_ok_at, **known
    )


def found_in(document):
    detector = Detector(LEXICON)
    return tuple(
        detector.find(it.title, it.summary, published=it.published_at) for it in document.entries
    )


def test_a_child_finds_what_detection_finds(examiner):
    """What comes with a new feed's entries is what the detector says of each."""
    document = examiner.parse(feed(), rss(*TITLES))

    assert [len(matches) for matches in document.matches] == [1, 0, 1]
    assert document.matches == found_in(document)


@pytest.mark.parametrize("text", [("{}", LEXICON.fingerprint), ("no JSON", "0" * 64)])
def test_a_text_that_is_not_the_lexicon_is_not_believed(text):
    """Where its fingerprint does not fit, entries come back unexamined, for the parent to do."""
    limits = {"timeout": timedelta(seconds=60), "memory_bytes": 1 << 30}
    with BoundedParser(workers=1, lexicon=lambda: text, **limits) as parser:
        document = parser.parse(feed(), rss(*TITLES))

    matches = Matches(
        LateDetector(lambda: LEXICON), feed(), document.entries, document.matches, document.words
    )
    assert [len(matches(at)) for at in range(3)] == [1, 0, 1]


def test_a_child_killed_as_it_takes_the_lexicon():
    """The one in its place is given the lexicon again, and finds the same."""
    limits = {"timeout": timedelta(seconds=60), "memory_bytes": 1 << 30}
    others = set(children())
    killed = 0
    for wait_s in (0.0, 0.02, 0.05, 0.1, 0.15, 0.2, 0.3):  # from its start to its first answer
        with (
            ThreadPoolExecutor() as threads,
            BoundedParser(workers=1, lexicon=lambda: TEXT, **limits) as parser,
        ):
            document = threads.submit(parser.parse, feed(), rss(*TITLES))
            time.sleep(wait_s)
            for child in set(children()) - others:
                killed += not document.done()
                os.kill(child, signal.SIGKILL)
            assert document.result(timeout=30).matches == found_in(document.result())
    assert killed


def test_a_child_cuts_words(examiner):
    """The words of the search index are the same where a child has cut them."""
    document = examiner.parse(feed(), rss(*TITLES, "騰訊\u200b音樂 ①", "Ａ＆Ｂ　罰款"))
    detector = LateDetector(unasked)
    matches = Matches(detector, feed(), document.entries, document.matches, document.words)

    assert [words is None for words in document.words] == [True, True, False, False, False]
    for index, entry in enumerate(document.entries):
        assert matches.words(index).split() == index_words(entry.title, entry.summary).split()


def test_only_what_is_new_is_examined(examiner, clock):
    """Of a feed that was read before, entries that it showed then are not; nor is all of it."""
    before = parse(rss(*TITLES).body, None, URL)
    read = examiner.parse(
        feed(clock, prints=before.prints), rss("Baidu sued over monopoly", *TITLES)
    )
    whole = examiner.parse(feed(clock), rss(*TITLES))

    assert [it.title for it in read.entries] == ["Baidu sued over monopoly"]
    assert read.matches == found_in(read)
    assert (len(whole.entries), whole.matches) == (3, ())


def test_a_long_document_is_examined_so_far(examiner):
    """What a document has beyond the limit is left to whoever wants to know."""
    document = examiner.parse(feed(), rss(*(f"Rain {n}" for n in range(examine.MOST + 5))))

    assert len(document.entries) == examine.MOST + 5
    assert document.matches == ((),) * examine.MOST


def test_long_texts_are_examined_a_few_at_a_time():
    """What is found in a document of long texts is the same, in the same order."""
    long = "河水上涨，农户丰收。" * 8000
    titles = [f"{title} {n}" for n in range(4) for title in TITLES]
    plain = parse(rss(*titles).body, None, URL)
    entries = tuple(
        it._replace(summary=long if n % 3 else "") for n, it in enumerate(plain.entries)
    )
    document = examine.Examiner(LEXICON).examine(replace(plain, entries=entries), None)

    assert document.matches == found_in(document)
    for it, cut in zip(entries, document.words, strict=True):
        words = uncut(it.title, it.summary) if cut is None else cut
        assert words.split() == index_words(it.title, it.summary).split()


def test_an_entry_that_cannot_be_examined_costs_no_other():
    """Detection that fails on an entry says why, in its place."""
    good, odd = (Entry(None, None, title, "", None) for title in (TITLES[0], None))
    document = examine.Examiner(LEXICON).examine(Document("News", None, (odd, good)), None)

    reason, matches = document.matches
    assert reason.startswith("TypeError: ")
    assert [it.company for it in matches] == ["alibaba"]


def test_a_failure_is_told_as_one():
    """An article on which detection failed in a child has no matches, and its words."""
    entries = [Entry(title, None, title, "", None) for title in TITLES]
    matches = Matches(LateDetector(unasked), feed(), entries, ["ValueError: odd", ()])

    assert (matches(0), matches(1)) == (None, ())
    assert matches.words(0) == f"{TITLES[0]}\n"


def test_polls_store_what_children_found(engine, clock, step):
    """Hits are those found where the feed was read; nothing is looked for twice."""
    configure(engine, clock, "news")
    step.fetcher.put("news", rss(*TITLES))

    assert step.poll_due().hits == 2
    with engine.begin() as connection:
        found = connection.execute(select(t.hits.c.company, t.hits.c.topic, t.hits.c.amount)).all()
    assert sorted(tuple(row)[:2] for row in found) == [("alibaba", "antitrust"), ("tencent", "ipo")]


def test_an_impossible_date_is_none_for_detection_too(engine, clock, step):
    """An entry dated in the future is read as if it had no date: "today" is no day then."""
    configure(engine, clock, "news")
    step.detector = LateDetector(lambda: LEXICON)
    late = (clock.now() + timedelta(days=9)).strftime("%a, %d %b %Y %H:%M:%S GMT")
    body = rss(TITLES[2]).body.replace(b"</item>", f"<pubDate>{late}</pubDate></item>".encode())
    step.fetcher.put("news", Answer(200, URL, body))

    assert step.poll_due().hits == 1
    with engine.begin() as connection:
        assert connection.scalar(select(t.hits.c.event_date)) is None
        assert connection.scalar(select(t.articles.c.published_at)) is None
