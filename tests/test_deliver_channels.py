"""Channels on the whole step of delivery: one at a time, told truly, and in nobody's way."""

from datetime import timedelta
from threading import Thread

import pytest
from briefs import briefed, hit
from receiver import Receiver, Reply
from sqlalchemy import insert, select

from monitor.deliver.channels import AppriseChannel
from monitor.deliver.ways import Ways
from monitor.deliver.webhook import Webhook, WebhookSettings
from monitor.feeds.guard import Guard
from monitor.model import Way
from monitor.pipeline.deliver import deliver_due, retry_after
from monitor.store import deliveries
from monitor.store import schema as t

KEYS = (b"a secret of at least 24 octets, as is said",)
SHORT = timedelta(milliseconds=300)


class Mailbox:
    def __init__(self):
        self.mails = []

    def send(self, mail, before_last):
        before_last(b"head", b"body")
        self.mails.append(mail.recipient)

    def rest(self):
        pass


@pytest.fixture
def put(engine, clock):
    """Return a function that stores a digest, or an alert, for some recipients."""
    numbers = iter(range(1, 100))

    def store(*recipients, kind="digest"):
        number = next(numbers)
        with engine.begin() as connection:
            row = {
                "id": number,
                "subscription": "desk",
                "slot": clock.now() + timedelta(microseconds=number),
                "composed_at": clock.now(),
                "lexicon": "x",
                "content": {},
                "subject": "News",
                "text": "text",
                "html": "<p>html</p>",
                "kind": kind,
                "brief": briefed(hit(number)),
            }
            connection.execute(insert(t.digests), [row])
            common = {"digest_id": number, "due_at": clock.now()}
            rows = [
                {"recipient": name, "message_id": f"<{number}-{name}@x>", **common}
                for name in recipients
            ]
            connection.execute(insert(t.deliveries), rows)

    return store


def hook(receiver, timeout=timedelta(seconds=20)):
    settings = WebhookSettings(f"http://127.0.0.1:{receiver.port}/", KEYS, timeout)
    return Webhook(settings, Guard(["127.0.0.0/8"]).check_address)


def row_of(engine, recipient="hook"):
    with engine.begin() as connection:
        query = select(t.deliveries).where(t.deliveries.c.recipient == recipient)
        return connection.execute(query.order_by(t.deliveries.c.id)).first()


def test_mails_and_channels_go_their_own_ways(engine, clock, put):
    """One digest reaches an address, a chat and a webhook; each is a delivery of its own."""
    put("a@x.example", "chat", "hook")
    mailbox = Mailbox()
    with Receiver() as chat, Receiver() as receiver:
        ops = AppriseChannel("chat", f"json://127.0.0.1:{chat.port}/x", timedelta(seconds=20))
        ways = Ways(mailbox, {"chat": ops, "hook": hook(receiver)})
        taken = deliver_due(engine, ways, clock)

    assert taken == 3
    assert mailbox.mails == ["a@x.example"]
    assert (len(chat.taken), len(receiver.taken)) == (1, 1)
    with engine.begin() as connection:
        kept = [deliveries.message(connection, number) for number in (1, 2, 3)]
    assert kept[0] == b"headbody"
    assert kept[1].startswith(b"Monitor: Tue 24 Nov")
    assert kept[2] == receiver.taken[0].body


def test_a_hanging_channel_holds_up_no_mail(engine, clock, put):
    """Mails leave in their own round while a channel hangs; the channel gets one at a time."""
    for _ in range(5):
        put("a@x.example", "hook")
    mailbox = Mailbox()
    with Receiver(Reply(hold=True), Reply()) as receiver:
        ways = Ways(mailbox, {"hook": hook(receiver)})
        stuck = Thread(target=deliver_due, args=(engine, ways, clock), kwargs={"to": Way.CHANNEL})
        stuck.start()
        while not receiver.taken:
            pass
        mails = deliver_due(engine, ways, clock, to=Way.MAIL)
        during = len(receiver.taken)
        receiver.release.set()
        stuck.join()

    assert (mails, during) == (5, 1)
    assert len(receiver.taken) == 5


def test_an_unanswered_webhook_is_sent_until_it_is_answered(engine, clock, put):
    """Timeouts lose nothing and double nothing: one id, the same bytes, as often as it takes."""
    put("hook")
    with Receiver(*[Reply(drop=True)] * 5, Reply(204, body=b"")) as receiver:
        ways = Ways(Mailbox(), {"hook": hook(receiver)})
        for attempt in range(1, 8):
            deliver_due(engine, ways, clock)
            if attempt < 6:
                assert row_of(engine).status == "unsure"
            clock.at += retry_after(attempt)

    assert row_of(engine).status == "sent"
    assert len(receiver.taken) == 6
    assert len({taken.headers["webhook-id"] for taken in receiver.taken}) == 1
    assert len({taken.body for taken in receiver.taken}) == 1


def test_a_receiver_is_left_alone_as_it_wishes(engine, clock, put):
    """Retry-After is kept, if it is longer than our own wait; at most a day."""
    put("hook")
    wishes = [{"Retry-After": "7200"}, {"Retry-After": "1"}, {"Retry-After": "9999999"}]
    with Receiver(*[Reply(503, wish) for wish in wishes]) as receiver:
        ways = Ways(Mailbox(), {"hook": hook(receiver)})
        waits = []
        for _ in wishes:
            deliver_due(engine, ways, clock)
            waits.append(row_of(engine).due_at - clock.now())
            clock.at = row_of(engine).due_at

    assert waits == [timedelta(hours=2), retry_after(2), timedelta(days=1)]


def test_what_a_receiver_refused_comes_back_with_the_next(engine, clock, put):
    """410 ends a delivery, visibly; it comes back by itself when the receiver takes another."""
    put("hook")
    with Receiver(Reply(410), Reply(200), Reply(200)) as receiver:
        ways = Ways(Mailbox(), {"hook": hook(receiver)})
        deliver_due(engine, ways, clock)
        refused = row_of(engine)
        with engine.begin() as connection:
            told = deliveries.troubled(connection, since=clock.now() - timedelta(days=1))
        put("hook")
        deliver_due(engine, ways, clock)

    assert (refused.status, refused.due_at) == ("refused", None)
    assert told[0][:3] == ("hook", "refused", 1)
    assert row_of(engine).status == "sent"
    assert len(receiver.taken) == 3


def test_dying_while_a_webhook_is_under_way(engine, clock, put):
    """A process that dies after the body left leaves it due, with the bytes that were sent."""
    put("hook")

    class Dies(Webhook):
        def send(self, mail, before_last):
            super().send(mail, before_last)
            raise SystemExit

    with Receiver() as receiver:
        dies = Dies(hook(receiver)._settings, Guard(["127.0.0.0/8"]).check_address)
        with pytest.raises(SystemExit):
            deliver_due(engine, Ways(Mailbox(), {"hook": dies}), clock)
        clock.at += timedelta(hours=1)
        deliver_due(engine, Ways(Mailbox(), {"hook": hook(receiver)}), clock)

    first, second = receiver.taken
    assert first.body == second.body
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    assert row_of(engine).status == "sent"


def test_alerts_go_before_digests(engine, clock, put):
    """However many digests wait, an alert is the next to leave."""
    for _ in range(5):
        put("a@x.example")
    put("b@x.example", kind="alert")
    mailbox = Mailbox()

    deliver_due(engine, mailbox, clock, at_once=1)

    assert mailbox.mails[0] == "b@x.example"
