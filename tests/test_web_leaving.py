"""Leaving a list by its link (RFC 8058), over real HTTP, and the headers that lead there."""

from email import message_from_bytes
from email.policy import default
from urllib.parse import urlsplit

import pytest
from sqlalchemy import select
from websites import put_digest, website

from monitor.pipeline.deliver import deliver_due
from monitor.store import schema as t

ONE_CLICK = b"List-Unsubscribe=One-Click"
MULTIPART = (
    b'--x\r\nContent-Disposition: form-data; name="List-Unsubscribe"\r\n\r\nOne-Click\r\n--x--\r\n'
)
FORM = "application/x-www-form-urlencoded"


@pytest.fixture
def site(tmp_path, empty_database, clock):
    with website(tmp_path, empty_database, clock) as served:
        put_digest(served.app, "desk@example.com", "李明@example.com")
        yield served


@pytest.fixture
def path(site):
    return "/unsubscribe/" + site.app.links.leaving_token("daily", "desk@example.com")


def away(site):
    with site.app.store.begin() as connection:
        rows = connection.execute(select(t.suppressions).order_by(t.suppressions.c.id)).all()
        return [(row.subscription, row.recipient, row.left_by, row.returned_by) for row in rows]


def states(site):
    query = select(t.deliveries.c.recipient, t.deliveries.c.status)
    with site.app.store.begin() as connection:
        return {to: str(status) for to, status in connection.execute(query)}


def test_looking_changes_nothing(site, path):
    """Mail scanners follow links: a GET shows the page and takes nobody off the list."""
    for method in ("GET", "HEAD"):
        answer = site.ask(path, method=method)
        assert answer.status == 200
    assert "desk@example.com" in site.ask(path).text
    assert '<form method="post"' in site.ask(path).text
    assert away(site) == []


@pytest.mark.parametrize(
    ("body", "kind", "by"),
    [
        (ONE_CLICK, FORM, "one-click"),
        (MULTIPART, "multipart/form-data; boundary=x", "one-click"),
        (b"by=page", FORM, "page"),
        (b"", FORM, "page"),
    ],
)
def test_a_post_is_enough(site, path, body, kind, by):
    """Without login or cookie one POST takes the recipient off, told as what it was."""
    answer = site.post(path, body, content_type=kind)

    assert answer.status == 200
    assert "Set-Cookie" not in answer.headers
    assert away(site) == [("daily", "desk@example.com", by, None)]
    assert states(site) == {"desk@example.com": "unsubscribed", "李明@example.com": "waiting"}


def test_twice_is_once(site, path):
    """A mail program that repeats its click gets the same answer, and no second record."""
    first, second = site.post(path, ONE_CLICK), site.post(path, b"by=page")

    assert (first.status, second.status) == (200, 200)
    assert len(away(site)) == 1
    assert "You have left this list" in site.ask(path).text


def test_coming_back(site, path):
    """The page offers the way back, which needs a click as well."""
    site.post(path, ONE_CLICK)
    back = path.replace("/unsubscribe/", "/subscribe/")
    assert f'action="{back}"' in site.ask(path).text
    assert site.ask(back).status == 405

    assert site.post(back).status == 200
    assert site.post(back).status == 200

    assert away(site) == [("daily", "desk@example.com", "one-click", "page")]
    assert "Stop these mails?" in site.ask(path).text


def test_a_forged_link_changes_nothing(site, path):
    """A link that we did not make is told as such, in words, and takes nobody off."""
    payload, _, signature = path.rpartition("/")[2].partition(".")
    other = "WyJkYWlseSIsImJAeC5leGFtcGxlIl0"
    for token in (f"{payload}.{signature[:-3]}aaa", f"{other}.{signature}", payload, "x"):
        for way in ("unsubscribe", "subscribe"):
            answer = site.post(f"/{way}/{token}", ONE_CLICK)
            assert answer.status == 404, token
            assert "Nothing was changed" in answer.text
    assert away(site) == []
    assert site.ask("/unsubscribe/" + "x" * 60_000).status in {400, 404, 414, 431}


def test_names_in_a_link_are_no_markup(site):
    """What a subscription or address is called is shown, never run."""
    token = site.app.links.leaving_token("<script>alert(1)</script>{x}", "a'\"<b>@x.example")

    shown = site.ask(f"/unsubscribe/{token}").text

    assert "<script" not in shown
    assert "&lt;script&gt;alert(1)&lt;/script&gt;{x}" in shown


def test_each_mail_leads_its_own_reader_out(site):
    """The link in a mail takes its recipient off the list, and nobody else."""
    deliver_due(site.app.store, site.app.mailer, site.app.clock)
    for number in (100, 101):
        mail = message_from_bytes(site.ask(f"/deliveries/{number}.eml").body, policy=default)
        assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
        address = urlsplit(mail["List-Unsubscribe"].strip("<>"))
        assert (address.scheme, address.netloc) == ("http", "127.0.0.1")

        site.post(address.path, ONE_CLICK)

        assert away(site)[-1][:2] == ("daily", mail["To"])


def test_no_address_no_link(tmp_path, clock):
    """Where readers cannot reach us, mails do not pretend that they can."""
    database = f"sqlite:///{tmp_path}/monitor.db"
    with website(tmp_path, database, clock, "login: 7d") as site:
        put_digest(site.app, "desk@example.com")
        deliver_due(site.app.store, site.app.mailer, site.app.clock)
        mail = message_from_bytes(site.ask("/deliveries/100.eml").body)
    assert "List-Unsubscribe" not in mail


def test_links_outlive_a_restart(tmp_path, empty_database, clock):
    """A link in an old mail works after the service was started anew: its secret is kept."""
    with website(tmp_path, empty_database, clock) as site:
        token = site.app.links.leaving_token("daily", "desk@example.com")
    with website(tmp_path, empty_database, clock) as site:
        assert site.post(f"/unsubscribe/{token}", ONE_CLICK).status == 200
    secret = "url: http://127.0.0.1\n  secret: another-long-secret"
    with website(tmp_path, empty_database, clock, secret) as site:
        assert site.post(f"/unsubscribe/{token}", ONE_CLICK).status == 404
