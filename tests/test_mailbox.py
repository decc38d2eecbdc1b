"""Mailboxes: newsletters become articles, once each, and no mail or server harms anything."""

import socket
import threading
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from email.message import EmailMessage

import pytest
import trustme
from conftest import needs
from imapserver import PASSWORD, Dovecot, find_dovecot
from sqlalchemy import select
from test_poll import INTERVAL, LEXICON, Dies, count, feed_row, titles

from monitor.config import load
from monitor.errors import AddressRefused, ConfigError, FetchError, FetchTimeout
from monitor.feeds.bundle import Message, pack
from monitor.feeds.fetch import HttpFetcher
from monitor.feeds.guard import Guard
from monitor.feeds.mailbox import MOST_MESSAGES, Mailbox, Mailboxes
from monitor.feeds.manners import Pace
from monitor.feeds.parse.children import BoundedParser
from monitor.feeds.parse.document import parse
from monitor.model import Feed, FeedToPoll
from monitor.pipeline.matches import LateDetector
from monitor.pipeline.poll import PollStep
from monitor.store import feeds
from monitor.store import schema as t

URL = "imap://desk@localhost:143/INBOX"
LOOPBACK = Guard(["127.0.0.0/8", "::1/128"])


def mail(subject, text="Words.", sender="Wire <news@wire.example>", number=None):
    message = EmailMessage()
    message["Subject"], message["From"] = subject, sender
    message["Message-ID"] = f"<{number or abs(hash(subject))}@wire.example>"
    message["Date"] = "Mon, 23 Nov 2026 08:00:00 +0800"
    message.set_content(text)
    return message


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    authority = trustme.CA()
    authority.file = tmp_path_factory.mktemp("ca") / "ca.pem"
    authority.cert_pem.write_to_path(authority.file)
    return authority


@pytest.fixture(scope="module")
def server(authority):
    program = find_dovecot()
    if program is None:
        needs("Dovecot with IMAP (Debian: dovecot-imapd)")
    with Dovecot(program, authority.issue_cert("localhost", "127.0.0.1")) as server:
        yield server


@pytest.fixture
def user(request):
    """A mailbox of each test's own."""
    return f"u{abs(hash(request.node.nodeid))}"


@pytest.fixture
def mailbox(server, user):
    def mailbox(**options):
        usual = {"host": "127.0.0.1", "port": server.port, "security": "none"}
        return Mailbox(**{**usual, "username": user, "password": PASSWORD, **options})

    return mailbox


def mailboxes(of, guard=LOOPBACK, seconds=20, max_bytes=10_000_000):
    return Mailboxes(
        {"desk": of}, guard=guard, timeout=timedelta(seconds=seconds), max_bytes=max_bytes
    )


def ask(of, **options):
    """Return the answer of a first poll of a mailbox."""
    feed = FeedToPoll.once(1, "desk", URL)
    return mailboxes(of, **options).open(feed).ask(feed)


def subjects(answer):
    return [entry.title for entry in parse(answer.body, None, answer.url).entries]


@pytest.fixture(scope="module")
def parser():
    with BoundedParser(workers=1, timeout=timedelta(seconds=20), memory_bytes=1 << 30) as parser:
        yield parser


@pytest.fixture
def poll(engine, clock, parser, mailbox):
    """Poll the mailbox, as the service does."""
    fetcher = HttpFetcher(
        guard=LOOPBACK,
        user_agent="test",
        timeout=timedelta(seconds=20),
        max_bytes=1_000_000,
        connections=4,
        mailboxes=mailboxes(mailbox()),
    )
    step = PollStep(
        engine=engine,
        clock=clock,
        fetcher=fetcher,
        parser=parser,
        lexicon=LEXICON.fingerprint,
        detector=LateDetector(lambda: LEXICON),
        pace=Pace(usual=INTERVAL, longest=INTERVAL),
        lease=timedelta(minutes=3),
    )
    with engine.begin() as connection:
        feeds.sync(connection, [Feed("desk", URL, "Newsletters")], now=clock.now())

    def poll():
        clock.at += timedelta(hours=1)
        return step.poll_due()

    return poll


def test_newsletters_become_articles_once(engine, server, user, poll):
    """Each message is an article with its hits; the next poll takes only what is new."""
    server.append(user, mail("Alibaba fined in antitrust probe"), mail("天气", "腾讯音乐IPO定价"))

    first = poll()
    again = poll()
    server.append(user, mail("Rain expected"))
    third = poll()

    assert (first.new_articles, first.hits) == (2, 2)
    assert (again.unchanged, again.failed) == (1, 0)
    assert (third.entries, third.new_articles) == (1, 1)
    with engine.begin() as connection:
        article = connection.execute(select(t.articles).order_by(t.articles.c.id)).first()
        polls = connection.execute(select(t.polls).order_by(t.polls.c.id)).all()
    assert (article.publisher, article.published_at.isoformat()) == (
        "Wire",
        "2026-11-23T00:00:00+00:00",
    )
    assert [(it.entries, it.new, it.gap) for it in polls] == [
        (2, 2, False),
        (0, 0, False),
        (1, 1, False),
    ]
    assert feed_row(engine, "desk").state == "ok"


def test_nothing_is_marked(server, user, poll):
    """Reading leaves the mailbox as it was: every message is still unseen."""
    server.append(user, mail("One"), mail("Two"))
    poll()
    assert server.flags(user) == [2, 2]


@pytest.mark.parametrize("commit", [1, 2])
def test_a_crash_loses_no_message(engine, server, user, poll, commit):
    """The mark is stored with the articles: killed at any commit, all of them come, once."""
    server.append(user, mail("Alibaba fined in antitrust probe"), mail("Rain"))
    with Dies(engine, commit):
        poll()
    poll()
    assert titles(engine) == ["Alibaba fined in antitrust probe", "Rain"]
    assert count(engine, t.hits) == 1


def test_a_mailbox_made_anew(engine, server, user, poll):
    """Where numbers mean something else (UIDVALIDITY), all is read again and nothing doubled."""
    server.append(user, mail("One"), mail("Two"))
    poll()
    with server.log_in(user) as connection:
        connection.select("INBOX")
        connection.store("1:*", "+FLAGS", r"\Deleted")
        connection.expunge()
    server.number_anew(user)
    server.append(user, mail("Two"), mail("Three"))

    again = poll()

    assert (again.entries, again.new_articles) == (2, 1)
    assert titles(engine) == ["One", "Three", "Two"]


def test_many_messages_come_in_turn(server, user, mailbox):
    """No poll takes them all, oldest first, and the next goes on where it ended."""
    server.append(user, *(mail(f"No {n}", number=n + 1) for n in range(MOST_MESSAGES + 3)))
    boxes = mailboxes(mailbox())
    first = ask(mailbox())
    feed = FeedToPoll.once(1, "desk", URL)
    second = boxes.open(feed).ask(_after(feed, first))
    assert len(subjects(first)) == MOST_MESSAGES
    assert subjects(second) == [f"No {n}" for n in range(MOST_MESSAGES, MOST_MESSAGES + 3)]
    assert boxes.open(feed).ask(_after(feed, second)).status == 304


def _after(feed, answer):
    return replace(feed, etag=answer.etag)


def test_what_does_not_fit_comes_next(server, user, mailbox):
    """A poll stays within its bytes; what is left is not skipped."""
    server.append(user, *(mail(f"No {n}", "x " * 20_000) for n in range(3)))
    feed = FeedToPoll.once(1, "desk", URL)
    boxes = mailboxes(mailbox(), max_bytes=100_000)
    first = boxes.open(feed).ask(feed)
    second = boxes.open(feed).ask(_after(feed, first))
    assert subjects(first) + subjects(second) == ["No 0", "No 1", "No 2"]
    assert len(subjects(first)) == 2


def test_folders_and_senders(server, user, mailbox):
    """A folder may have any name, and only the senders wanted are read."""
    folder = '简报 "A&B"'
    server.append(user, mail("no"))
    encoded = '"&e4BipQ- \\"A&-B\\""'
    wanted = [("a", "x@one.example"), ("b", "y@two.example"), ("c", "z@three.example")]
    server.append(user, *(mail(what, sender=who) for what, who in wanted), folder=encoded)
    assert subjects(ask(mailbox(folder=folder))) == ["a", "b", "c"]
    chosen = ask(mailbox(folder=folder, senders=("@one.example", "z@three.example")))
    assert subjects(chosen) == ["a", "c"]


def test_an_empty_mailbox(server, user, mailbox):
    """A mailbox without messages is well, and what comes later is seen."""
    empty = ask(mailbox())
    assert (empty.status, subjects(empty)) == (200, [])
    server.append(user, mail("First"))
    feed = _after(FeedToPoll.once(1, "desk", URL), empty)
    assert subjects(mailboxes(mailbox()).open(feed).ask(feed)) == ["First"]


@pytest.mark.parametrize("security", ["tls", "starttls"])
def test_encryption(server, user, mailbox, authority, security):
    """TLS is verified: a certificate of nobody known ends it before the password is sent."""
    server.append(user, mail("One"))
    port = server.tls_port if security == "tls" else server.port
    options = {"security": security, "port": port, "host": "localhost"}
    assert subjects(ask(mailbox(**options, ca_file=str(authority.file)))) == ["One"]
    with pytest.raises(FetchError, match="certificate"):
        ask(mailbox(**options))


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"password": "wrong"}, "AUTHENTICATIONFAILED"),
        ({"folder": "None"}, "NO .*exist"),
        ({"port": 1}, "cannot connect"),
        ({"host": "no.such.invalid"}, "cannot be resolved"),
    ],
)
def test_failures_are_told(mailbox, options, reason):
    """A wrong password, folder or server is a failure with its reason, without the password."""
    with pytest.raises(FetchError, match=reason) as failed:
        ask(mailbox(**options))
    assert "wrong" not in str(failed.value)


def test_no_private_network(mailbox):
    """A mail server in a private network is not asked unless it is listed."""
    with pytest.raises(AddressRefused):
        ask(mailbox(), guard=Guard())


# --- servers that lie --------------------------------------------------------------------------


@pytest.fixture
def lying():
    """A server that sends what it is told to, whatever it is asked; ends with the test."""
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        ending = threading.Event()

        def start(chunks, *, drip=False):
            def serve():
                connection, _ = listener.accept()
                with closing(connection):
                    try:
                        for chunk in chunks:
                            connection.sendall(chunk)
                            if ending.wait(0.05 if drip else 0):
                                return
                        ending.wait(30)
                    except OSError:
                        pass  # it hung up, as it should

            thread = threading.Thread(target=serve)
            thread.start()
            threads.append(thread)
            return Mailbox("127.0.0.1", listener.getsockname()[1], "none", "u", "p")

        threads = []
        yield start
        ending.set()
        for thread in threads:
            thread.join()


GREETING = b"* PREAUTH hello\r\n"


@pytest.mark.parametrize("chunks", [[], [b"* OK "], [b"* OK hi\r\n"]], ids=["silent", "half", "no"])
def test_a_silent_server_is_left_in_time(lying, chunks):
    """A server that says nothing, at any point, is left when the time is up."""
    with pytest.raises(FetchTimeout, match="within 1 s"):
        ask(lying(chunks), seconds=1)


def test_a_dripping_server_is_left_in_time(lying):
    """A byte now and then does not prolong the deadline, which is for the whole dialogue."""
    with pytest.raises(FetchTimeout):
        ask(lying([b"* OK x\r\n", *([b"*"] * 500)], drip=True), seconds=1)


@pytest.mark.parametrize(
    "chunks",
    [
        [b"* OK x\r\n* CAPABILITY {4000000000}\r\n"],
        [b"* OK x\r\n", *([b"* OK " + b"y" * 900 + b"\r\n"] * 20_000)],
        [b"* OK " + b"z" * 3_000_000],
        [b"\x00\xff" * 500, b"\r\n"],
        [b"HTTP/1.1 200 OK\r\n\r\n"],
    ],
    ids=["a huge literal", "endless lines", "a long line", "garbage", "HTTP"],
)
def test_a_flood_is_refused(lying, chunks):
    """No announced length is believed and no flood held: it fails, with a reason."""
    with pytest.raises(FetchError):
        ask(lying(chunks), max_bytes=1_000_000, seconds=10)


# --- mails that lie ----------------------------------------------------------------------------


def entries_of(*raws):
    messages = [Message(f"1.{n}", len(raw), raw) for n, raw in enumerate(raws, 1)]
    return parse(pack(messages), None, URL)


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\x00" * 500,
        b"Subject: =?utf-8?b?//////?=\r\n\r\nx",
        b"Subject: =?no-such?q?a?=\r\n\r\nx",
        b"Subject: x\r\nDate: Thu, 99 Foo 99999 99:99:99 +9999\r\n\r\ny",
        b"Subject: x\r\nFrom: =?utf-8?q?=0D=0ABcc=3A_x?= <a@b>\r\n\r\ny",
        b"Content-Type: text/plain; charset=no-such\r\nSubject: x\r\n\r\ny",
        b"Content-Type: multipart/mixed; boundary=a\r\nSubject: x\r\n\r\n" + b"--a\r\n\r\n" * 5000,
        b"Content-Type: message/rfc822\r\n\r\n" * 3000,
        b"Subject: " + b"=?utf-8?q?a?= " * 20_000 + b"\r\n\r\n",
        b"Content-Transfer-Encoding: base64\r\nSubject: x\r\n\r\n!!!!",
        b"Content-Type: text/html\r\nSubject: x\r\n\r\n" + b"<a href=" * 20_000,
        b"From: " + b"(" * 20_000 + b"\r\nSubject: x\r\n\r\ny",
        "Subject: 原始八位\r\n\r\n正文".encode("gb18030"),
    ],
)
def test_no_mail_costs_another(raw):
    """Whatever a message is, the one after it is read, and it is an entry or has its reason."""
    document = entries_of(raw, bytes(mail("After")))
    assert document.entries[-1].title == "After"
    assert len(document.entries) + len(document.rejected) == 2
    assert all("\n" not in entry.title for entry in document.entries)


def test_texts_and_addresses():
    """HTML is read where there is no plain text, and the web version is the article's address."""
    message = mail("=?x", "")
    message.clear_content()
    page = '<p>罚款&nbsp;<b>1</b></p><a href="https://w.example/?a=1&amp;b=2">在浏览器中查看</a>'
    message.set_content(page, subtype="html")
    archived = mail("Archived", "Text\n\nmore")
    archived["Archived-At"] = "<https://w.example/archive/1>"
    script = mail("Script")
    script["Archived-At"] = "<javascript:alert(1)>"

    first, second, third = entries_of(bytes(message), bytes(archived), bytes(script)).entries

    assert first.summary.startswith("罚款 1")
    assert first.link == "https://w.example/?a=1&b=2"
    assert (second.link, second.summary) == ("https://w.example/archive/1", "Text\nmore")
    assert third.link is None


def test_an_odd_message_is_read_once(engine, server, user, poll):
    """A message that cannot be read is in the ledger with its reason, and holds up no other."""
    server.append(user, b"X-Empty: yes\r\n\r\n", mail("Rain"))
    first = poll()
    again = poll()
    with engine.begin() as connection:
        rejected = connection.scalars(select(t.polls.c.rejected).order_by(t.polls.c.id)).all()
    assert (first.new_articles, again.unchanged, rejected) == (1, 1, [1, 0])


# --- configuration -----------------------------------------------------------------------------

CONFIG = """feeds:
  - id: letters
    imap:
      host: {host}
      username: desk
      {secret}
"""


def config(tmp_path, host="imap.example.com", secret=""):
    path = tmp_path / "config.yaml"
    path.write_text(CONFIG.format(host=host, secret=secret), "utf-8")
    return path


def test_settings(tmp_path):
    """The password comes from a variable or a file, and is in no address."""
    (tmp_path / "secret").write_text("s3cret\n", "utf-8")
    for secret in ("password: ${IMAP_PASSWORD}", f"password_file: {tmp_path}/secret"):
        loaded = load(config(tmp_path, secret=secret), {"IMAP_PASSWORD": "s3cret"})
        [feed] = loaded.model_feeds()
        assert feed.url == "imaps://desk@imap.example.com:993/INBOX"
        assert loaded.feeds[0].imap.to_mailbox().password == "s3cret"
        assert "s3cret" not in repr(loaded) + repr(loaded.feeds[0].imap.to_mailbox())


@pytest.mark.parametrize(
    ("text", "mistake"),
    [
        ("{imap: {host: h, username: u, password: p}}", "needs an `id`"),
        ("{id: a, imap: {host: h, username: u}}", "needs a `password`"),
        ("{id: a, imap: {host: h, username: u, password: p, security: none}}", "in clear"),
        ("{id: a, url: 'https://a.example/', imap: {host: h, username: u, password: p}}", "beside"),
        ("{id: a}", "needs a `url`, or `imap`"),
        ("{id: a, imap: {host: h, username: u, password: p, senders: ['a b']}}", "part of one"),
    ],
)
def test_mistakes(tmp_path, text, mistake):
    """What cannot work stops the start, with file and line."""
    path = tmp_path / "config.yaml"
    path.write_text(f"feeds:\n  - {text}\n", "utf-8")
    with pytest.raises(ConfigError, match=mistake) as failed:
        load(path, {})
    assert str(failed.value).startswith(f"{path}:2: feeds[0]")
