"""Webhooks: signed by the standard, the same bytes at every attempt, and told truly how it went."""

import base64
import json
import ssl
from datetime import timedelta

import pytest
import standardwebhooks
import trustme
from briefs import briefed, hit
from mails import ignore, mail
from receiver import Receiver, Reply

from monitor.deliver.webhook import Webhook, WebhookSettings
from monitor.errors import LeaseLost, MailDeferred, MailRefused, MailUnsure
from monitor.feeds.guard import Guard

KEYS = (b"first secret of at least 24 octets", b"second secret of at least 24 octets")
SLOW = timedelta(seconds=20)
SHORT = timedelta(milliseconds=300)


def webhook(receiver, *, keys=KEYS, timeout=SLOW, path="/hook?of=desk", private=("127.0.0.0/8",)):
    url = f"http://127.0.0.1:{receiver.port}{path}"
    return Webhook(WebhookSettings(url, keys, timeout), Guard(private).check_address)


def a_mail(**changes):
    return mail(recipient="ops", brief=briefed(hit()), **changes)


@pytest.mark.parametrize("key", KEYS)
def test_receivers_can_verify_it(key):
    """The library of the standard takes it with either secret, old or new."""
    with Receiver() as receiver:
        webhook(receiver).send(a_mail(), ignore)

    [taken] = receiver.taken
    known = standardwebhooks.Webhook("whsec_" + base64.b64encode(key).decode())
    told = known.verify(taken.body, taken.headers)
    assert taken.path == "/hook?of=desk"
    assert taken.headers["content-type"] == "application/json"
    assert taken.headers["webhook-id"] == "4f2a9c"
    assert told["type"] == "digest.composed"
    assert told["data"]["stories"][0]["company"] == {"key": "alibaba", "name": "Alibaba"}


def test_a_changed_body_is_found_out():
    """A signature holds for these bytes, this id and this time alone."""
    with Receiver() as receiver:
        webhook(receiver).send(a_mail(), ignore)

    [taken] = receiver.taken
    known = standardwebhooks.Webhook("whsec_" + base64.b64encode(KEYS[0]).decode())
    for headers, body in (
        (taken.headers, taken.body.replace(b"alibaba", b"tencent")),
        (taken.headers | {"webhook-id": "other"}, taken.body),
        (taken.headers | {"webhook-signature": "v1,AAAA"}, taken.body),
    ):
        with pytest.raises(standardwebhooks.WebhookVerificationError):
            known.verify(body, headers)


def test_a_repetition_has_the_same_bytes_and_id():
    """What was kept of an earlier attempt is sent again, whatever would be made of it now."""
    kept = []
    with Receiver() as receiver:
        webhook(receiver).send(a_mail(), lambda head, body: kept.append((head, body)))
        webhook(receiver).send(a_mail(head=kept[0][0], subject="other"), ignore)

    first, second = receiver.taken
    assert kept[0] == (first.body, None)
    assert first.body == second.body
    assert first.headers["webhook-id"] == second.headers["webhook-id"]


@pytest.mark.parametrize(
    ("reply", "error", "said", "wait"),
    [
        (Reply(410), MailRefused, "answered 410 ok: the receiver wants nothing more", None),
        (Reply(400, body=b"no such\nfield"), MailRefused, "answered 400 no such field", None),
        (Reply(401), MailRefused, "answered 401", None),
        (Reply(404), MailRefused, "answered 404", None),
        (Reply(302, {"Location": "http://10.0.0.1/"}), MailRefused, "a redirect", None),
        (Reply(408), MailDeferred, "answered 408", None),
        (Reply(425), MailDeferred, "answered 425", None),
        (Reply(429, {"Retry-After": "120"}), MailDeferred, "answered 429", 120),
        (Reply(500), MailDeferred, "answered 500", None),
        (Reply(503, {"Retry-After": "-5"}), MailDeferred, "answered 503", None),
        (Reply(503, {"Retry-After": "Wed, 21 Oct 2015 07:28:00 GMT"}), MailDeferred, "503", 0),
    ],
)
def test_answers(reply, error, said, wait):
    """Each answer means what HTTP says: final, later, or later as the receiver wishes."""
    with Receiver(reply) as receiver, pytest.raises(error) as caught:
        webhook(receiver).send(a_mail(), ignore)

    assert said in str(caught.value)
    if error is MailDeferred:
        assert caught.value.retry_after == (None if wait is None else timedelta(seconds=wait))


@pytest.mark.parametrize("status", [200, 201, 202, 204])
def test_taken(status):
    """Any 2xx is taken."""
    with Receiver(Reply(status, body=b"")) as receiver:
        webhook(receiver).send(a_mail(), ignore)

    assert len(receiver.taken) == 1


@pytest.mark.parametrize(
    "reply", [Reply(drop=True), Reply(hold=True), Reply(drip=0.02)], ids=["cut", "silent", "drip"]
)
def test_no_answer_is_unsure(reply):
    """Cut, silent or one byte at a time: it ends at the deadline, and may be sent again."""
    with Receiver(reply) as receiver, pytest.raises(MailUnsure) as caught:
        webhook(receiver, timeout=SHORT).send(a_mail(), ignore)

    assert caught.value.repeatable


def test_nobody_there_is_deferred():
    """A refused connection hands nothing over, and says so."""
    with Receiver() as receiver:
        gone = webhook(receiver)

    with pytest.raises(MailDeferred, match="Connection refused; nothing was handed over"):
        gone.send(a_mail(), ignore)


def test_a_lost_lease_sends_nothing():
    """If another process has taken the delivery, the body does not leave."""

    def lost(_head, _body):
        raise LeaseLost("another has it")

    with Receiver() as receiver, pytest.raises(LeaseLost):
        webhook(receiver).send(a_mail(), lost)

    assert all(not taken.body for taken in receiver.taken)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]", "169.254.169.254", "10.0.0.1"])
def test_private_addresses_are_not_entered(host):
    """Without `network.allow_private` no webhook goes to a private address, by whatever name."""
    settings = WebhookSettings(f"http://{host}:9/", KEYS, SHORT)

    with pytest.raises(MailDeferred, match="private or reserved network"):
        Webhook(settings, Guard().check_address).send(a_mail(), ignore)


def test_certificates_are_verified():
    """A receiver whose certificate nobody vouches for gets nothing."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(context)
    with Receiver(tls=context) as receiver:
        settings = WebhookSettings(f"https://127.0.0.1:{receiver.port}/", KEYS, SLOW)
        hook = Webhook(settings, Guard(["127.0.0.0/8"]).check_address)

        with pytest.raises(MailDeferred, match="its certificate is not trusted"):
            hook.send(a_mail(), ignore)

    assert receiver.taken == []


def test_its_secrets_do_not_show():
    """Neither the path, which is often a password, nor a secret is in an error or a repr."""
    with Receiver(Reply(404)) as receiver:
        hook = webhook(receiver, path="/services/T0KEN")
        with pytest.raises(MailRefused) as caught:
            hook.send(a_mail(), ignore)

    assert "T0KEN" not in str(caught.value) + repr(hook._settings)
    assert "secret of" not in repr(hook._settings)


def test_the_body_is_the_brief():
    """The documented JSON is the whole body: nothing is wrapped round it."""
    with Receiver() as receiver:
        webhook(receiver).send(a_mail(), ignore)

    assert json.loads(receiver.taken[0].body) == briefed(hit())
