"""The guard: the public internet and nothing else. Cases: data/feeds/addresses.yaml."""

import socket
from pathlib import Path

import pytest
import yaml

from monitor.errors import AddressRefused
from monitor.feeds.guard import Guard

CASES = yaml.safe_load(
    Path(__file__).with_name("data").joinpath("feeds", "addresses.yaml").read_text("utf-8")
)


@pytest.mark.parametrize("address", CASES["refused"])
def test_refused(address):
    """No private, local, reserved or unreadable address passes, however it is dressed."""
    with pytest.raises(AddressRefused):
        Guard().check_address(address)


@pytest.mark.parametrize("address", CASES["public"])
def test_public(address):
    """An address of the public internet passes."""
    Guard().check_address(address)


@pytest.mark.parametrize("address", ["10.1.2.3", "::ffff:10.1.2.3", "64:ff9b::a01:203", "fd00::7"])
def test_allowed(address):
    """A network the operator lists may be entered, also by an address that embeds it."""
    Guard(["10.1.0.0/16", "fd00::/8"]).check_address(address)


@pytest.mark.parametrize("address", ["10.2.0.1", "::1", "127.0.0.1"])
def test_allowed_is_no_more_than_listed(address):
    """Listing one network opens no other."""
    with pytest.raises(AddressRefused, match=r"private or reserved .*`network\.allow_private`"):
        Guard(["10.1.0.0/16"]).check_address(address)


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd",
        "ftp://example.org/feed",
        "gopher://example.org/",
        "//example.org/feed",
        "feed",
        "",
        "http://",
        "http:///feed",
        "http://[::1/feed",
        "javascript:alert(1)",
    ],
)
def test_url_refused(url):
    """Only http and https with a host are asked for."""
    with pytest.raises(AddressRefused):
        Guard().check_url(url)


@pytest.mark.parametrize("url", ["http://example.org/feed", "HTTPS://Example.org:8443/?a=b"])
def test_url(url):
    """An ordinary feed address passes."""
    Guard().check_url(url)


def test_socket_is_made_for_the_judged_address():
    """The factory makes the socket only after judging the very address it will connect to."""
    info = (socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", ("127.0.0.1", 80))

    with pytest.raises(AddressRefused, match=r"127\.0\.0\.1"):
        Guard().socket_factory(info)
    with Guard(["127.0.0.0/8"]).socket_factory(info) as made:
        assert (made.family, made.type) == (socket.AF_INET, socket.SOCK_STREAM)


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://News.Example:8443/feed", "news.example"),
        ("http://10.2.0.1/feed", "10.2.0.1"),
        ("http://10.1.0.1/feed", None),
        ("http://[::1]:8080/feed", "::1"),
        ("http://localhost/feed", "localhost"),
    ],
)
def test_host_of(url, host):
    """Manners are kept towards every host but those of networks the operator lists."""
    assert Guard(["10.1.0.0/16"]).host_of(url) == host


def test_localhost_is_ones_own():
    """The one name that is known without a look-up."""
    assert Guard(["127.0.0.0/8"]).host_of("http://localhost:8000/feed") is None
