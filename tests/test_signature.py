"""DKIM: whoever has the public key can see that a mail is ours, and that nobody changed it."""

import base64

import dkim
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from mails import SENDER, ignore, mail
from smtpserver import SmtpServer

from monitor.app import App
from monitor.deliver.message import Letterhead, build
from monitor.deliver.signature import SIGNED, signer
from monitor.deliver.smtp import SmtpMailer
from monitor.errors import ConfigError

FORMATS = {
    "PKCS#1": serialization.PrivateFormat.TraditionalOpenSSL,
    "PKCS#8": serialization.PrivateFormat.PKCS8,
}


@pytest.fixture(scope="module")
def key():
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def pem(key, form="PKCS#8"):
    kind = serialization.Encoding.PEM
    return key.private_bytes(kind, FORMATS[form], serialization.NoEncryption())


def letterhead(key, form="PKCS#8"):
    sign = signer(pem(key, form), "desk.example", "news")

    def ways_out(_list, _recipient):
        return ("https://m.example/u/1", "mailto:a@m.example")

    return Letterhead(SENDER.sender, ways_out, sign)


def verified(raw, key):
    """Return whether the signature of *raw* is that of *key*, as its domain's record tells it."""
    asked = []

    def record(name, timeout=5):
        asked.append((name, timeout))
        form = serialization.PublicFormat.SubjectPublicKeyInfo
        public = key.public_key().public_bytes(serialization.Encoding.DER, form)
        return b"v=DKIM1; k=rsa; p=" + base64.b64encode(public)

    try:
        good = dkim.DKIM(raw).verify(dnsfunc=record)
    except dkim.ValidationError:  # of another body
        return False
    assert [name for name, _ in asked] == [b"news._domainkey.desk.example."]
    return good


@pytest.mark.parametrize("form", FORMATS)
def test_a_receiver_can_verify_what_was_sent(key, form):
    """What a server takes bears one signature that is good, made with a key in either form."""
    with SmtpServer() as server:
        mailer = SmtpMailer(server.settings(), letterhead(key, form))
        mailer.send(mail(text=".dots\n..\n", subject="阿里巴巴" * 30), ignore)
        mailer.rest()

    raw = server.taken[0].content
    assert raw.count(b"DKIM-Signature:") == 1
    assert verified(raw, key)
    assert max(map(len, raw.split(b"\r\n"))) <= 998


@pytest.mark.parametrize("name", [*SIGNED[:10], "body"])
def test_every_header_is_signed(key, name):
    """Whoever changes a header or the body breaks the signature."""
    raw = build(mail(), letterhead(key))
    if name == "body":
        changed = raw.replace(b"dots", b"d0ts")
    else:
        head, _, rest = raw.partition(f"\r\n{name}: ".encode())
        changed = head + f"\r\n{name}: x".encode() + rest

    assert changed != raw
    assert not verified(changed, key)


@pytest.mark.parametrize("name", ["From", "To", "Subject", "Date"])
def test_no_header_can_be_added(key, name):
    """A second From, To, Subject or Date breaks the signature."""
    raw = build(mail(), letterhead(key))

    assert not verified(f"{name}: evil <evil@x.example>\r\n".encode() + raw, key)


@pytest.mark.parametrize("wrong", [b"", b"no key", b"-----BEGIN RSA PRIVATE KEY-----\nAAAA\n-----"])
def test_a_wrong_key_stops_the_start(wrong):
    """A file that is no key is a mistake of the configuration, with the key it stands under."""
    with pytest.raises(ConfigError, match=r"delivery\.dkim\.key: .*RSA key in PEM") as raised:
        signer(wrong, "desk.example", "news")

    assert "AAAA" not in str(raised.value)


def test_a_configured_key_signs(key, tmp_path):
    """A key file in the configuration signs the mails, under the domain they are from."""
    (tmp_path / "key.pem").write_bytes(pem(key))
    path = tmp_path / "config.yaml"
    path.write_text(
        "feeds: []\n"
        "delivery:\n"
        "  from: Desk <m@desk.example>\n"
        "  contact: help@desk.example\n"
        f"  outbox: {tmp_path}/outbox\n"
        f"  dkim: {{selector: news, key_file: {tmp_path}/key.pem}}\n",
        encoding="utf-8",
    )

    with App.load(path, environ={}) as app:
        app.mailer.send(mail(), ignore)

    raw = next((tmp_path / "outbox").glob("*.eml")).read_bytes()
    assert verified(raw, key)
    assert b"<mailto:help@desk.example?subject=unsubscribe%20daily>" in raw
    assert b"BEGIN" not in str(app.config).encode()
