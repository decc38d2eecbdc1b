"""Links in mails: whose they are, and that nobody else can make one."""

from datetime import timedelta, timezone

import pytest
from websites import SLOT

from monitor.links import Links

SECRET = "0123456789abcdef"
links = Links("https://monitor.example.com", SECRET)


def test_a_link_says_whose_it_is():
    """What was put into a link comes out of it, Chinese names and odd addresses included."""
    for name, recipient in (("daily", "desk@example.com"), ("早报", "李明+x@例子.example")):
        address = links.leaving(name, recipient)

        assert address.startswith("https://monitor.example.com/unsubscribe/")
        assert address.isascii()
        assert len(address) < 900
        assert links.who_leaves(address.rpartition("/")[2]) == (name, recipient)


def test_a_forged_link_is_nobodys():
    """Neither another secret nor a changed, cut or foreign token gives a recipient."""
    token = links.leaving_token("daily", "desk@example.com")
    payload, _, signature = token.partition(".")
    other = Links("https://monitor.example.com", SECRET + "x").leaving_token("daily", "a@b.example")
    digest = links.digest_token("daily", SLOT)

    for forged in (
        "",
        ".",
        token[:-2],
        token + "A",
        f"{payload}.",
        payload,
        other,
        digest,
        f"x{payload}.{signature}",
        "é",
        "\0",
        "." * 5000,
    ):
        assert links.who_leaves(forged) is None, forged


def test_a_digests_link_is_always_the_same():
    """A preview and the digest made of it have one address, whatever the zone of the slot."""
    elsewhere = SLOT.astimezone(timezone(timedelta(hours=8)))
    token = links.digest_token("daily", SLOT)

    assert links.digest_token("daily", elsewhere) == token
    assert links.digest("daily", SLOT) == f"https://monitor.example.com/d/{token}"
    assert len(token) >= 40
    others = (("weekly", SLOT), ("daily", SLOT + timedelta(minutes=1)))
    assert token not in [links.digest_token(name, slot) for name, slot in others]
    assert Links(None, SECRET + "x").digest_token("daily", SLOT) != token


@pytest.mark.parametrize("link", [Links(None, SECRET).leaving, Links(None, SECRET).digest])
def test_no_site_no_link(link):
    """Without an address where readers reach us there is no link to put into a mail."""
    assert link("daily", SLOT) is None
