"""Fetching, against a real server that lies, drips, bombs and dies."""

import gzip
import socketserver
import ssl
import subprocess
import sys
import threading
import tracemalloc
import zlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from itertools import count

import brotli
import pytest
import trustme
from feedserver import FeedServer, answer, conditional

from monitor.errors import AddressRefused, AnswerTooLarge, FetchError, FetchTimeout
from monitor.feeds.fetch import HttpFetcher
from monitor.feeds.guard import Guard
from monitor.feeds.request import authorities
from monitor.model import FeedToPoll

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

LOOPBACK = ("127.0.0.0/8", "::1")
BODY = b"<rss version='2.0'><channel/></rss>"
HEAD = b"HTTP/1.1 200 OK\r\n"
SOON = timedelta(seconds=0.6)


@pytest.fixture
def server():
    with FeedServer() as running:
        yield running


def fetcher(
    *,
    allow=LOOPBACK,
    timeout=timedelta(seconds=20),
    max_bytes=1_000_000,
    connections=8,
    held_bytes=64_000_000,
):
    return HttpFetcher(
        guard=Guard(allow),
        user_agent="regulatory-monitor-test",
        timeout=timeout,
        max_bytes=max_bytes,
        connections=connections,
        held_bytes=held_bytes,
    )


def feed(url, number=1, etag=None, last_modified=None):
    return FeedToPoll(
        id=number,
        key=f"feed-{number}",
        url=url,
        name=f"Feed {number}",
        language=None,
        company=None,
        interval=None,
        etag=etag,
        last_modified=last_modified,
        body_hash=None,
        failures=0,
    )


def failure(url, **settings):
    """Return the error that asking for *url* ends with."""
    with pytest.raises(FetchError) as caught:
        fetcher(**settings).fetch(feed(url))
    assert "\n" not in str(caught.value)
    return caught.value


# --- answers -----------------------------------------------------------------------------------


def test_answer(server):
    """A plain answer comes back whole, with its validators and type."""
    server.put("/", answer(BODY, content_type="text/xml; charset=gbk", etag='"1"'))

    got = fetcher().fetch(feed(server.url()))

    assert (got.status, got.body, got.url) == (200, BODY, server.url())
    assert (got.content_type, got.etag) == ("text/xml; charset=gbk", '"1"')
    asked = server.requests[0].headers
    assert asked["user-agent"] == "regulatory-monitor-test"
    assert "application/rss+xml" in asked["accept"]
    assert "if-none-match" not in asked


@pytest.mark.parametrize("known", ["etag", "last_modified"])
def test_unchanged(server, known):
    """What was not changed is not sent again: either validator earns a 304, without a body."""
    values = {"etag": 'W/"x, y"', "last_modified": "Mon, 23 Nov 2026 08:00:00 GMT"}
    server.put("/", conditional(BODY, **values))

    got = fetcher().fetch(feed(server.url(), **{known: values[known]}))

    assert (got.status, got.body) == (304, b"")


def test_odd_validators(server):
    """A validator that no database could keep or no request carry is none; the body counts."""
    server.put("/", answer(BODY, etag='"\xff\x80"', last_modified="x\x01y"))

    got = fetcher().fetch(feed(server.url()))

    assert (got.body, got.etag, got.last_modified) == (BODY, None, None)


def test_unchanged_unasked(server):
    """A 304 to somebody who has nothing is a failure, not an answer."""
    server.put("/", answer(status=304))

    assert failure(server.url()).status == 304


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirect(server, status):
    """Redirects are followed, and the answer says where it came from."""
    server.put("/old", answer(status=status, location="/new"))
    server.put("/new", answer(BODY))

    got = fetcher().fetch(feed(server.url("/old")))

    assert (got.url, got.body) == (server.url("/new"), BODY)


@pytest.mark.parametrize(("redirects", "followed"), [(10, True), (11, False)])
def test_redirect_limit(server, redirects, followed):
    """Ten redirects are followed, the eleventh is not."""
    for number in range(redirects):
        server.put(f"/{number}", answer(status=302, location=f"/{number + 1}"))
    server.put(f"/{redirects}", answer(BODY))

    if followed:
        assert fetcher().fetch(feed(server.url("/0"))).body == BODY
    else:
        assert str(failure(server.url("/0"))) == "more than 10 redirects"


# --- refusals ----------------------------------------------------------------------------------


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "127.1"])
def test_private_refused(server, host):
    """By default nothing private is reached: by number, by name or in disguise."""
    error = failure(server.url("/", host), allow=())

    assert isinstance(error, AddressRefused)
    assert not server.requests


def test_private_allowed_by_name(server):
    """A name that leads to a listed network is reached."""
    server.put("/", answer(BODY))

    assert fetcher().fetch(feed(server.url("/", "localhost"))).body == BODY


@pytest.mark.parametrize(
    "target", ["http://10.0.0.1/", "http://[fe80::1]/", "http://169.254.169.254/meta"]
)
def test_redirect_to_private_refused(server, target):
    """A redirect leads nowhere that the feed's own address could not lead."""
    server.put("/", answer(status=302, location=target))

    error = failure(server.url())

    assert isinstance(error, AddressRefused)
    assert "private or reserved network" in str(error)


@pytest.mark.parametrize("target", ["file:///etc/passwd", "ftp://example.org/", "http://[oops/"])
def test_redirect_to_other_scheme_refused(server, target):
    """A redirect to anything but http and https is not followed."""
    server.put("/", answer(status=302, location=target))

    assert isinstance(failure(server.url()), AddressRefused)


def test_password_stays_at_home(server):
    """The password in a feed's address goes to its own origin, to no other, into no message."""
    with FeedServer() as other:
        server.put("/", answer(status=302, location=other.url("/steal")))
        other.put("/steal", answer(status=403))
        url = server.url().replace("http://", "http://reader:secret@")

        error = failure(url)

        assert server.requests[0].headers["authorization"].startswith("Basic ")
        assert "authorization" not in other.requests[0].headers
        assert "secret" not in str(error)


def test_password_is_not_in_the_answer(server):
    """The address an answer names is free of the password."""
    server.put("/", answer(BODY))
    url = server.url().replace("http://", "http://reader:secret@")

    assert fetcher().fetch(feed(url)).url == server.url()


def test_no_cookies(server):
    """A cookie is never sent back: feeds know nothing of each other."""
    server.put("/", answer(BODY, set_cookie="id=1; Path=/"))

    list(fetcher(connections=1).fetch_all([feed(server.url(), n) for n in range(3)]))

    assert all("cookie" not in request.headers for request in server.requests)


def test_no_proxy_from_the_environment(server, monkeypatch):
    """A proxy in the environment is not used: it would be reached unjudged."""
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    server.put("/", answer(BODY))

    assert fetcher().fetch(feed(server.url())).body == BODY


# --- failures ----------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [204, 206, 400, 401, 403, 404, 410, 418, 500, 503])
def test_status(server, status):
    """Any status but 200 and 304 is a failure that names it."""
    server.put("/", answer(b"" if status == 204 else BODY, status))

    error = failure(server.url())

    assert (str(error), error.status, error.retry_after) == (f"HTTP {status}", status, None)


@pytest.mark.parametrize(
    ("header", "wait"),
    [
        ("120", timedelta(minutes=2)),
        ("Mon, 23 Nov 2026 08:05:00 GMT", timedelta(minutes=5)),
        ("soon", None),
    ],
)
def test_retry_after(server, header, wait):
    """The wait a server asks for comes back, read by the server's own clock."""
    date = "Mon, 23 Nov 2026 08:00:00 GMT"
    server.put("/", answer(status=429, retry_after=header, date=date))

    assert failure(server.url()).retry_after == wait


DRIPS = {
    "never answers": [30.0],
    "drips its headers": [HEAD, *(step for n in range(500) for step in (b"x-%d: y\r\n" % n, 0.1))],
    "drips its body": [HEAD + b"\r\n", *[b"<", 0.1] * 500],
    "says only 1xx": [*[b"HTTP/1.1 103 Early Hints\r\n\r\n", 0.05] * 1000],
    "stops in the middle": [HEAD + b"content-length: 99\r\n\r\n<rss", 30.0],
}


@pytest.mark.parametrize("steps", DRIPS.values(), ids=DRIPS.keys())
def test_deadline(server, steps):
    """Whatever a server does to keep us, the deadline ends it."""
    server.put("/", steps)

    error = failure(server.url(), timeout=SOON)

    assert isinstance(error, FetchTimeout)
    assert str(error) == "no complete answer within 0.6 s"


def test_deadline_stands_round_redirects(server):
    """Each redirect is no new start of the deadline."""
    for number in range(9):
        server.put(f"/{number}", [0.3, *answer(status=302, location=f"/{number + 1}")])

    assert isinstance(failure(server.url("/0"), timeout=SOON), FetchTimeout)
    assert len(server.requests) <= 3


BOMB = gzip.compress(bytes(20_000_000))


@pytest.mark.parametrize(
    "steps",
    [
        answer(b"x" * 1001),
        [HEAD + b"\r\n" + b"x" * 5000],
        answer(BOMB, content_encoding="gzip"),
    ],
    ids=["announced", "unannounced", "gzip bomb"],
)
def test_too_large(server, steps):
    """The cap counts decoded bytes, and stops the reading."""
    server.put("/", steps)

    error = failure(server.url(), max_bytes=1000)

    assert isinstance(error, AnswerTooLarge)
    assert str(error) == "more than 1,000 bytes"


BROKEN = {
    "closes at once": ([], "closed without an answer"),
    "cuts the body": ([HEAD + b"content-length: 99\r\n\r\n<rss"], "cut short"),
    "cuts a chunk": ([HEAD + b"transfer-encoding: chunked\r\n\r\nff\r\n<rss"], "cut short"),
    "damages the gzip": (answer(b"nonsense", content_encoding="gzip"), "cannot be decoded"),
    "speaks no HTTP": ([b"220 mail.example.org ESMTP\r\n"], "not proper HTTP"),
    "sends endless headers": ([HEAD + b"x: " + b"y" * 200_000 + b"\r\n\r\n"], "not proper HTTP"),
    "redirects nowhere": (answer(status=302), "HTTP 302"),
}


@pytest.mark.parametrize(("steps", "message"), BROKEN.values(), ids=BROKEN.keys())
def test_broken(server, steps, message):
    """What is no proper answer is a failure that says so in one line."""
    server.put("/", steps)

    assert message in str(failure(server.url()))


def test_nobody_listens():
    """A closed port is said to be one."""
    with FeedServer() as server:
        url = server.url()

    assert str(failure(url)) == "cannot connect: Connection refused"


@pytest.mark.parametrize("host", ["no-such-host.invalid", "a" * 70 + ".example", "xn--.example"])
def test_unknown_name(host):
    """A name nobody knows, or no name at all, fails by itself."""
    assert isinstance(failure(f"http://{host}/", timeout=timedelta(seconds=5)), FetchError)


def test_untrusted_certificate():
    """A certificate nobody vouches for is refused, and the reason given."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("localhost").configure_cert(context)
    with FeedServer(tls=context) as server:
        error = failure(server.url("/", "localhost"))

    assert str(error).startswith("certificate: ")


def test_trusted_certificate(monkeypatch, tmp_path):
    """Who is trusted is the system's affair: also by SSL_CERT_FILE, as everywhere in Python."""
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    authorities.cache_clear()
    try:
        with FeedServer(tls=context) as server:
            server.put("/", answer(BODY))
            assert fetcher().fetch(feed(server.url("/", "localhost"))).body == BODY
            error = failure(server.url("/", "127.0.0.1"))  # which the certificate does not name
    finally:
        authorities.cache_clear()

    assert str(error).startswith("certificate: ")


def test_packed_and_cut(server):
    """A packed body that ends too early is cut short, though its length is what was announced."""
    server.put("/", answer(gzip.compress(BODY)[:-9], content_encoding="gzip"))

    assert "cut short" in str(failure(server.url()))


@pytest.mark.parametrize(("status", "method"), [(302, "GET"), (303, "GET"), (307, "POST")])
def test_form(server, status, method):
    """A form is posted, and posted again only where a redirect says so."""
    server.put("/", answer(status=status, location="/taken"))
    server.put("/taken", answer(status=202))

    got = fetcher().fetch(replace(feed(server.url()), form=(("a", "b c"), ("d", "\u65b0"))))

    assert got.status == 202
    assert [it.method for it in server.requests] == ["POST", method]
    assert server.requests[0].body == b"a=b+c&d=%E6%96%B0"


def test_connections_serve_one_origin():
    """A connection is used again for its own origin, with nothing of the request before."""
    seen = []

    class Handler(socketserver.StreamRequestHandler):
        def handle(self):
            while line := self.rfile.readline():
                lines = [line, *iter(self.rfile.readline, b"\r\n")]
                seen.append((self.client_address, b"".join(lines).lower()))
                self.wfile.write(HEAD + b"content-length: 1\r\nset-cookie: a=b\r\n\r\nx")

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as running:
        running.daemon_threads = True
        threading.Thread(target=running.serve_forever, args=(0.01,)).start()
        url = f"http://%s127.0.0.1:{running.server_address[1]}/"
        feeds = [feed(url % "me:secret@", 1, etag='"1"'), feed(url % "", 2)]
        outcomes = list(fetcher(connections=1).fetch_all(feeds))
        running.shutdown()

    assert [outcome.body for _, outcome in outcomes] == [b"x", b"x"]
    (first_from, first), (second_from, second) = seen
    assert first_from == second_from
    assert b"authorization" in first
    assert b"if-none-match" in first
    for name in (b"authorization", b"if-none-match", b"cookie"):
        assert name not in second


def test_light_to_import():
    """Asking over HTTP takes neither asyncio nor ssl, which cost more than asking 500 feeds."""
    code = "import sys, monitor.feeds.fetch; print({'asyncio', 'ssl', 'aiohttp'} & {*sys.modules})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)

    assert done.stdout.strip() == "set()"


# --- many at once ------------------------------------------------------------------------------


def test_failures_stay_apart(server):
    """Among hostile feeds each healthy one is answered, and every feed comes back once."""
    hostile = [*DRIPS.values(), *(steps for steps, _ in BROKEN.values())]
    for number, steps in enumerate(hostile):
        server.put(f"/bad/{number}", steps)
    server.put("/good", answer(BODY))
    feeds = [feed(server.url(f"/bad/{n}"), n) for n in range(len(hostile))]
    feeds += [feed("file:///etc/passwd", 50), feed("http://", 51), feed("http://\ud800/", 52)]
    good = [feed(server.url("/good"), number) for number in range(100, 120)]

    outcomes = list(fetcher(timeout=SOON).fetch_all([*feeds, *good]))

    assert sorted(one.id for one, _ in outcomes) == sorted(one.id for one in [*feeds, *good])
    answered = {one.id for one, outcome in outcomes if not isinstance(outcome, FetchError)}
    assert answered == {one.id for one in good}


def test_order_of_completion(server):
    """A slow feed does not hold up what is ready."""
    server.put("/slow", [0.5, *answer(BODY)])
    server.put("/fast", answer(BODY))
    feeds = [feed(server.url("/slow"), 0), *(feed(server.url("/fast"), n) for n in range(1, 6))]

    order = [one.id for one, _ in fetcher(connections=3).fetch_all(feeds)]

    assert order[-1] == 0


def test_slow_servers_hold_no_place(server):
    """However few feeds are asked at once, a slow server lets others be asked, up to a limit."""
    server.put("/slow", [30, *answer(BODY)])
    server.put("/fast", answer(BODY))
    feeds = [feed(server.url("/slow"), n) for n in range(7)]
    feeds += [feed(server.url("/fast"), 7), *(feed(server.url("/slow"), n) for n in range(8, 20))]
    waiting = iter(feeds)

    outcomes = fetcher(connections=1).fetch_all(waiting, pulse=timedelta(seconds=0.05))
    fast = next(found for found in outcomes if found)
    outcomes.close()

    assert fast[0].id == 7
    assert len(list(waiting)) == 12


def test_lazy(server):
    """Feeds are taken only as places get free, so a caller that stops costs nothing more."""
    server.put("/", answer(BODY))
    taken = count()
    feeds = (feed(server.url(), next(taken)) for _ in range(1000))

    outcomes = fetcher(connections=4).fetch_all(feeds)
    next(outcomes)
    next(outcomes)
    outcomes.close()

    assert next(taken) == 5


def test_closing_cancels(server):
    """Closing the iterator ends what is under way at once, and leaves no thread behind."""
    server.put("/fast", answer(BODY))
    server.put("/never", [30.0])
    feeds = [feed(server.url("/fast")), *(feed(server.url("/never"), n) for n in range(2, 6))]

    outcomes = fetcher().fetch_all(feeds)
    next(outcomes)
    outcomes.close()

    names = [thread.name for thread in threading.enumerate()]
    assert "fetch" not in names


def test_close_from_another_thread(server):
    """Closing the fetcher ends a round that waits for slow servers; what is unanswered is left."""
    server.put("/fast", answer(BODY))
    server.put("/never", [30.0])
    client = fetcher()
    outcomes = client.fetch_all([feed(server.url("/fast")), feed(server.url("/never"), 2)])
    next(outcomes)
    with ThreadPoolExecutor() as threads:
        rest = threads.submit(list, outcomes)

        client.close()

        assert rest.result(timeout=10) == []
    assert list(client.fetch_all([feed(server.url("/fast"))])) == []


def test_no_feeds():
    """Nothing to ask is no failure."""
    assert list(fetcher().fetch_all([])) == []


# --- encodings and memory ----------------------------------------------------------------------


PACKED = {
    "gzip": gzip.compress,
    "deflate": zlib.compress,
    "br": brotli.compress,
    "zstd": zstd.compress,
}


@pytest.mark.parametrize("encoding", PACKED)
def test_encodings(server, encoding):
    """All encodings that are asked for are understood."""
    server.put("/", answer(PACKED[encoding](BODY), content_encoding=encoding))

    assert fetcher().fetch(feed(server.url())).body == BODY
    assert encoding in server.requests[0].headers["accept-encoding"]


@pytest.mark.parametrize(
    ("encoding", "layers"), [*((name, 1) for name in PACKED), ("gzip", 300), ("zstd", 300)]
)
def test_bombs(server, encoding, layers):
    """Whatever it is packed with, a bomb is cut off at the cap, and takes no more memory than it.

    In layers it is many small bombs one after another, as gzip and zstd allow.
    """
    bomb = PACKED[encoding](bytes(200_000_000 // layers)) * layers
    server.put("/", answer(bomb, content_encoding=encoding))
    tracemalloc.start()
    try:
        error = failure(server.url(), max_bytes=1_000_000)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert isinstance(error, AnswerTooLarge)
    assert peak < 8_000_000


def test_bodies_share_a_budget(server):
    """Bodies together stay within their budget and one more; each comes whole in the end."""
    body = b"x" * 400_000
    server.put("/", answer(body))
    held = fetcher(connections=8, max_bytes=500_000, held_bytes=1_000_000, timeout=SOON)
    most = 0
    for found in held.fetch_all([feed(server.url(), n) for n in range(30)], pulse=SOON / 20):
        most = max(most, held._budget.used_bytes)
        if found is not None:
            assert found[1].body == body

    assert 800_000 <= most <= 1_500_000
    del found
    assert held._budget.used_bytes == 0


def test_what_waits_for_memory_is_not_late(server):
    """A body that waits for others to be let go of is not late, however long it waits."""
    server.put("/", answer(b"x" * 400_000))
    held = fetcher(connections=4, held_bytes=500_000, timeout=SOON)
    kept, pulses = [], 0
    for found in held.fetch_all([feed(server.url(), n) for n in range(4)], pulse=SOON / 4):
        if found is None:
            pulses += 1
            if pulses >= 8:  # twice the deadline
                kept.clear()
        else:
            assert not isinstance(found[1], FetchError)
            kept.append(found)

    assert pulses >= 8


def test_pulse(server):
    """While everybody is slow the caller is called, and feeds that come due meanwhile are asked."""
    server.put("/slow", [0.4, *answer(BODY)])
    server.put("/fast", answer(BODY))
    due = [feed(server.url("/slow"), 1), None, feed(server.url("/fast"), 2), None]

    order = [
        found and found[0].id
        for found in fetcher().fetch_all(iter(due), pulse=timedelta(seconds=0.05))
    ]

    assert order[0] is None
    assert [number for number in order if number] == [2, 1]


def test_permanent_redirects_are_told(server):
    """The answer says where a permanent redirect leads, and how long the exchange took."""
    server.put("/old", answer(status=301, location="/new"))
    server.put("/new", answer(status=302, location="/now"))
    server.put("/now", [0.05, *answer(BODY, cache_control="max-age=60")])

    got = fetcher().fetch(feed(server.url("/old")))

    assert (got.moved_to, got.url) == (server.url("/new"), server.url("/now"))
    assert got.fresh_for == timedelta(minutes=1)
    assert timedelta(seconds=0.05) <= got.took <= timedelta(seconds=20)


def test_a_moved_feed_is_asked_where_it_is(server):
    """Once a move is taken over, the old address is left alone."""
    server.put("/new", answer(BODY))

    moved = replace(feed(server.url("/old")), moved_to=server.url("/new"), moved=True)

    assert fetcher().fetch(moved).body == BODY
    assert [request.path for request in server.requests] == ["/new"]
