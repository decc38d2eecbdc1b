"""Polling: what a 200 contained is stored, whatever dies when; trouble is seen, and stays alone."""

from collections import deque
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import event, func, select

from monitor.config.watchlist import bundled_lexicon
from monitor.errors import FetchError
from monitor.feeds.manners import Pace
from monitor.feeds.parse.children import BoundedParser
from monitor.model import Answer, Feed, Page
from monitor.pipeline.group import group_new
from monitor.pipeline.matches import LateDetector
from monitor.pipeline.poll import PollStep
from monitor.store import claims, feeds, workers
from monitor.store import schema as t

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

    def fetch_all(self, wanted, **_):
        for feed in iter(iter(wanted).__next__, None):
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
def step(engine, clock, web, parser):
    return PollStep(
        engine=engine,
        clock=clock,
        fetcher=web,
        parser=parser,
        lexicon=LEXICON.fingerprint,
        detector=LateDetector(lambda: LEXICON),
        pace=Pace(usual=INTERVAL, longest=INTERVAL),
        lease=timedelta(minutes=3),
    )


def configure(engine, clock, *keys, **options):
    with engine.begin() as connection:
        configured = [Feed(key, f"https://{key}.example/feed", key, **options) for key in keys]
        feeds.sync(connection, configured, now=clock.now())


def titles(engine):
    with engine.begin() as connection:
        return sorted(connection.scalars(select(t.articles.c.title)))


def feed_row(engine, key):
    with engine.begin() as connection:
        return connection.execute(select(t.feeds).where(t.feeds.c.key == key)).one()


def count(engine, table):
    with engine.begin() as connection:
        return connection.scalar(select(func.count()).select_from(table))


def test_everything_is_stored_and_matched(engine, clock, web, step):
    """Articles that match and articles that do not are stored; those that do become hits."""
    configure(engine, clock, "news")
    web.put("news", rss("Alibaba fined in antitrust probe", "Rain expected", "腾讯音乐IPO定价"))

    totals = step.poll_due()

    assert (totals.feeds, totals.ok, totals.entries, totals.new_articles) == (1, 1, 3, 3)
    assert titles(engine) == [
        "Alibaba fined in antitrust probe",
        "Rain expected",
        "腾讯音乐IPO定价",
    ]
    with engine.begin() as connection:
        found = connection.execute(
            select(t.hits.c.company, t.hits.c.topic).order_by(t.hits.c.id)
        ).all()
        quotes = connection.scalars(select(t.hits.c.evidence)).all()
    assert [tuple(row) for row in found] == [("alibaba", "antitrust"), ("tencent", "ipo")]
    assert quotes[0][0]["text"] == "Alibaba"


@pytest.mark.parametrize(
    ("says", "configured", "titles", "languages"),
    [
        ("en-GB", None, ["Rain"], ["en-GB"]),
        ("zh-CN", None, ["天气", "iPhone"], ["zh-CN", "zh-CN"]),
        ("en-us", None, ["天气", "Rain"], [None, "en-us"]),
        ("en-us", "zh-Hans", ["天气"], ["zh-Hans"]),
    ],
)
def test_a_feed_says_its_language(engine, clock, web, step, says, configured, titles, languages):
    """An article is in the language its feed says, if nothing else tells and its title agrees."""
    configure(engine, clock, "news", language=configured)
    answer = rss(*titles)
    said = f"<channel><language>{says}</language>".encode()
    web.put("news", replace(answer, body=answer.body.replace(b"<channel>", said)))

    step.poll_due()

    with engine.begin() as connection:
        found = dict(connection.execute(select(t.articles.c.title, t.articles.c.language)).all())
    assert [found[title] for title in titles] == languages


def test_a_second_round_finds_nothing_new(engine, clock, web, step):
    """A feed that answers the same is asked with its validator, and nothing is doubled."""
    configure(engine, clock, "news")
    first = rss("One", "Two")
    web.put("news", first, replace(first, status=304, body=b""), first)
    step.poll_due()
    assert step.poll_due().feeds == 0, "not due yet"
    for _ in range(2):
        clock.at += 2 * INTERVAL
        totals = step.poll_due()
        assert (totals.unchanged, totals.new_articles) == (1, 0)

    assert [feed.etag for feed in web.asked] == [None, '"2"', '"2"']
    assert count(engine, t.articles) == 2
    assert count(engine, t.polls) == 3


def test_one_feeds_trouble_is_its_own(engine, clock, web, step):
    """A server's error and a page that is no feed are seen, and cost the others nothing."""
    configure(engine, clock, "down", "page", "news")
    web.put("down", FetchError("HTTP 503", status=503))
    web.put("page", Answer(200, "https://page.example/", b"<html><p>Bad gateway</p></html>"))
    web.put("news", rss("One"))

    totals = step.poll_due()

    assert (totals.ok, totals.failed, totals.new_articles) == (1, 2, 1)
    assert feed_row(engine, "down").last_error == "HTTP 503"
    assert feed_row(engine, "page").failures == 1
    assert feed_row(engine, "page").etag is None
    assert feed_row(engine, "news").state == "ok"


def test_a_feed_that_is_gone_is_left_alone(engine, clock, web, step):
    """410 ends the polling until the configuration gives another address."""
    configure(engine, clock, "news")
    web.put("news", FetchError("HTTP 410", status=410))
    step.poll_due()
    clock.at += timedelta(days=365)
    assert step.poll_due().feeds == 0
    assert feed_row(engine, "news").state == "dead"
    with engine.begin() as connection:
        feeds.sync(
            connection, [Feed("news", "https://moved.example/feed", "news")], now=clock.now()
        )
    assert step.poll_due().feeds == 1


def test_a_failing_feed_comes_back(engine, clock, web, step):
    """A feed that failed is tried again later, and is well again when it answers."""
    configure(engine, clock, "news")
    web.put("news", FetchError("HTTP 500", status=500), rss("One"))
    step.poll_due()
    assert feed_row(engine, "news").state in {"probation", "failing"}
    clock.at += timedelta(hours=7)
    step.poll_due()
    row = feed_row(engine, "news")
    assert (row.state, row.failures, row.last_error) == ("ok", 0, None)


class Dies:
    """Ends the process, as far as the step can tell, at the n-th commit."""

    def __init__(self, engine, at):
        self.left, self.engine = at, engine

    def __enter__(self):
        event.listen(self.engine, "commit", self)

    def __exit__(self, kind, *_):
        event.remove(self.engine, "commit", self)
        return kind is SystemExit

    def __call__(self, _connection):
        self.left -= 1
        if self.left == 0:
            raise SystemExit


@pytest.mark.parametrize("commit", range(1, 5))
def test_death_at_any_commit_loses_nothing(engine, clock, web, step, commit):
    """Killed at any commit of a round, the next rounds store everything, once."""
    configure(engine, clock, "a", "b")
    for key in "ab":
        body = rss(f"{key}: Alibaba fined in antitrust probe", f"{key}: Rain", name=key)
        web.put(key, body)
    with Dies(engine, commit):
        step.poll_due()
    clock.at += timedelta(minutes=5)  # the dead worker's lease has run out
    step.poll_due()
    clock.at += 2 * INTERVAL
    step.poll_due()

    assert len(titles(engine)) == 4
    assert count(engine, t.hits) == 2


def test_validators_never_outlive_their_articles(engine, clock, web, step):
    """If the articles of an answer were not stored, its ETag was not either."""
    configure(engine, clock, "news")
    web.put("news", rss("One"))
    with Dies(engine, 2):  # the first commit is the claim
        step.poll_due()

    row = feed_row(engine, "news")
    assert (row.etag, row.body_hash, count(engine, t.articles)) == (None, None, 0)


def test_a_flawed_answer_keeps_no_validators(engine, clock, web, step):
    """A body cut short is stored as far as it goes, and asked for again unconditionally."""
    configure(engine, clock, "news")
    whole = rss("One", "Two")
    web.put("news", replace(whole, body=whole.body[:-60]), whole)
    step.poll_due()
    assert feed_row(engine, "news").etag is None
    clock.at += 2 * INTERVAL
    step.poll_due()
    assert titles(engine) == ["One", "Two"]
    assert feed_row(engine, "news").etag == '"2"'


def test_death_while_fetching_hands_the_rest_back(engine, clock, web, step):
    """A process that goes down in an orderly way leaves no feed claimed."""
    configure(engine, clock, "a", "b")
    web.put("a", SystemExit())
    web.put("b", SystemExit())
    with pytest.raises(SystemExit):
        step.poll_due()

    assert {feed_row(engine, key).claimed_by for key in "ab"} == {None}
    assert feed_row(engine, "a").due_at == clock.now()


def test_a_sum_beyond_all_money(engine, clock, web, step):
    """A sum no database column holds costs neither its hit nor the feed's other articles."""
    configure(engine, clock, "news")
    web.put("news", rss("Alibaba fined $999999999999999 trillion in antitrust probe", "Rain"))
    assert step.poll_due().new_articles == 2
    with engine.begin() as connection:
        amounts = connection.execute(select(t.hits.c.amount, t.hits.c.amount_text)).all()
    assert amounts == [(None, "$999999999999999 trillion")]


def test_one_round_ends(engine, clock, step):
    """A round over what was due when it began does not begin again with what has come due since."""

    class SlowWeb(Web):
        def fetch_all(self, wanted, **_):
            for outcome in super().fetch_all(wanted):
                clock.at += timedelta(minutes=1)
                yield outcome

    step.fetcher = slow = SlowWeb()
    configure(engine, clock, "a", "b", interval=timedelta(seconds=10))
    for key in "ab":
        slow.put(key, rss(key, name=key))
    step.batch = 1

    assert step.poll_due(due_by=clock.now()).feeds == 2


def test_only_what_is_still_held_is_handed_back(engine, clock, web, step):
    """What another worker has taken since, its lease being over, stays with that worker."""
    configure(engine, clock, "a")

    def taken_over(wanted, **_):
        for _feed in wanted:
            clock.at += 2 * step.lease
            with engine.begin() as connection:
                claims.claim_due(
                    connection, now=clock.now(), lease=step.lease, limit=9, worker="other:1"
                )
            raise SystemExit
        yield

    web.fetch_all = taken_over
    with pytest.raises(SystemExit):
        step.poll_due()

    assert feed_row(engine, "a").claimed_by == "other:1"


def test_what_cannot_be_stored_is_told(engine, clock, web, step):
    """A document the database refuses is a failure of that feed, told with its reason."""
    configure(engine, clock, "odd", "good")
    web.put("odd", replace(rss("Fine"), etag="\ud800"))
    web.put("good", rss("Rain expected"))

    totals = step.poll_due()

    assert (totals.ok, totals.failed) == (1, 1)
    assert titles(engine) == ["Rain expected"]
    row = feed_row(engine, "odd")
    assert (row.failures, row.claimed_by) == (1, None)
    assert row.last_error.startswith("cannot be stored: ")
    assert clock.now() < row.due_at


def test_a_date_far_ahead_is_no_date(engine, clock, web, step):
    """A date in the future does not keep an article on top for ever."""
    configure(engine, clock, "news")
    answer = rss("One")
    far = b"<pubDate>Fri, 01 Jan 2100 00:00:00 GMT</pubDate></item>"
    web.put("news", replace(answer, body=answer.body.replace(b"</item>", far)))
    step.poll_due()
    with engine.begin() as connection:
        assert connection.scalars(select(t.articles.c.published_at)).one() is None


def test_a_bound_feed_needs_no_name(engine, clock, web, step):
    """Every article of a feed that is bound to a company is about that company."""
    configure(engine, clock, "filings", company="baidu")
    web.put("filings", rss("Notice of secondary listing"))
    step.poll_due()
    with engine.begin() as connection:
        assert connection.execute(select(t.hits.c.company, t.hits.c.topic)).all() == [
            ("baidu", "listing")
        ]


def test_the_same_news_in_two_feeds_is_one_story(engine, clock, web, step):
    """Reports with nearly the same title become one story with two hits."""
    configure(engine, clock, "a", "b")
    web.put("a", rss("Alibaba fined 18.2bn yuan in antitrust case", name="a"))
    web.put("b", rss("Alibaba fined 18.2bn yuan in antitrust case - wire", name="b"))
    step.poll_due()
    assert group_new(engine) == 2
    assert group_new(engine) == 0
    assert (count(engine, t.hits), count(engine, t.stories)) == (2, 1)


def test_death_while_grouping(engine, clock, web, step):
    """Killed before the commit, grouping is done again, once."""
    configure(engine, clock, "a")
    web.put("a", rss("Alibaba fined in antitrust case"))
    step.poll_due()
    with Dies(engine, 1):
        group_new(engine)
    assert count(engine, t.stories) == 0
    group_new(engine)
    assert count(engine, t.stories) == 1


# --- the ledger, gaps, states and moves --------------------------------------------------------


def ledger(engine, *columns):
    with engine.begin() as connection:
        chosen = [t.polls.c[name] for name in columns]
        return [tuple(row) for row in connection.execute(select(*chosen).order_by(t.polls.c.id))]


def poll(step, clock, web, key, answer, after=timedelta(hours=2)):
    """Let *key* answer that, *after* the last time, and poll it."""
    web.put(key, answer)
    clock.at += after
    return step.poll_due()


def test_a_page_is_polled_as_its_selectors_say(engine, clock, web, step):
    """A page without a feed is stored like one; other selectors read the same bytes anew.

    A page that changed its form is a failure with its reason, and what was stored stays.
    """
    body = "<li><a href=/1>Alibaba fined in antitrust probe</a></li><p><a href=/2>Tencent IPO</a>"
    page = Answer(200, "https://a.example/feed", body.encode(), "text/html", '"1"')
    web.put("a", page)
    outcomes = []

    for selector in ("li", "li", "p", "dl"):
        configure(engine, clock, "a", page=Page(selector))
        totals = poll(step, clock, web, "a", page)
        row = feed_row(engine, "a")
        outcomes.append((totals.new_articles, totals.unchanged, row.etag, row.state))

    assert outcomes == [
        (1, 0, '"1"', "ok"),
        (0, 1, '"1"', "ok"),
        (1, 0, '"1"', "ok"),
        (0, 0, None, "failing"),
    ]
    assert web.asked[-1].page == Page("dl")
    assert row.state_reason == 'the selector of `items`, "dl", finds nothing'
    assert titles(engine) == ["Alibaba fined in antitrust probe", "Tencent IPO"]


def test_the_ledger_balances(engine, clock, web, step):
    """Each poll is on record: what it showed and what became of it, when, how long, how large."""
    configure(engine, clock, "news")
    dated = "<item><title>Dated</title><pubDate>Mon, 23 Nov 2026 07:00:00 GMT</pubDate></item>"
    first = rss("One", "Two")
    odd = first.body.replace(b"</channel>", f"{dated}<item><guid/></item></channel>".encode())
    web.put("news", replace(first, body=odd, took=timedelta(seconds=1.5)))
    step.poll_due()
    poll(step, clock, web, "news", rss("Two", "Three"))

    counts = ledger(engine, "entries", "new", "known", "revised", "rejected", "overlap")
    assert counts == [(4, 3, 0, 0, 1, None), (2, 1, 1, 0, 0, 1)]
    assert ledger(engine, "took_ms", "bytes", "newest_at", "notes", "handed_over")[0] == (
        1500,
        len(odd),
        clock.now().replace(hour=7, minute=0),
        ["entry 4: no title, text, link or id"],
        "no title",
    )


def test_notes_are_bounded(engine, clock, web, step):
    """A feed full of rubbish fills no ledger; how much there was stays known."""
    configure(engine, clock, "news")
    first = rss("One")
    web.put("news", replace(first, body=first.body.replace(b"</channel>", b"<item/>" * 99)))
    step.poll_due()
    [(notes, rejected)] = ledger(engine, "notes", "rejected")
    assert (len(notes), rejected) == (21, 99)
    assert notes[-1].startswith("and 8")


def test_each_overflow_is_told_once(engine, clock, web, step):
    """A window that shares nothing with the one before is one gap; after it all is as before."""
    configure(engine, clock, "news")
    web.put("news", rss(*"abcdef"))
    step.poll_due()
    for shown, gap in (("efghij", 0), ("uvwxyz", 1), ("uvwxyz", 0), ("yzabcd", 0), ("mnopqr", 1)):
        poll(step, clock, web, "news", rss(*shown))
        row = feed_row(engine, "news")
        assert (row.gap_at == clock.now()) == bool(gap), shown

    assert [gap for (gap,) in ledger(engine, "gap")] == [False, False, True, False, False, True]
    assert feed_row(engine, "news").gaps == 2


def test_a_feed_is_polled_faster_after_a_gap(engine, clock, web, step):
    """Each gap halves the interval, to a quarter; once windows overlap again it comes back."""
    configure(engine, clock, "news")
    web.put("news", rss(*"ab"))
    step.poll_due()
    waits = []
    for shown in ("cd", "ef", "gh", "gh", "hi", "ij"):
        poll(step, clock, web, "news", rss(*shown))
        wait = (feed_row(engine, "news").due_at - clock.now()) / INTERVAL
        waits.append(next(part for part in (0.25, 0.5, 1) if part <= wait <= 1.1 * part))

    assert waits == [0.5, 0.25, 0.25, 0.25, 0.5, 1]


@pytest.mark.parametrize("between", ["cut", "empty", "notice", "failed"])
def test_no_false_alarm(engine, clock, web, step, between):
    """What stands in for a window, or is a part of one, is no gap, and hides none afterwards."""
    configure(engine, clock, "news")
    web.put("news", rss(*"abcdef"))
    step.poll_due()
    whole = rss(*"xyzabc")
    stands_in = {
        "cut": replace(whole, body=whole.body[: whole.body.index(b"news-a")]),
        "empty": rss(),
        "notice": rss("This feed is not available."),
        "failed": FetchError("HTTP 503", status=503),
    }
    poll(step, clock, web, "news", stands_in[between])
    assert feed_row(engine, "news").gaps == 0
    poll(step, clock, web, "news", whole)
    assert feed_row(engine, "news").gaps == 0
    poll(step, clock, web, "news", stands_in[between])
    poll(step, clock, web, "news", rss(*"mnopqr"))
    assert feed_row(engine, "news").gaps == 1


def test_a_site_that_moved_has_no_gap(engine, clock, web, step):
    """All ids and addresses new under the old titles is a move; a new address starts afresh."""
    configure(engine, clock, "news")
    web.put("news", rss(*"abcdef"))
    step.poll_due()
    poll(step, clock, web, "news", rss(*"fedcbz", name="moved"))
    assert feed_row(engine, "news").gaps == 0
    with engine.begin() as connection:
        feeds.sync(connection, [Feed("news", "https://new.example/feed", "news")], now=clock.now())
    poll(step, clock, web, "news", rss(*"uvwxyz", name="new"))
    assert feed_row(engine, "news").gaps == 0


def test_death_after_a_gap(engine, clock, web, step):
    """A gap is recorded with the articles or not at all: a crash neither loses nor doubles it."""
    configure(engine, clock, "news")
    web.put("news", rss(*"abcdef"))
    step.poll_due()
    with Dies(engine, 2):
        poll(step, clock, web, "news", rss(*"uvwxyz"))
    assert feed_row(engine, "news").gaps == 0
    for _ in range(2):
        poll(step, clock, web, "news", rss(*"uvwxyz"))
    assert feed_row(engine, "news").gaps == 1


def test_states_have_a_reason_and_a_beginning(engine, clock, web, step):
    """A feed's state says why and since when, and comes back by itself."""
    configure(engine, clock, "news")
    began = clock.now()
    web.put("news", rss("One"))
    step.poll_due()
    seen = []
    for answer, after in (
        (rss("One", "Two"), 2 * INTERVAL),
        (FetchError("HTTP 500", status=500), 2 * INTERVAL),
        (FetchError("HTTP 502", status=502), timedelta(days=1)),
        (rss("This feed is not available."), timedelta(days=1)),
        (rss("This feed is not available."), timedelta(days=1)),
        (rss("One", "Two"), timedelta(days=7)),
        (rss("Three", "Two"), timedelta(days=1)),
    ):
        poll(step, clock, web, "news", answer, after)
        row = feed_row(engine, "news")
        seen.append((row.state, row.state_reason, (row.state_since - began).days))

    since = f"nothing new since {began:%Y-%m-%d}"
    assert seen == [
        ("ok", None, 0),
        ("failing", "HTTP 500", 0),
        ("failing", "HTTP 502", 0),
        ("placeholder", 'all it shows is "This feed is not available."', 2),
        ("placeholder", 'all it shows is "This feed is not available."', 2),
        ("stale", since, 10),
        ("ok", None, 11),
    ]


def test_a_permanent_redirect_is_taken_over_after_a_week(engine, clock, web, step):
    """Until then the old address is asked; after it the new one, until that fails."""
    configure(engine, clock, "news", interval=INTERVAL)
    new = "https://new.example/feed"
    moved = replace(rss("One"), moved_to=new)
    web.put("news", moved)
    step.poll_due()
    began = clock.now()
    for answer, after in (
        (moved, timedelta(days=6)),
        (moved, timedelta(days=1)),
        (rss("Two"), INTERVAL * 2),
        (FetchError("HTTP 410", status=410), INTERVAL * 2),
        (moved, timedelta(days=1)),
        (rss("Two"), INTERVAL * 2),
    ):
        poll(step, clock, web, "news", answer, after)

    old = "https://news.example/feed"
    assert [feed.address for feed in web.asked] == [old, old, new, new, new, old, new]
    row = feed_row(engine, "news")
    assert (row.url, row.moved_to, row.moved_since, row.state) == (old, new, began, "ok")


def test_a_redirect_that_ends_is_forgotten(engine, clock, web, step):
    """A permanent redirect that is taken back, or leads elsewhere, begins anew."""
    configure(engine, clock, "news")
    web.put("news", replace(rss("One"), moved_to="https://a.example/"))
    step.poll_due()
    poll(step, clock, web, "news", replace(rss("Two"), moved_to="https://b.example/"))
    assert feed_row(engine, "news").moved_since == clock.now()
    poll(step, clock, web, "news", rss("Three"))
    assert feed_row(engine, "news").moved_to is None


def test_wishes_outlast_a_304(engine, clock, web, step):
    """What a feed asks for still holds when it says that nothing has changed."""
    step.pace = Pace(usual=INTERVAL, longest=timedelta(hours=2))
    configure(engine, clock, "news")
    first = rss("One")
    first = replace(first, body=first.body.replace(b"<title>news", b"<ttl>60</ttl><title>news"))
    web.put("news", first, replace(first, status=304, body=b""))
    for _ in range(2):
        step.poll_due()
        wait = feed_row(engine, "news").due_at - clock.now()
        assert timedelta(hours=1) <= wait <= timedelta(hours=1.1)
        clock.at += 2 * wait


def test_a_shorter_interval_holds_from_the_start(engine, clock, web, step):
    """After a change of the configuration nobody waits for the end of the old interval."""
    news = Feed("news", "https://news.example/feed", "news")
    own, usual = timedelta(minutes=1), timedelta(minutes=5)

    def start(interval=None, default=INTERVAL):
        with engine.begin() as connection:
            feed = replace(news, interval=interval)
            feeds.sync(connection, [feed], now=clock.now(), interval=default)
        return feed_row(engine, "news").due_at - clock.now()

    start()
    web.put("news", rss("One"))
    step.poll_due()
    assert start() >= INTERVAL
    assert start(default=usual) == usual
    assert start(own, default=usual) == own
    assert start(default=INTERVAL) == own


def test_all_feeds_of_a_host_have_their_turn(engine, clock, web, step):
    """With two of one host asked at once, one round still polls all of them."""
    step.per_host = 2
    keys = [f"feed{n}" for n in range(7)]
    with engine.begin() as connection:
        configured = [Feed(key, f"https://one.example/{key}", key) for key in keys]
        feeds.sync(connection, configured, now=clock.now(), host_of=lambda _: "one.example")
    for key in keys:
        web.put(key, rss(key, name=key))

    assert step.poll_due().ok == 7


def test_what_was_read_is_stored_while_others_are_slow(engine, clock, step):
    """A slow server keeps nobody's articles waiting, nor the feeds that come due meanwhile."""
    stored_meanwhile = []
    slow, fast, late = (f"{name}.example" for name in ("slow", "fast", "late"))
    configure(engine, clock, "slow", "fast")

    def fetch_all(wanted, **_):
        asked = iter(wanted)
        first = [next(asked), next(asked)]
        assert next(asked) is None
        yield next(feed for feed in first if fast in feed.url), rss("Fast", name="fast")
        while not titles(engine):
            yield None
        stored_meanwhile.extend(titles(engine))
        with engine.begin() as connection:
            late_feed = Feed("late", f"https://{late}/feed", "late")
            feeds.sync(
                connection,
                [Feed(key, f"https://{key}.example/feed", key) for key in ("slow", "fast")]
                + [late_feed],
                now=clock.now(),
            )
        yield next(feed for feed in asked if feed), rss("Late", name="late")
        yield next(feed for feed in first if slow in feed.url), rss("Slow", name="slow")

    step.fetcher.fetch_all = fetch_all

    assert step.poll_due().ok == 3
    assert stored_meanwhile == ["Fast"]
    assert titles(engine) == ["Fast", "Late", "Slow"]


def test_what_was_taken_for_dead_is_dropped(engine, clock, web, step):
    """Where others share the work, what comes of a claim that was given back is not recorded."""
    configure(engine, clock, "news")
    step.shared, step.worker = True, "job 1.0"
    answer = rss("Alibaba fined in antitrust probe")

    def away():
        """The claim is given back, as from a frozen process, and the feed claimed anew."""
        with engine.begin() as connection:
            workers.give_back(connection, "job 1.0", now=clock.now())
            claims.claim_due(
                connection, now=clock.now(), lease=step.lease, limit=1, worker="job 1.1"
            )
        return answer

    def fetch_all(wanted, **_):
        for feed in iter(iter(wanted).__next__, None):
            yield feed, away()

    web.fetch_all = fetch_all

    totals = step.poll_due()

    assert (totals.new_articles, titles(engine), count(engine, t.polls)) == (0, [], 0)
    assert feed_row(engine, "news").claimed_by == "job 1.1"
