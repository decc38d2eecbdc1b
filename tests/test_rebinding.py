"""Names that lead astray: whatever a name server answers, and when, no private address is asked."""

import socket
from contextlib import closing
from datetime import timedelta

import pytest
from feedserver import FeedServer, answer

from monitor.errors import AddressRefused, FetchError
from monitor.feeds.fetch import HttpFetcher
from monitor.feeds.guard import Guard
from monitor.model import FeedToPoll

OURS, FORBIDDEN = "127.0.0.2", "127.0.0.1"  # the first stands for the public internet
BODY = b"<rss version='2.0'><channel/></rss>"


def names(*answers):
    """Return a name server that gives each of *answers* in turn, and the last from then on."""
    left = list(answers)

    def look_up(_host, _port):
        return left.pop(0) if len(left) > 1 else left[0]

    return look_up


@pytest.fixture
def server():
    with FeedServer(OURS) as running:
        yield running


@pytest.fixture
def trap(server):
    """A socket on the forbidden address, at the server's own port; nobody may ever connect."""
    with closing(socket.create_server((FORBIDDEN, server.port))) as listening:
        listening.settimeout(0)
        yield listening
        with pytest.raises(BlockingIOError):
            listening.accept()


def fetcher(look_up):
    return HttpFetcher(
        guard=Guard([OURS]),
        user_agent="regulatory-monitor-test",
        timeout=timedelta(seconds=5),
        max_bytes=10_000,
        connections=4,
        look_up=look_up,
    )


def ask(client, url):
    return client.fetch(
        FeedToPoll(
            id=1,
            key="a",
            url=url,
            name="A",
            language=None,
            company=None,
            interval=None,
            etag=None,
            last_modified=None,
            body_hash=None,
            failures=0,
        )
    )


@pytest.mark.usefixtures("trap")
def test_a_name_that_turns(server):
    """A name that led to a public address the first time is judged again the second time."""
    server.put("/", answer(BODY))
    client = fetcher(names([OURS], [FORBIDDEN]))

    assert ask(client, server.url("/", "news.example")).body == BODY
    with pytest.raises(AddressRefused, match="private or reserved"):
        ask(client, server.url("/", "news.example"))


@pytest.mark.usefixtures("trap")
@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "0.0.0.0", "10.0.0.1", "172.16.0.1", "192.168.0.1", "169.254.169.254"),
        *("100.64.0.1", "::", "::1", "::ffff:127.0.0.1", "::ffff:a00:1", "::127.0.0.1", "fe80::1"),
        *("64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::7f00:1", "2002:7f00:1::", "fd00::1"),
        *(
            "2002:a00:1::",
            "2001:0:7f00:1::",
            "ff02::1",
            "224.0.0.1",
            "255.255.255.255",
            "198.18.0.1",
        ),
        *("192.0.0.170", "240.0.0.1", "fec0::1", "::ffff:0:127.0.0.1"),
    ],
)
def test_an_answer_that_leads_inside(server, address):
    """No address that a name server may give leads inside, mapped and embedded ones included."""
    with pytest.raises(AddressRefused):
        ask(fetcher(names([address])), server.url("/", "news.example"))


@pytest.mark.usefixtures("trap")
def test_a_mixed_answer(server):
    """Of several addresses the private ones are passed over, not tried."""
    server.put("/", answer(BODY))
    client = fetcher(names([FORBIDDEN, "10.0.0.1", "::1", OURS]))

    assert ask(client, server.url("/", "news.example")).body == BODY


@pytest.mark.usefixtures("trap")
@pytest.mark.parametrize("hops", range(1, 11))
@pytest.mark.parametrize(
    "target",
    [
        *("http://{}:{}/", "http://2130706433:{1}/", "http://0177.0.0.1:{1}/", "http://127.1:{1}/"),
        *("http://0x7f.1:{1}/", "http://[::ffff:127.0.0.1]:{1}/", "file:///etc/passwd"),
        *("http://inside.example:{1}/", "http://169.254.169.254/latest/meta-data/", "//{}:{}/"),
    ],
)
def test_a_redirect_that_leads_inside(server, hops, target):
    """However late, and however it is written, a redirect leads nowhere inside."""
    for number in range(hops - 1):
        server.put(f"/{number}", answer(status=302, location=f"/{number + 1}"))
    location = target.format(FORBIDDEN, server.port)
    server.put(f"/{hops - 1}", answer(status=307, location=location))

    def look_up(host, _port):
        return [OURS if host == "news.example" else FORBIDDEN]

    with pytest.raises(FetchError) as caught:
        ask(fetcher(look_up), server.url("/0", "news.example"))
    assert isinstance(caught.value, AddressRefused), caught.value
    assert len(server.requests) == hops


@pytest.mark.usefixtures("trap")
@pytest.mark.parametrize("name", ["http_proxy", "HTTP_PROXY", "ALL_PROXY", "all_proxy"])
def test_no_proxy_of_the_environment(server, monkeypatch, name):
    """A proxy in the environment would be connected to unjudged; it is not used."""
    monkeypatch.setenv(name, f"http://{FORBIDDEN}:{server.port}")
    server.put("/", answer(BODY))

    assert ask(fetcher(names([OURS])), server.url("/", "news.example")).body == BODY
