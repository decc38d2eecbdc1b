"""Polling: what a 200 contained is stored, whatever dies when; trouble is seen, and stays alone."""

from collections import deque
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import event, func, select

from monitor.config import bundled_lexicon
from monitor.detect.associate import Detector
from monitor.errors import FetchError
from monitor.feeds.parse import BoundedParser
from monitor.model import Answer, Feed
from monitor.pipeline.group import group_new
from monitor.pipeline.poll import PollStep
from monitor.store import feeds
from monitor.store.schema import ArticleRow, FeedRow, HitRow, PollRow, StoryRow

INTERVAL = timedelta(minutes=15)
LEXICON = bundled_lexicon()


def rss(*titles, name="news"):
    items = "".join(
        f"<item><guid>{name}-{title}</guid><title>{title}</title>"
        f"<link>https://{name}.example/{abs(hash(title))}</link></item>"
        for title in titles
    )
    body = f'<rss version="2.0"><channel><title>{name}</title>{items}</channel></rss>'
    return Answer(200, f"https://{name}.example/feed", body.encode(), etag=f'"{len(titles)}"')


class Web:
    """Stands in for HTTP: each feed's answers in turn, the last one for ever."""

    def __init__(self):
        self.answers, self.asked = {}, []

    def put(self, key, *answers):
        self.answers[key] = deque(answers)

    def fetch_all(self, wanted):
        for feed in wanted:
            self.asked.append(feed)
            queue = self.answers[feed.key]
            answer = queue.popleft() if len(queue) > 1 else queue[0]
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
def step(sessions, clock, web, parser):
    return PollStep(
        sessions=sessions,
        clock=clock,
        fetcher=web,
        parser=parser,
        lexicon=LEXICON,
        detector=Detector(LEXICON),
        interval=INTERVAL,
        lease=timedelta(minutes=3),
    )


def configure(sessions, clock, *keys, **options):
    with sessions.begin() as session:
        configured = [Feed(key, f"https://{key}.example/feed", key, **options) for key in keys]
        feeds.sync(session, configured, now=clock.now())


def titles(sessions):
    with sessions.begin() as session:
        return sorted(session.scalars(select(ArticleRow.title)))


def feed_row(sessions, key):
    with sessions.begin() as session:
        return session.scalars(select(FeedRow).where(FeedRow.key == key)).one()


def count(sessions, table):
    with sessions.begin() as session:
        return session.scalar(select(func.count()).select_from(table))


def test_everything_is_stored_and_matched(sessions, clock, web, step):
    """Articles that match and articles that do not are stored; those that do become hits."""
    configure(sessions, clock, "news")
    web.put("news", rss("Alibaba fined in antitrust probe", "Rain expected", "腾讯音乐IPO定价"))

    totals = step.poll_due()

    assert (totals.feeds, totals.ok, totals.entries, totals.new_articles) == (1, 1, 3, 3)
    assert titles(sessions) == [
        "Alibaba fined in antitrust probe",
        "Rain expected",
        "腾讯音乐IPO定价",
    ]
    with sessions.begin() as session:
        found = session.execute(select(HitRow.company, HitRow.topic).order_by(HitRow.id)).all()
        quotes = session.scalars(select(HitRow.evidence)).all()
    assert [tuple(row) for row in found] == [("alibaba", "antitrust"), ("tencent", "ipo")]
    assert quotes[0][0]["text"] == "Alibaba"


def test_a_second_round_finds_nothing_new(sessions, clock, web, step):
    """A feed that answers the same is asked with its validator, and nothing is doubled."""
    configure(sessions, clock, "news")
    first = rss("One", "Two")
    web.put("news", first, replace(first, status=304, body=b""), first)
    step.poll_due()
    assert step.poll_due().feeds == 0, "not due yet"
    for _ in range(2):
        clock.at += 2 * INTERVAL
        totals = step.poll_due()
        assert (totals.unchanged, totals.new_articles) == (1, 0)

    assert [feed.etag for feed in web.asked] == [None, '"2"', '"2"']
    assert count(sessions, ArticleRow) == 2
    assert count(sessions, PollRow) == 3


def test_one_feeds_trouble_is_its_own(sessions, clock, web, step):
    """A server's error and a page that is no feed are seen, and cost the others nothing."""
    configure(sessions, clock, "down", "page", "news")
    web.put("down", FetchError("HTTP 503", status=503))
    web.put("page", Answer(200, "https://page.example/", b"<html><p>Bad gateway</p></html>"))
    web.put("news", rss("One"))

    totals = step.poll_due()

    assert (totals.ok, totals.failed, totals.new_articles) == (1, 2, 1)
    assert feed_row(sessions, "down").last_error == "HTTP 503"
    assert feed_row(sessions, "page").failures == 1
    assert feed_row(sessions, "page").etag is None
    assert feed_row(sessions, "news").state == "ok"


def test_a_feed_that_is_gone_is_left_alone(sessions, clock, web, step):
    """410 ends the polling until the configuration gives another address."""
    configure(sessions, clock, "news")
    web.put("news", FetchError("HTTP 410", status=410))
    step.poll_due()
    clock.at += timedelta(days=365)
    assert step.poll_due().feeds == 0
    assert feed_row(sessions, "news").state == "dead"
    with sessions.begin() as session:
        feeds.sync(session, [Feed("news", "https://moved.example/feed", "news")], now=clock.now())
    assert step.poll_due().feeds == 1


def test_a_failing_feed_comes_back(sessions, clock, web, step):
    """A feed that failed is tried again later, and is well again when it answers."""
    configure(sessions, clock, "news")
    web.put("news", FetchError("HTTP 500", status=500), rss("One"))
    step.poll_due()
    assert feed_row(sessions, "news").state in {"probation", "failing"}
    clock.at += timedelta(hours=7)
    step.poll_due()
    row = feed_row(sessions, "news")
    assert (row.state, row.failures, row.last_error) == ("ok", 0, None)


class Dies:
    """Ends the process, as far as the step can tell, at the n-th commit."""

    def __init__(self, sessions, at):
        self.left, self.sessions = at, sessions

    def __enter__(self):
        event.listen(self.sessions, "before_commit", self)

    def __exit__(self, kind, *_):
        event.remove(self.sessions, "before_commit", self)
        return kind is SystemExit

    def __call__(self, _session):
        self.left -= 1
        if self.left == 0:
            raise SystemExit


@pytest.mark.parametrize("commit", range(1, 5))
def test_death_at_any_commit_loses_nothing(sessions, clock, web, step, commit):
    """Killed at any commit of a round, the next rounds store everything, once."""
    configure(sessions, clock, "a", "b")
    for key in "ab":
        body = rss(f"{key}: Alibaba fined in antitrust probe", f"{key}: Rain", name=key)
        web.put(key, body)
    with Dies(sessions, commit):
        step.poll_due()
    clock.at += timedelta(minutes=5)  # the dead worker's lease has run out
    step.poll_due()
    clock.at += 2 * INTERVAL
    step.poll_due()

    assert len(titles(sessions)) == 4
    assert count(sessions, HitRow) == 2


def test_validators_never_outlive_their_articles(sessions, clock, web, step):
    """If the articles of an answer were not stored, its ETag was not either."""
    configure(sessions, clock, "news")
    web.put("news", rss("One"))
    with Dies(sessions, 2):  # the first commit is the claim
        step.poll_due()

    row = feed_row(sessions, "news")
    assert (row.etag, row.body_hash, count(sessions, ArticleRow)) == (None, None, 0)


def test_a_flawed_answer_keeps_no_validators(sessions, clock, web, step):
    """A body cut short is stored as far as it goes, and asked for again unconditionally."""
    configure(sessions, clock, "news")
    whole = rss("One", "Two")
    web.put("news", replace(whole, body=whole.body[:-60]), whole)
    step.poll_due()
    assert feed_row(sessions, "news").etag is None
    clock.at += 2 * INTERVAL
    step.poll_due()
    assert titles(sessions) == ["One", "Two"]
    assert feed_row(sessions, "news").etag == '"2"'


def test_death_while_fetching_hands_the_rest_back(sessions, clock, web, step):
    """A process that goes down in an orderly way leaves no feed claimed."""
    configure(sessions, clock, "a", "b")
    web.put("a", SystemExit())
    web.put("b", SystemExit())
    with pytest.raises(SystemExit):
        step.poll_due()

    assert {feed_row(sessions, key).claimed_by for key in "ab"} == {None}
    assert feed_row(sessions, "a").due_at == clock.now()


def test_a_sum_beyond_all_money(sessions, clock, web, step):
    """A sum no database column holds costs neither its hit nor the feed's other articles."""
    configure(sessions, clock, "news")
    web.put("news", rss("Alibaba fined $999999999999999 trillion in antitrust probe", "Rain"))
    assert step.poll_due().new_articles == 2
    with sessions.begin() as session:
        amounts = session.execute(select(HitRow.amount, HitRow.amount_text)).all()
    assert amounts == [(None, "$999999999999999 trillion")]


def test_one_round_ends(sessions, clock, step):
    """A round over what was due when it began does not begin again with what has come due since."""

    class SlowWeb(Web):
        def fetch_all(self, wanted):
            for outcome in super().fetch_all(wanted):
                clock.at += timedelta(minutes=1)
                yield outcome

    step.fetcher = slow = SlowWeb()
    configure(sessions, clock, "a", "b", interval=timedelta(seconds=10))
    for key in "ab":
        slow.put(key, rss(key, name=key))
    step.batch = 1

    assert step.poll_due(due_by=clock.now()).feeds == 2


def test_only_what_is_still_held_is_handed_back(sessions, clock, web, step):
    """What another worker has taken since, its lease being over, stays with that worker."""
    configure(sessions, clock, "a")

    def taken_over(wanted):
        for _feed in wanted:
            clock.at += 2 * step.lease
            with sessions.begin() as session:
                feeds.claim_due(
                    session, now=clock.now(), lease=step.lease, limit=9, worker="other:1"
                )
            raise SystemExit
        yield

    web.fetch_all = taken_over
    with pytest.raises(SystemExit):
        step.poll_due()

    assert feed_row(sessions, "a").claimed_by == "other:1"


def test_what_cannot_be_stored_is_told(sessions, clock, web, step):
    """A document the database refuses is a failure of that feed, told with its reason."""
    configure(sessions, clock, "odd", "good")
    web.put("odd", replace(rss("Fine"), etag="\ud800"))
    web.put("good", rss("Rain expected"))

    totals = step.poll_due()

    assert (totals.ok, totals.failed) == (1, 1)
    assert titles(sessions) == ["Rain expected"]
    row = feed_row(sessions, "odd")
    assert (row.failures, row.claimed_by) == (1, None)
    assert row.last_error.startswith("cannot be stored: ")
    assert clock.now() < row.due_at


def test_a_date_far_ahead_is_no_date(sessions, clock, web, step):
    """A date in the future does not keep an article on top for ever."""
    configure(sessions, clock, "news")
    answer = rss("One")
    far = b"<pubDate>Fri, 01 Jan 2100 00:00:00 GMT</pubDate></item>"
    web.put("news", replace(answer, body=answer.body.replace(b"</item>", far)))
    step.poll_due()
    with sessions.begin() as session:
        assert session.scalars(select(ArticleRow.published_at)).one() is None


def test_a_bound_feed_needs_no_name(sessions, clock, web, step):
    """Every article of a feed that is bound to a company is about that company."""
    configure(sessions, clock, "filings", company="baidu")
    web.put("filings", rss("Notice of secondary listing"))
    step.poll_due()
    with sessions.begin() as session:
        assert session.execute(select(HitRow.company, HitRow.topic)).all() == [("baidu", "listing")]


def test_the_same_news_in_two_feeds_is_one_story(sessions, clock, web, step):
    """Reports with nearly the same title become one story with two hits."""
    configure(sessions, clock, "a", "b")
    web.put("a", rss("Alibaba fined 18.2bn yuan in antitrust case", name="a"))
    web.put("b", rss("Alibaba fined 18.2bn yuan in antitrust case - wire", name="b"))
    step.poll_due()
    assert group_new(sessions) == 2
    assert group_new(sessions) == 0
    assert (count(sessions, HitRow), count(sessions, StoryRow)) == (2, 1)


def test_death_while_grouping(sessions, clock, web, step):
    """Killed before the commit, grouping is done again, once."""
    configure(sessions, clock, "a")
    web.put("a", rss("Alibaba fined in antitrust case"))
    step.poll_due()
    with Dies(sessions, 1):
        group_new(sessions)
    assert count(sessions, StoryRow) == 0
    group_new(sessions)
    assert count(sessions, StoryRow) == 1
