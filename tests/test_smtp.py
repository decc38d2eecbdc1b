"""Handing over by SMTP: what a real server takes, refuses, or leaves us unsure of."""

import socket
import threading
from datetime import UTC, datetime, timedelta
from time import monotonic

import pytest
import trustme
from mails import SENDER, ignore, mail
from smtpserver import Fault, Script, SmtpServer, server_tls

from monitor.deliver.message import build
from monitor.deliver.smtp import SmtpMailer, SmtpSettings
from monitor.errors import ConfigError, MailDeferred, MailRefused, MailUnsure

SECOND = timedelta(seconds=1)
LOGIN = {"username": "user", "password": "s3cret-pass"}


@pytest.fixture(scope="module")
def authority():
    return trustme.CA()


@pytest.fixture(scope="module")
def trusted(authority, tmp_path_factory):
    path = tmp_path_factory.mktemp("tls") / "authority.pem"
    authority.cert_pem.write_to_path(path)
    return {"ca_file": path}


@pytest.fixture
def submission(authority):
    """Return a server as providers run them: STARTTLS and a login, or nothing."""
    with SmtpServer(tls=server_tls(authority), login=tuple(LOGIN.values())) as server:
        yield server


def send(server, *, script=None, message=None, **settings):
    if script:
        server.script = script
    mailer = SmtpMailer(server.settings(**settings), SENDER)
    try:
        mailer.send(message or mail(), ignore)
    finally:
        mailer.rest()


# --- taken -------------------------------------------------------------------------------------


def test_starttls_and_login(submission, trusted):
    """Through STARTTLS and a login the mail arrives, byte for byte, under our address."""
    send(submission, security="starttls", **LOGIN, **trusted)

    [taken] = submission.taken
    assert taken.encrypted
    assert taken.sender == "monitor@desk.example"
    assert taken.recipients == ("reader@example.com",)
    assert taken.content == build(mail(), SENDER)
    assert submission.logins == [("user", "s3cret-pass")]
    assert submission.commands[-1] == "QUIT"


def test_tls_from_the_start(authority, trusted):
    """Implicit TLS works like STARTTLS."""
    with SmtpServer(tls=server_tls(authority), implicit=True) as server:
        send(server, security="tls", **trusted)

    [taken] = server.taken
    assert taken.encrypted
    assert taken.content == build(mail(), SENDER)


def test_in_clear_if_configured():
    """Without encryption, which must be configured, a mail is handed over in clear."""
    with SmtpServer() as server:
        send(server)

    assert server.taken[0].content == build(mail(), SENDER)


def test_we_are_known_by_our_address():
    """The greeting names our address, not the machine, and asks no name server."""
    with SmtpServer() as server:
        send(server)

    assert server.commands[0] == "EHLO [127.0.0.1]"


def test_dots_survive():
    """Lines that begin with dots arrive as they were."""
    dotted = mail(text=".\n..\n.x\n" * 50, html=".")
    with SmtpServer() as server:
        send(server, message=dotted)

    assert server.taken[0].content == build(dotted, SENDER)


def test_a_mailer_is_used_again():
    """After any failure the same mailer hands over the next mail."""
    with SmtpServer(Script(drop="dot")) as server:
        mailer = SmtpMailer(server.settings(), SENDER)
        with pytest.raises(MailUnsure):
            mailer.send(mail(), ignore)
        server.script = Script()
        mailer.send(mail(), ignore)
        mailer.rest()

    assert len(server.taken) == 1


# --- one connection, several mails -------------------------------------------------------------


def connections(server):
    return sum(command.startswith("EHLO") for command in server.commands)


def test_a_connection_serves_several_mails():
    """Mails go one after the other over one connection, refusals in between, until a rest."""
    with SmtpServer(Script(rcpt={"gone@example.com": "550 gone"})) as server:
        mailer = SmtpMailer(server.settings(), SENDER)
        mailer.send(mail(), ignore)
        with pytest.raises(MailRefused):
            mailer.send(mail(recipient="gone@example.com"), ignore)
        mailer.send(mail(), ignore)
        before = connections(server)
        mailer.rest()
        mailer.send(mail(), ignore)
        mailer.rest()

    assert (before, connections(server)) == (1, 2)
    assert len(server.taken) == 3
    assert server.commands[-1] == "QUIT"


def test_a_login_serves_several_mails(submission, trusted):
    """A connection is encrypted and logged in once, however many mails go over it."""
    settings = submission.settings(security="starttls", **LOGIN, **trusted)
    mailer = SmtpMailer(settings, SENDER)
    for _ in range(3):
        mailer.send(mail(), ignore)
    mailer.rest()

    assert len(submission.taken) == 3
    assert len(submission.logins) == 1


def test_a_server_that_hung_up_meanwhile_costs_no_mail():
    """A connection that was closed between two mails is replaced, and nobody notices."""
    with SmtpServer() as server:
        mailer = SmtpMailer(server.settings(), SENDER)
        mailer.send(mail(), ignore)
        server.hang_up()
        mailer.send(mail(), ignore)
        mailer.rest()

    assert len(server.taken) == 2


@pytest.mark.parametrize("fault", [{"reply": "451 enough"}, {"do": "drop"}])
def test_a_server_that_takes_one_mail_a_connection(fault):
    """Where a connection is good for one mail only, the next goes over a fresh one at once."""
    with SmtpServer() as server:
        mailer = SmtpMailer(server.settings(), SENDER)
        mailer.send(mail(), ignore)
        server.fault = Fault("MAIL", **fault)
        mailer.send(mail(), ignore)
        mailer.rest()

    assert connections(server) == 2
    assert len(server.taken) == 2


def test_a_refused_login_is_not_tried_for_every_mail(submission, trusted):
    """A wrong password is tried once until the mailer rests: a thousand times lock an account."""
    wrong = LOGIN | {"password": "wr0ng-pass"}
    settings = submission.settings(security="starttls", **wrong, **trusted)
    mailer = SmtpMailer(settings, SENDER)
    for _ in range(5):
        with pytest.raises(MailDeferred, match="login refused: 535"):
            mailer.send(mail(), ignore)
    tried = len(submission.logins)
    mailer.rest()
    with pytest.raises(MailDeferred, match="login refused: 535"):
        mailer.send(mail(), ignore)

    assert tried in {1, 2}  # by PLAIN and by LOGIN
    assert len(submission.logins) == 2 * tried


def test_the_last_byte_waits_for_its_record():
    """What is called before the last byte may stop it: then the server has no mail."""

    def object_(head, body):
        assert head + body == build(mail(), SENDER)
        raise KeyError

    with SmtpServer() as server:
        mailer = SmtpMailer(server.settings(), SENDER)
        with pytest.raises(KeyError):
            mailer.send(mail(), object_)
        mailer.send(mail(), ignore)
        mailer.rest()

    assert len(server.taken) == 1


# --- refused and deferred ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("script", "error", "said"),
    [
        (Script(rcpt={"*": "451 4.7.1 greylisted"}), MailDeferred, "recipient not accepted: 451"),
        (Script(rcpt={"*": "550 5.1.1 no such user"}), MailRefused, "550 5.1.1 no such user"),
        (Script(rcpt={"*": "530 5.7.0 log in first"}), MailDeferred, "530 5.7.0"),
        (Script(mail="550 5.7.1 not from you"), MailDeferred, "sender not accepted: 550"),
        (Script(mail="552 5.3.4 too large"), MailRefused, "552 5.3.4"),
        (Script(data="452 4.3.1 disk full"), MailDeferred, "message not accepted: 452"),
        (Script(data="554 5.7.1 spam"), MailRefused, "message not accepted: 554 5.7.1 spam"),
        (Script(data="421 4.3.2 going down"), MailDeferred, "421 4.3.2"),
        (Script(greeting="421 too busy"), MailDeferred, "greeting not accepted: 421 too busy"),
        (Script(greeting="554 go away"), MailDeferred, "greeting not accepted: 554"),
        (Script(greeting="what?"), MailDeferred, "greeting not accepted"),
        (Script(drop="greeting"), MailDeferred, "nothing was handed over"),
        (Script(drop="dot"), MailUnsure, "after the last byte: it may have been taken"),
        (Script(data="what?"), MailUnsure, "no answer but"),
        (Script(data="354 again"), MailUnsure, "no answer but"),
    ],
)
def test_what_became_of_it(script, error, said):
    """4xx and lost lines defer, 5xx to recipient or message refuse, a lost answer is unsure."""
    long = mail(text="A line of a text that does not fit one packet.\n" * 2000)
    with SmtpServer(script) as server, pytest.raises(error) as raised:
        send(server, message=long)

    assert type(raised.value) is error
    assert said in str(raised.value)
    assert str(raised.value).startswith(f"127.0.0.1:{server.port}: ")
    assert server.taken == []


@pytest.mark.parametrize("encrypted", [False, True])
def test_line_lost_in_the_middle(authority, trusted, encrypted):
    """A line that breaks in the middle of the message defers it: the dot was never sent."""
    huge = mail(text="x" * 75 * 200_000)  # no buffer on the way can hold it
    tls = server_tls(authority) if encrypted else None
    settings = {"security": "tls", **trusted} if encrypted else {}
    with (
        SmtpServer(Script(drop="data"), tls=tls, implicit=encrypted) as server,
        pytest.raises(MailDeferred, match="nothing was handed over"),
    ):
        send(server, message=huge, **settings)

    assert server.taken == []


def test_taken_but_never_said():
    """A server that takes the mail and then falls silent leaves us unsure, not sure of failure."""
    with SmtpServer(Script(drop="answer")) as server, pytest.raises(MailUnsure):
        send(server)

    assert len(server.taken) == 1


def test_one_recipient_does_not_spoil_another():
    """A refusal for one recipient is that recipient's alone."""
    with SmtpServer(Script(rcpt={"gone@example.com": "550 gone"})) as server:
        with pytest.raises(MailRefused):
            send(server, message=mail(recipient="gone@example.com"))
        send(server, message=mail(recipient="here@example.com"))

    assert [taken.recipients for taken in server.taken] == [("here@example.com",)]


def test_nobody_listens():
    """A server that is down defers the mail and is named."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        settings = SmtpSettings("127.0.0.1", port, security="none")

        with pytest.raises(MailDeferred, match=f"127.0.0.1:{port}: Connection refused"):
            SmtpMailer(settings, SENDER).send(mail(), ignore)


def test_no_such_server():
    """A name that cannot be found defers the mail."""
    settings = SmtpSettings("mail.invalid", security="none", timeout=5 * SECOND)

    with pytest.raises(MailDeferred, match=r"mail\.invalid:587: .*; nothing was handed over"):
        SmtpMailer(settings, SENDER).send(mail(), ignore)


def test_reply_on_one_line():
    """A server's words come back on one line, printable and of bounded length."""
    reply = "550-first \x1b[2J阿里\r\n550-" + "x" * 400 + "\r\n550 last"
    with SmtpServer(Script(rcpt={"*": reply})) as server, pytest.raises(MailRefused) as raised:
        send(server)

    assert str(raised.value).isprintable()
    assert len(str(raised.value)) < 400


# --- addresses beyond ASCII --------------------------------------------------------------------


def test_smtputf8():
    """An address beyond ASCII is handed over where the server takes such."""
    with SmtpServer() as server:
        send(server, message=mail(recipient="读者@example.com"))

    assert server.taken[0].recipients == ("读者@example.com",)
    assert "SMTPUTF8" in server.commands[1]


def test_no_smtputf8():
    """Where the server takes no such address the mail is refused for good, and says why."""
    with (
        SmtpServer(utf8=False) as server,
        pytest.raises(MailRefused, match=r"no addresses beyond ASCII.*读者@example"),
    ):
        send(server, message=mail(recipient="读者@example.com"))


# --- TLS and login -----------------------------------------------------------------------------


def test_no_starttls_no_mail():
    """A server that does not offer STARTTLS is told neither mail nor password."""
    with (
        SmtpServer() as server,
        pytest.raises(MailDeferred, match="does not offer STARTTLS; no mail is sent in clear"),
    ):
        send(server, security="starttls", **LOGIN)

    assert server.taken == []
    assert [command.split()[0] for command in server.commands] == ["EHLO", "QUIT"]


@pytest.mark.parametrize("security", ["starttls", "tls"])
@pytest.mark.parametrize(
    ("flaw", "said"),
    [
        ("untrusted", "its certificate is not trusted: unable to get local issuer certificate"),
        ("expired", "its certificate is not trusted: certificate has expired"),
        ("other name", "its certificate is not trusted: IP address mismatch"),
    ],
)
def test_bad_certificate(authority, trusted, security, flaw, said):
    """A certificate that is not trusted, expired or another's ends the dialogue, nothing sent."""
    signed_by = trustme.CA() if flaw == "untrusted" else authority
    names = ("other.example",) if flaw == "other name" else ()
    until = {"not_after": datetime(2020, 1, 1, tzinfo=UTC)} if flaw == "expired" else {}
    tls = server_tls(signed_by, *names, **until)
    with (
        SmtpServer(tls=tls, implicit=security == "tls", login=tuple(LOGIN.values())) as server,
        pytest.raises(MailDeferred, match=said),
    ):
        send(server, security=security, **LOGIN, **trusted)

    assert server.taken == []
    assert server.logins == []


def test_wrong_password(submission, trusted):
    """A refused login defers the mail, says so, and does not say the password."""
    wrong = LOGIN | {"password": "wr0ng-pass"}

    with pytest.raises(MailDeferred, match="login refused: 535") as raised:
        send(submission, security="starttls", **wrong, **trusted)

    assert "wr0ng-pass" not in str(raised.value)
    assert submission.taken == []


@pytest.mark.parametrize("without", ["PLAIN", "LOGIN"])
def test_either_login(authority, trusted, without):
    """A server that knows only PLAIN, or only LOGIN, is logged in to."""
    login = tuple(LOGIN.values())
    with SmtpServer(tls=server_tls(authority), login=login, without=[without]) as server:
        send(server, security="starttls", **LOGIN, **trusted)

    assert len(server.taken) == 1


def test_password_is_never_told(authority, trusted):
    """Even a server that echoes the login does not get the password into an error."""
    with (
        SmtpServer(
            Script(echo=True), tls=server_tls(authority), login=("u", "p"), without=["LOGIN"]
        ) as server,
        pytest.raises(MailDeferred, match=r"you said: PLAIN [*]{3}") as raised,
    ):
        send(server, security="starttls", **LOGIN, **trusted)

    assert "s3cret" not in str(raised.value)
    assert raised.value.__cause__ is None


def test_password_beyond_ascii(submission, trusted):
    """A password the protocol cannot carry defers the mail with a sentence."""
    odd = LOGIN | {"password": "пароль"}

    with pytest.raises(MailDeferred, match="login takes only ASCII"):
        send(submission, security="starttls", **odd, **trusted)


def test_settings_keep_the_password():
    """Settings do not show the password, and refuse to send it in clear."""
    assert "s3cret" not in repr(SmtpSettings("mx.example", **LOGIN))
    with pytest.raises(ValueError, match="never sent in clear"):
        SmtpSettings("mx.example", security="none", **LOGIN)


def test_missing_authorities(tmp_path):
    """A file of authorities that cannot be read stops the start, and is named."""
    for name in ("absent.pem", "empty.pem"):
        path = tmp_path / name
        if name == "empty.pem":
            path.write_text("", encoding="utf-8")
        with pytest.raises(ConfigError, match=name):
            SmtpMailer(SmtpSettings("mx.example", ca_file=path), SENDER)


# --- deadlines and stopping --------------------------------------------------------------------


@pytest.mark.parametrize("encrypted", [False, True])
def test_slow_server_meets_the_deadline(authority, trusted, encrypted):
    """A server that sends a byte now and then is ended by one deadline for the whole dialogue."""
    tls = server_tls(authority) if encrypted else None
    settings = {"security": "tls", **trusted} if encrypted else {}
    began = monotonic()
    with (
        SmtpServer(Script(drip=0.1), tls=tls, implicit=encrypted) as server,
        pytest.raises(MailDeferred, match=r"no end within 0\.8 s; nothing was handed over"),
    ):
        send(server, timeout=0.8 * SECOND, **settings)

    assert monotonic() - began < 5


def test_slow_answer_to_the_dot_is_unsure():
    """A deadline that falls after the last byte leaves the mail unsure."""
    script = Script(drip=0.5, drip_from="answer")  # so long that not even the code is complete
    with (
        SmtpServer(script) as server,
        pytest.raises(MailUnsure, match=r"no end within 0\.8 s, after the last byte"),
    ):
        send(server, timeout=0.8 * SECOND)

    assert len(server.taken) == 1


def test_a_silent_port_meets_the_deadline():
    """A port that takes connections and never speaks is ended by the deadline."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        settings = SmtpSettings(
            "127.0.0.1", silent.getsockname()[1], security="none", timeout=0.5 * SECOND
        )
        with pytest.raises(MailDeferred, match="nothing was handed over"):
            SmtpMailer(settings, SENDER).send(mail(), ignore)


def test_a_server_that_stops_reading_meets_the_deadline():
    """A server that reads no more in the middle of a mail is ended, and nothing was handed over."""
    replies = (b"220 mx", b"250 mx", b"250 OK", b"250 OK", b"354 go on")

    def serve():
        connection, _ = listening.accept()
        with connection, connection.makefile("rb") as commands:
            for number, reply in enumerate(replies):
                if number:
                    commands.readline()
                connection.sendall(reply + b"\r\n")
            ended.wait(30)

    ended = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listening:
        server = threading.Thread(target=serve)
        server.start()
        port = listening.getsockname()[1]
        settings = SmtpSettings("127.0.0.1", port, security="none", timeout=SECOND)
        huge = mail(text="x" * 75 * 200_000)  # no buffer on the way can hold it
        with pytest.raises(MailDeferred, match=r"no end within 1 s; nothing was handed over"):
            SmtpMailer(settings, SENDER).send(huge, ignore)
        ended.set()
        server.join()


def test_close_ends_a_dialogue():
    """Closing the mailer from another thread ends a dialogue at once; no other is begun."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        settings = SmtpSettings(
            "127.0.0.1", silent.getsockname()[1], security="none", timeout=60 * SECOND
        )
        mailer = SmtpMailer(settings, SENDER)

        def stop():
            connection, _ = silent.accept()
            mailer.close()
            connection.close()

        stopper = threading.Thread(target=stop)
        stopper.start()
        began = monotonic()
        with pytest.raises(MailDeferred, match="the service is stopping"):
            mailer.send(mail(), ignore)
        stopper.join()

    assert monotonic() - began < 10
    with pytest.raises(MailDeferred, match="not handed over: the service is stopping"):
        mailer.send(mail(), ignore)


def test_no_thread_is_left_behind():
    """Handing over leaves no thread running, whether it worked or not."""
    with SmtpServer() as server:
        before = set(threading.enumerate())
        send(server)
        server.script = Script(drop="dot")
        with pytest.raises(MailUnsure):
            send(server)
        begun = set(threading.enumerate()) - before
        for thread in begun:
            thread.join(5)

        assert not any(thread.is_alive() for thread in begun)
