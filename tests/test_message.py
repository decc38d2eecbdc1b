"""Messages: standard, inert, and the same bytes whenever and wherever they are built."""

import email
import email.policy
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mails import SENDER, mail

from monitor.deliver.message import Letterhead, address_of, build, parts, slug
from monitor.model import Attachment

GOLDEN = Path(__file__).with_name("data") / "mail.eml"

HEADERS = [
    *("Date", "From", "To", "Subject", "Message-ID", "List-ID", "Auto-Submitted"),
    *("MIME-Version", "Content-Type"),
]


def parsed(raw):
    message = email.message_from_bytes(raw, policy=email.policy.SMTP)
    for part in message.walk():
        assert part.defects == []
    return message


def test_same_bytes_everywhere():
    """A mail is byte for byte the one in data/mail.eml, on every supported Python."""
    assert build(mail(), SENDER) == GOLDEN.read_bytes()


def test_headers():
    """A message has each header once, says who it is from, and that a machine wrote it."""
    message = parsed(build(mail(), SENDER))

    assert message.keys() == HEADERS
    assert message["From"].addresses[0].display_name == "Regulatory Monitor"
    assert message["To"].addresses[0].addr_spec == "reader@example.com"
    assert message["Date"].datetime == mail().date
    assert message["Subject"] == mail().subject
    assert message["Message-ID"] == "<4f2a9c@desk.example>"
    assert message["List-ID"] == "<daily.monitor.desk.example>"
    assert message["Auto-Submitted"] == "auto-generated"


def ways(*found):
    return Letterhead(SENDER.sender, lambda _list, _recipient: found)


def test_leaving_the_list():
    """The addresses at which to leave a list are the recipient's own, and a POST will do."""

    def own(list_name, recipient):
        return (f"https://m.example/u/{list_name}/{recipient}", "mailto:desk@m.example")

    message = parsed(build(mail(), Letterhead(SENDER.sender, own)))

    assert message["List-Unsubscribe"] == (
        "<https://m.example/u/daily/reader@example.com>, <mailto:desk@m.example>"
    )
    assert message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert len(message.get_all("List-Unsubscribe")) == 1


@pytest.mark.parametrize(
    ("found", "header"),
    [
        (("mailto:desk@m.example?subject=x",), "<mailto:desk@m.example?subject=x>"),
        ((), None),
        (("https://m.example/\r\nBcc: x", "mailto:a@m.example"), "<mailto:a@m.example>"),
        (("https://m.example/" + "x" * 990, "mailto:a@m.example"), "<mailto:a@m.example>"),
    ],
)
def test_no_one_click_without_a_page(found, header):
    """Without a web address no mail says that a POST will do; what is no address is left out."""
    message = parsed(build(mail(), ways(*found)))

    assert message["List-Unsubscribe"] == header
    assert message["List-Unsubscribe-Post"] is None


def test_parts():
    """Text and HTML are alternatives, the richer last, and come out as they went in."""
    message = parsed(build(mail(), SENDER))

    text, html = message.iter_parts()
    assert message.get_content_type() == "multipart/alternative"
    assert [text.get_content_type(), html.get_content_type()] == ["text/plain", "text/html"]
    assert text.get_content().replace("\r\n", "\n") == mail().text
    assert html.get_content().replace("\r\n", "\n") == mail().html


@pytest.mark.parametrize(
    "subject",
    [
        "阿里巴巴" * 40,
        "plain " * 40,
        "x" * 2000,
        "=?utf-8?q?fake?=",
        "🏛" * 50,
        "",
    ],
)
def test_any_subject_survives(subject):
    """A subject of any length and script is read as it was written."""
    message = parsed(build(mail(subject=subject), SENDER))

    assert str(message["Subject"]) == subject.strip()


@pytest.mark.parametrize("field", ["subject", "recipient", "message_id", "list_name"])
def test_no_header_can_be_added(field):
    """A line break in a value never begins a header."""
    raw = build(mail(**{field: "x\r\nBcc: victim@example.com\r\n\r\nbody\x00\x1b"}), SENDER)

    assert parsed(raw).keys() == HEADERS
    assert b"\r\nBcc" not in raw


def test_no_header_through_the_sender():
    """A line break in the sender never begins a header."""
    raw = build(mail(), Letterhead("A\r\nBcc: x <a@desk.example>"))

    assert parsed(raw).keys() == HEADERS


@pytest.mark.parametrize(
    ("sender", "name"),
    [
        ("a@desk.example", ""),
        ('"Desk, the \\"first\\"" <a@desk.example>', None),
        ("监管日报 <a@desk.example>", "监管日报"),
        ("监管日报" * 20 + " <a@desk.example>", "监管日报" * 20),
        ("D" * 70 + " <a@desk.example>", "D" * 70),
    ],
)
def test_sender(sender, name):
    """The sender's name may be anything or nothing; the address stays itself."""
    [address] = parsed(build(mail(), Letterhead(sender)))["From"].addresses

    assert address.addr_spec == address_of(sender) == "a@desk.example"
    # Python's reader puts a blank between two encoded words of a name; RFC 2047 has none.
    assert name is None or address.display_name.replace(" ", "") == name


def test_addresses_beyond_ascii():
    """An address beyond ASCII stands in UTF-8, as a server with SMTPUTF8 wants it."""
    raw = build(mail(recipient="读者@例子.example"), SENDER)

    assert "\r\nTo: 读者@xn--fsqu00a.example\r\n".encode() in raw


@pytest.mark.parametrize(
    ("mailbox", "address"),
    [
        ("a@例子.example", "a@xn--fsqu00a.example"),
        ("Bücher <a@BÜCHER.example>", "a@xn--bcher-kva.example"),
        ("a@straße.example", "a@xn--strae-oqa.example"),
        ("a@x.example", "a@x.example"),
        ("a@-例-.example", "a@-例-.example"),
    ],
)
def test_domains_in_ascii(mailbox, address):
    """A domain is told to servers in its ASCII form; what is no domain stays as it is."""
    assert address_of(mailbox) == address


def test_an_address_with_another_domain_is_plain():
    """A recipient whose domain alone is beyond ASCII can be mailed by any server."""
    assert build(mail(recipient="a@例子.example"), SENDER).isascii()


@given(text=st.text(), html=st.text(), subject=st.text(max_size=200), name=st.text(max_size=60))
def test_any_words(text, html, subject, name):
    """Any words at all: valid, 7-bit, no line over 998 octets, and the same bytes twice."""
    written = mail(text=text, html=html, subject=subject, list_name=name)

    raw = build(written, SENDER)

    assert raw == build(replace(written), SENDER)
    assert raw.isascii()
    assert b"\n" not in raw.replace(b"\r\n", b"")
    assert b"\r" not in raw.replace(b"\r\n", b"")
    assert max(map(len, raw.split(b"\r\n"))) <= 76
    assert parsed(raw).keys() == HEADERS


def test_bodies_are_shared():
    """All recipients of a digest get one body, byte for byte; another text has another boundary."""
    one = parts(mail(), SENDER)
    other = parts(mail(message_id="<2@x>", recipient="b@x.example"), SENDER)
    third = build(mail(text="another"), SENDER)

    assert one[1] == other[1]
    assert one[0] != other[0]
    assert parsed(third).get_boundary() != parsed(b"".join(one)).get_boundary()


def test_what_was_sent_is_sent_again():
    """Bytes of an earlier attempt are sent as they were, whoever the mails are from by now."""
    head, body = parts(mail(), SENDER)

    again = build(
        mail(head=head, body=body, subject="another", text="another"), Letterhead("new@x.example")
    )

    assert again == head + body


def test_attachment():
    """A file goes with the mail as it is, under a plain name, beside text and HTML."""
    rows = "﻿id,title\r\n1,阿里巴巴\r\n".encode()
    table = Attachment('../日报 "x".csv', "text/csv", rows)

    message = parsed(build(mail(attachments=(table,)), SENDER))

    both, file = message.iter_parts()
    assert message.get_content_type() == "multipart/mixed"
    assert both.get_content_type() == "multipart/alternative"
    assert (file.get_content_type(), file.get_filename()) == ("text/csv", "x-.csv")
    assert file.get_content_disposition() == "attachment"
    assert file.get_payload(decode=True) == rows


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("daily", "daily"),
        ("Daily news!", "daily-news-1c9dba2f"),
        ("日报", None),
        ("../../etc/passwd", None),
        ("", None),
        ("a" * 100, None),
    ],
)
def test_slug(name, expected):
    """A name becomes a safe word, and two names never the same one."""
    made = slug(name)

    assert made.replace("-", "").isalnum()
    assert made.isascii()
    assert len(made) <= 49
    assert made != slug(name + "!")
    if expected and "-" not in expected:
        assert made == expected
