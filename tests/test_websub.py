"""WebSub: hubs are asked to call, believed only if it is them, and never more than "ask now"."""

import hashlib
import hmac
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from feedserver import FeedServer, answer
from sqlalchemy import select, update
from test_poll import Dies
from websites import website

from monitor.feeds import hublinks, websub
from monitor.feeds.parse.document import parse
from monitor.model import Feed
from monitor.store import feeds
from monitor.store import schema as t

ITEM = "<item><guid>1</guid><title>Rain</title><link>https://n.example/1</link></item>"
WEB = (
    "url: http://127.0.0.1\nwebsub: {callback: https://monitor.example.com}\n"
    "network: {allow_private: [127.0.0.0/8]}\npolling: {max_interval: 6h}"
)


NEWS = select(t.feeds).where(t.feeds.c.key == "news")


class Hub:
    """A little hub: takes what subscribers ask for, and speaks to their address when told to."""

    def __init__(self, server, site):
        self.server, self.site = server, site
        self.topic = server.url("/feed")
        self.asked = []
        self.answer = answer(b"", 202)
        server.put("/hub", self._take)

    def _take(self, request):
        self.asked.append(parse_qs(request.body.decode()))
        return self.answer

    @property
    def last(self):
        return {name.removeprefix("hub."): values[0] for name, values in self.asked[-1].items()}

    @property
    def path(self):
        return urlsplit(self.last["callback"]).path

    def ask_back(self, path=None, **parts):
        wanted = {"mode": self.last["mode"], "topic": self.topic, "challenge": "c-1<b>"}
        query = "&".join(
            f"hub.{name}={value}" for name, value in (wanted | parts).items() if value is not None
        )
        return self.site.ask(f"{path or self.path}?{query}")

    def push(self, body=b"<rss/>", *, secret=None, method="sha256", signature=None):
        key = (secret or self.last["secret"]).encode()
        signed = f"{method}={hmac.new(key, body, method).hexdigest()}"
        return self.site.post(self.path, body, X_Hub_Signature=signature or signed)


@pytest.fixture
def line(tmp_path, empty_database, clock):
    """A service with its site, a feed that names a hub, and the hub."""
    with FeedServer() as server, website(tmp_path, empty_database, clock, WEB) as site:
        links = f'<{server.url("/hub")}>; rel="hub", <{server.url("/feed")}>; rel="self"'
        feed = f'<rss version="2.0"><channel><title>n</title>{ITEM}</channel></rss>'.encode()
        server.put("/feed", answer(feed, content_type="application/rss+xml", link=links))
        line = Line(site, Hub(server, site), server, clock)
        line.configure(enabled=True)
        yield line


class Line:
    def __init__(self, site, hub, server, clock):
        self.app, self.hub, self.server, self.clock = site.app, hub, server, clock

    def configure(self, *, enabled, path="/feed"):
        with self.app.store.begin() as connection:
            feed = Feed("news", self.server.url(path), "News", enabled=enabled)
            feeds.sync(connection, [feed], now=self.clock.now(), interval=timedelta(minutes=15))

    def step(self, after=timedelta(minutes=1)):
        self.clock.at += after
        self.app.push_step.work()

    def subscribe(self):
        self.app.poll_step.poll_due()
        self.step()
        assert self.hub.ask_back().status == 200

    @property
    def feed(self):
        with self.app.store.begin() as connection:
            return connection.execute(NEWS).one()

    @property
    def push(self):
        with self.app.store.begin() as connection:
            return connection.execute(select(t.pushes)).one_or_none()


def test_a_hub_is_asked_and_asks_back(line):
    """The hub gets topic, secret and an address nobody can guess; its challenge comes back."""
    line.app.poll_step.poll_due()
    line.step()

    asked = line.hub.last
    assert asked["mode"] == "subscribe"
    assert asked["topic"] == line.hub.topic
    assert asked["callback"].startswith("https://monitor.example.com/websub/")
    assert len(line.hub.path) >= 40
    assert len(asked["secret"]) > 40
    assert line.push.state == "asked"

    told = line.hub.ask_back(lease_seconds="86400")

    assert (told.status, told.text) == (200, "c-1<b>")
    assert told.headers["Content-Type"].startswith("text/plain")
    assert line.push.state == "held"
    assert line.feed.push_until == line.clock.now() + timedelta(days=1)


@pytest.mark.parametrize(
    "parts",
    [
        {"topic": "https://other.example/"},
        {"mode": "unsubscribe"},
        {"mode": "publish"},
        {"challenge": None},
        {"topic": None},
        {"path": "/websub/guessed"},
    ],
)
def test_nothing_else_is_confirmed(line, parts):
    """What was not asked for is not confirmed, whoever says so."""
    line.app.poll_step.poll_due()
    line.step()
    assert line.hub.ask_back(**parts).status == 404
    assert line.push.state == "asked"
    assert line.feed.push_until is None


def test_a_push_makes_the_feed_due_at_once(line):
    """A signed push makes the feed due at once; no word of it is believed."""
    line.subscribe()
    assert line.feed.due_at > line.clock.now()

    assert line.hub.push(b"<rss><item>Alibaba fined</item></rss>" * 9000).status == 202
    line.step()

    assert line.feed.due_at == line.clock.now()
    assert line.app.poll_step.poll_due().new_articles == 0


@pytest.mark.parametrize(
    "options",
    [
        {"secret": "guessed"},
        {"signature": "none"},
        {"signature": "md5=" + hashlib.md5(b"<rss/>", usedforsecurity=False).hexdigest()},
        {"signature": "sha256="},
        {"signature": "sha256=é".encode().decode("latin-1")},
    ],
)
def test_an_unsigned_push_is_ignored(line, options):
    """A push without the right signature is answered like any, and changes nothing."""
    line.subscribe()
    due = line.feed.due_at
    assert line.hub.push(**options).status == 202
    line.step()
    assert (line.feed.due_at, line.push.pushed_at) == (due, None)


@pytest.mark.parametrize("method", ["sha1", "sha256", "sha384", "sha512"])
def test_every_way_to_sign(line, method):
    """All ways that the specification names are known."""
    line.subscribe()
    line.hub.push(method=method)
    assert line.push.pending


def test_a_push_during_a_poll_is_not_lost(line):
    """A feed that changes while it is being polled is polled once more."""
    line.subscribe()
    with line.app.store.begin() as connection:
        connection.execute(update(t.feeds).values(claimed_by="other:1"))
    line.hub.push()
    line.step()
    assert line.push.pending
    with line.app.store.begin() as connection:
        connection.execute(update(t.feeds).values(claimed_by=None))
    line.step()
    assert line.feed.due_at == line.clock.now()


def test_pushes_do_not_hurry_a_feed_beyond_reason(line):
    """However often a hub calls, a feed has a minute between polls, and its back-off."""
    line.subscribe()
    line.clock.at += timedelta(hours=7)
    line.app.poll_step.poll_due()
    line.hub.push()
    line.step(after=timedelta(seconds=1))
    assert line.feed.due_at == line.feed.last_ok_at + timedelta(minutes=1)
    with line.app.store.begin() as connection:
        failing = {"failures": 3, "due_at": line.clock.now() + timedelta(hours=2)}
        connection.execute(update(t.feeds).values(failing))
    line.hub.push()
    line.step()
    assert line.feed.due_at > line.clock.now() + timedelta(hours=1)


def test_polling_goes_on_more_slowly(line):
    """While a hub has promised to call, polls are the safety net: at `max_interval`, not never."""
    line.app.poll_step.poll_due()
    usual = line.feed.due_at - line.clock.now()
    line.step()
    line.hub.ask_back(lease_seconds="86400")
    line.clock.at += timedelta(hours=1)
    line.app.poll_step.poll_due()
    pushed = line.feed.due_at - line.clock.now()
    line.clock.at += timedelta(days=2)
    line.app.poll_step.poll_due()
    ended = line.feed.due_at - line.clock.now()
    assert usual < timedelta(minutes=20)
    assert timedelta(hours=6) <= pushed < timedelta(hours=7)
    assert ended < timedelta(minutes=20)


def test_a_promise_is_renewed_in_time(line):
    """Before its lease ends the hub is asked again, under the same address."""
    line.subscribe()
    before = line.hub.path
    line.step(after=websub.LEASE - timedelta(days=2))
    assert len(line.hub.asked) == 2
    assert line.hub.path == before
    line.hub.ask_back()
    assert line.feed.push_until == line.clock.now() + websub.LEASE


def test_a_feed_that_goes_is_unsubscribed(line):
    """A feed that is switched off has its hub told to stop, and only then is the push forgotten."""
    line.subscribe()
    line.configure(enabled=False)
    line.step()
    assert line.hub.last["mode"] == "unsubscribe"
    assert line.hub.push(secret="x").status == 202
    assert line.hub.ask_back(mode="subscribe").status == 404
    assert line.hub.ask_back().text == "c-1<b>"
    assert line.push is None


def test_a_hub_that_fails_is_told_and_asked_again(line):
    """A hub that fails costs nothing but pushes: the reason is in the listing, waits grow."""
    line.hub.answer = answer(b"no", 500)
    line.app.poll_step.poll_due()
    line.step()
    waits = []
    for _ in range(3):
        assert line.push.error == "HTTP 500"
        waits.append(line.push.due_at - line.clock.now())
        line.step(after=waits[-1])
    assert waits == [timedelta(hours=1), timedelta(hours=2), timedelta(hours=4)]
    assert line.feed.state == "ok"


def test_a_hub_that_refuses(line):
    """A refusal is kept with its reason, and the hub is left alone for a day."""
    line.subscribe()
    assert line.hub.ask_back(mode="denied", reason="not%20you%0d%0a").status == 200
    assert (line.push.state, line.push.error) == ("refused", "the hub refused: not you")
    assert line.feed.push_until is None
    line.step(after=timedelta(hours=23))
    assert len(line.hub.asked) == 1


def test_a_feed_with_another_hub(line):
    """Where a feed names another topic, that is asked for, under another address."""
    line.subscribe()
    before = line.hub.path
    with line.app.store.begin() as connection:
        wishes = connection.execute(NEWS).one().wishes | {"topic": "https://n.example/new"}
        connection.execute(update(t.feeds).values(wishes=wishes))
    line.step()
    assert line.hub.last["topic"] == "https://n.example/new"
    assert line.hub.path != before
    assert line.hub.site.ask(f"{before}?hub.mode=subscribe").status == 404


def test_no_hub_in_a_private_network(tmp_path, empty_database, clock):
    """A feed cannot have us post to an address that polling would not go to."""
    web = WEB.replace("127.0.0.0/8", "10.0.0.0/8")
    with FeedServer() as server, website(tmp_path, empty_database, clock, web) as site:
        with site.app.store.begin() as connection:
            wishes = {"hub": server.url("/hub"), "topic": "https://n.example/"}
            connection.execute(update(t.feeds).values(wishes=wishes))
        site.app.push_step.work()
        with site.app.store.begin() as connection:
            push = connection.execute(select(t.pushes)).one()
        assert "private" in push.error
        assert server.requests == []


@pytest.mark.parametrize("commit", [1, 2, 3])
def test_a_crash_asks_again(line, commit):
    """Killed at any commit, the hub is asked again, and there is one push for the feed."""
    line.app.poll_step.poll_due()
    with Dies(line.app.store, commit):
        line.step()
    line.step(after=timedelta(minutes=3))
    assert len(line.hub.asked) >= 1
    assert line.hub.ask_back().status == 200
    assert line.push.state == "held"


@pytest.mark.parametrize(
    ("document", "hub", "topic"),
    [
        (
            '<link rel="hub" href="https://h.example/?a=1&amp;b=2"/>',
            "https://h.example/?a=1&b=2",
            None,
        ),
        (
            "<atom:link rel='self hub' xmlns:atom='a' href='https://h.example/'/>",
            "https://h.example/",
            "https://h.example/",
        ),
        ('<link rel="hub" href="javascript:x"/>', None, None),
        ('<link rel="hub" href="file:///etc/passwd"/>', None, None),
        (
            ITEM.replace("</item>", "<link rel='hub' href='https://e.example/'/></item>"),
            None,
            None,
        ),
    ],
)
def test_what_a_feed_names(document, hub, topic):
    """Hub and topic are read from the feed, not from its entries, and only web addresses."""
    body = f'<rss version="2.0"><channel><title>n</title>{document}{ITEM}</channel></rss>'
    wishes = parse(body.encode(), "text/xml", "https://n.example/").wishes
    assert (wishes.hub, wishes.topic) == (hub, topic)


def test_json_feeds_name_hubs_too():
    """A JSON Feed lists its hubs with their kind."""
    body = (
        '{"version": "https://jsonfeed.org/version/1.1", "title": "n", "items": [],'
        '"feed_url": "https://n.example/f", "hubs": [7, {"type": "rssCloud", "url": "https://r.example/"},'
        '{"type": "WebSub", "url": "https://h.example/"}]}'
    )
    wishes = parse(body.encode(), "application/feed+json", "https://n.example/").wishes
    assert (wishes.hub, wishes.topic) == ("https://h.example/", "https://n.example/f")


def test_leases():
    """A lease is what the hub says, within reason."""
    assert websub.read_lease("3600") == timedelta(hours=1)
    assert websub.read_lease("1") == websub.SHORTEST_LEASE
    assert websub.read_lease("9" * 12) == websub.LONGEST_LEASE
    assert websub.read_lease("x") == websub.read_lease(None) == websub.LEASE


@pytest.mark.parametrize(
    ("links", "hub"),
    [
        ('<https://h.example/>; rel="hub"', "https://h.example/"),
        ("<https://h.example/>;rel=hub, <https://a.example/>; rel=self", "https://h.example/"),
        ('</a>; rel="self", </hub>; title="x"; rel="Alternate HUB"', "https://a.example/hub"),
        ("<https://h.example/>; rel=hubs", None),
        ("<file:///etc/passwd>; rel=hub", None),
        ("<http://[>; rel=hub", None),
        ("<https://h.example/", None),
        ("", None),
    ],
)
def test_links_of_headers(links, hub):
    """A hub is found in Link headers however they are written, and only if it is on the web."""
    assert hublinks.header_link(links, "hub", base="https://a.example/feed") == hub
