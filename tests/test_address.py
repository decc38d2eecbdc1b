"""Addresses: one reading of a URL, whoever wrote it, and passwords that stay where they belong."""

import pytest

from monitor.errors import AddressRefused
from monitor.feeds.address import follow, read_address


@pytest.mark.parametrize(
    ("url", "asked"),
    [
        ("http://News.Example", "http://news.example/"),
        ("https://a.example:443/x#part", "https://a.example/x"),
        ("http://a.example:8080/x?q=a b", "http://a.example:8080/x?q=a%20b"),
        ("http://a.example/%7Eb/\u65b0", "http://a.example/%7Eb/%E6%96%B0"),
        ("http://b\u00fccher.example/", "http://xn--bcher-kva.example/"),
        ("http://user:word@a.example/", "http://a.example/"),
        ("http://[2001:DB8::1]:81/", "http://[2001:db8::1]:81/"),
        ("http://a_b.example/", "http://a_b.example/"),
    ],
)
def test_one_spelling(url, asked):
    """What is asked is plain ASCII without a password, and stays what it is when read again."""
    assert read_address(url).url == asked
    assert read_address(asked).url == asked


@pytest.mark.parametrize(
    "host",
    ["127.1", "2130706433", "0177.0.0.1", "0x7f.1", "0x7F000001", "%31%32%37.0.0.1", "127.0.0.1."],
)
def test_numbers_are_addresses(host):
    """An IP address is known as one in every notation that systems understand."""
    address = read_address(f"http://{host}/")

    assert (address.host, address.literal) == ("127.0.0.1", True)


@pytest.mark.parametrize(
    "url",
    [
        *("http://", "http://[", "http://a b/", "http://a.example:99999/", "http://\ud800/"),
        *("http://1.2.3.4.5/", "http://256.1.1.1/", "http://[::1%25eth0]/", "http://a\\b/"),
        *("http://\u2100.example/", "http://a.example/\ud800", "file:///etc/passwd", "gopher://a/"),
        "http://a%00b/",
    ],
)
def test_refused(url):
    """What cannot be read in one way only is not asked."""
    with pytest.raises(AddressRefused):
        read_address(url)


def test_passwords_and_redirects():
    """A redirect keeps a password within its origin, whatever else it keeps."""
    home = read_address("https://user:w%C3%B6rd@a.example/feed")

    assert home.authorization == "Basic dXNlcjp3w7ZyZA=="
    assert follow(home, "/other").authorization == home.authorization
    for away in ("http://a.example/", "https://a.example:444/", "//b.example/"):
        assert follow(home, away).authorization is None
    with pytest.raises(AddressRefused, match="not http or https"):
        follow(home, "ftp://a.example/")
