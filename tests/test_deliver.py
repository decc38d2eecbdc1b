"""Delivery: every digest arrives, and only a broken line may repeat one."""

from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from threading import Event

import pytest
from sqlalchemy import insert, select

from monitor.errors import MailDeferred, MailRefused, MailUnsure
from monitor.model import DeliveryStatus, Undelivered
from monitor.pipeline.deliver import LAST_RETRY, LEASE, deliver_due, retry_after
from monitor.store import deliveries
from monitor.store import schema as t

DIGEST = {
    "id": 1,
    "subscription": "desk",
    "lexicon": "x",
    "content": {},
    "subject": "News",
    "text": "text",
    "html": "<p>html</p>",
}


class Mailbox:
    """Takes mails, or answers with `then[recipient]`."""

    def __init__(self):
        self.mails, self.then = [], {}

    def send(self, mail, before_last):
        self.mails.append(mail)
        error = self.then.get(mail.recipient)
        if isinstance(error, MailRefused | MailDeferred):
            raise error
        before_last(f"to {mail.recipient} ".encode(), b"body")
        if error is not None:
            raise error

    def rest(self):
        pass


@pytest.fixture
def mailbox():
    return Mailbox()


@pytest.fixture(autouse=True)
def _two_deliveries(engine, clock):
    rows = [
        {
            "digest_id": 1,
            "recipient": recipient,
            "message_id": f"<{recipient}>",
            "status": "waiting",
            "attempts": 0,
            "doubts": 0,
            "due_at": clock.now(),
        }
        for recipient in ("a@x.example", "b@x.example")
    ]
    with engine.begin() as connection:
        when = {"slot": clock.now(), "composed_at": clock.now()}
        connection.execute(insert(t.digests), [{**DIGEST, **when}])
        connection.execute(insert(t.deliveries), rows)


def states(engine):
    with engine.begin() as connection:
        return dict(
            connection.execute(select(t.deliveries.c.recipient, t.deliveries.c.status)).all()
        )


def test_sent_once(engine, mailbox, clock):
    """A delivery the server took is never tried again."""
    first = deliver_due(engine, mailbox, clock)
    clock.at += timedelta(days=1)
    second = deliver_due(engine, mailbox, clock)

    assert (first, second) == (2, 0)
    assert sorted(mail.recipient for mail in mailbox.mails) == ["a@x.example", "b@x.example"]


def test_a_refusal_is_final_and_the_other_is_not_touched(engine, mailbox, clock):
    """550 for one recipient ends that delivery and delays nobody."""
    mailbox.then["a@x.example"] = MailRefused("550 no such user")
    deliver_due(engine, mailbox, clock)
    clock.at += timedelta(days=1)
    deliver_due(engine, mailbox, clock)

    assert len(mailbox.mails) == 2
    assert states(engine) == {"a@x.example": "refused", "b@x.example": "sent"}


def test_a_deferral_is_tried_again_in_time(engine, mailbox, clock):
    """451 is tried again after a while and not before, and arrives in the end."""
    mailbox.then["a@x.example"] = MailDeferred("451 later")
    deliver_due(engine, mailbox, clock)
    deliver_due(engine, mailbox, clock)
    assert len(mailbox.mails) == 2
    clock.at += retry_after(1)
    mailbox.then.clear()
    deliver_due(engine, mailbox, clock)

    assert states(engine) == {"a@x.example": "sent", "b@x.example": "sent"}
    assert len(mailbox.mails) == 3


def test_a_deferral_does_not_make_an_unsure_delivery_sure(engine, mailbox, clock):
    """What may have arrived once stays marked as such while the server says "not now"."""
    mailbox.then["a@x.example"] = MailUnsure("lost")
    deliver_due(engine, mailbox, clock)
    mailbox.then["a@x.example"] = MailDeferred("451 later")
    clock.at += retry_after(1)
    deliver_due(engine, mailbox, clock)

    assert states(engine) == {"a@x.example": "unsure", "b@x.example": "sent"}


def test_a_hand_over_within_its_lease_is_not_taken_by_another(engine, clock):
    """However long a mail server may take, no second worker hands the same mail over meanwhile."""

    class Slow(Mailbox):
        def send(self, mail, before_last):
            clock.at += timedelta(minutes=10)
            deliver_due(engine, other, clock, worker="other:1")
            super().send(mail, before_last)

    slow, other = Slow(), Mailbox()
    deliver_due(engine, slow, clock, lease=timedelta(minutes=11), at_once=1)

    sent = [mail.recipient for mail in slow.mails + other.mails]
    assert sorted(sent) == ["a@x.example", "b@x.example"]


def test_an_unanswered_mail_is_resent_once(engine, mailbox, clock):
    """A server that never answers gets a mail twice, not every hour; the delivery stays unsure."""
    mailbox.then["a@x.example"] = MailUnsure("no answer")
    for _ in range(30):
        deliver_due(engine, mailbox, clock)
        clock.at += timedelta(hours=1)

    assert [mail.recipient for mail in mailbox.mails].count("a@x.example") == 2
    assert states(engine) == {"a@x.example": "unsure", "b@x.example": "sent"}


def test_the_wait_doubles():
    """The wait doubles up to an hour and stays there."""
    waits = [retry_after(attempt) for attempt in range(1, 1000)]
    assert waits == sorted(waits)
    assert waits[0] == timedelta(minutes=1)
    assert waits[-1] == LAST_RETRY


def row_of(engine, recipient="a@x.example"):
    with engine.begin() as connection:
        query = select(t.deliveries).where(t.deliveries.c.recipient == recipient)
        return connection.execute(query).one()


def test_what_is_put_off_for_days_is_given_up(engine, mailbox, clock):
    """After its patience a deferred delivery has failed, with the reason, and is left alone."""
    mailbox.then["a@x.example"] = MailDeferred("451 later")
    for _ in range(30 * 24):
        deliver_due(engine, mailbox, clock, patience=timedelta(days=5))
        clock.at += timedelta(hours=1)

    given_up = row_of(engine)
    assert (given_up.status, given_up.due_at) == ("failed", None)
    assert given_up.last_error == "451 later"
    assert 100 < given_up.attempts < 130
    with engine.begin() as connection:
        told = deliveries.troubled(connection, since=clock.now() - timedelta(days=31))
    assert told == [("a@x.example", "failed", given_up.attempts, "451 later")]


def test_patience_counts_from_the_first_attempt(engine, mailbox, clock):
    """A week in which the service was down takes nothing from a delivery's chances."""
    clock.at += timedelta(days=7)
    mailbox.then["a@x.example"] = MailDeferred("451 later")
    deliver_due(engine, mailbox, clock)

    assert row_of(engine).status == "waiting"


@pytest.mark.parametrize("error", [MailRefused("550 gone"), MailDeferred("451 later")])
def test_what_ended_badly_comes_back(engine, mailbox, clock, error):
    """Once its recipient takes a mail again, one that was refused or given up is sent as well."""
    mailbox.then["a@x.example"] = error
    deliver_due(engine, mailbox, clock, patience=timedelta())
    assert row_of(engine).status in {"refused", "failed"}
    mailbox.then.clear()
    mailbox.mails.clear()
    another_digest(engine, clock, "a@x.example")
    deliver_due(engine, mailbox, clock)

    assert [mail.message_id for mail in mailbox.mails] == ["<2-a@x.example>", "<a@x.example>"]
    assert row_of_digest(engine, 1).status == "sent"


def test_what_is_refused_for_itself_comes_back_twice(engine, clock):
    """A mail that is refused while others of its recipient arrive is left alone in the end."""

    class Picky(Mailbox):
        def send(self, mail, before_last):
            super().send(mail, before_last)
            if mail.message_id == "<a@x.example>":
                raise MailRefused("554 spam")

    picky = Picky()
    for number in range(2, 9):
        another_digest(engine, clock, "a@x.example", number)
        deliver_due(engine, picky, clock)

    assert [mail.message_id for mail in picky.mails].count("<a@x.example>") == 3
    assert row_of_digest(engine, 1).status == "refused"


def another_digest(engine, clock, recipient, number=2):
    with engine.begin() as connection:
        slot = clock.now() + timedelta(seconds=number)
        digest = {**DIGEST, "id": number, "slot": slot, "composed_at": clock.now()}
        connection.execute(insert(t.digests), [digest])
        row = {"digest_id": number, "recipient": recipient, "due_at": clock.now()}
        row |= {"message_id": f"<{number}-{recipient}>", "status": "waiting"}
        connection.execute(insert(t.deliveries), [row | {"attempts": 0, "doubts": 0}])


def row_of_digest(engine, digest):
    with engine.begin() as connection:
        query = select(t.deliveries).where(t.deliveries.c.digest_id == digest)
        return connection.execute(query.order_by(t.deliveries.c.id)).first()


def test_a_slow_recipient_delays_nobody(engine, clock):
    """While one hand-over hangs, the other recipient's is made, and so is one that comes later."""
    gone_on = Event()

    class Hanging(Mailbox):
        def send(self, mail, before_last):
            if mail.message_id == "<a@x.example>":
                another_digest(engine, clock, "late@x.example")
                assert gone_on.wait(30)
            super().send(mail, before_last)
            if mail.recipient == "late@x.example":
                gone_on.set()

    mailbox = Hanging()
    deliver_due(engine, mailbox, clock, at_once=2)

    assert [mail.recipient for mail in mailbox.mails][-1] == "a@x.example"
    assert len(mailbox.mails) == 3


def test_those_never_tried_come_first(engine, mailbox, clock):
    """What is put off again and again stands behind what was never tried."""
    mailbox.then["a@x.example"] = MailDeferred("451 later")
    deliver_due(engine, mailbox, clock)
    clock.at += timedelta(hours=1)
    another_digest(engine, clock, "new@x.example")
    mailbox.mails.clear()
    deliver_due(engine, mailbox, clock, at_once=1)

    assert [mail.recipient for mail in mailbox.mails] == ["new@x.example", "a@x.example"]


def test_no_transaction_is_open_during_a_hand_over(engine, clock):
    """While a mail server is spoken to, no connection to the database is held."""
    pool = engine.pool
    held = []

    class Watching(Mailbox):
        def send(self, mail, before_last):
            held.append(pool.checkedout())
            super().send(mail, before_last)
            held.append(pool.checkedout())

    deliver_due(engine, Watching(), clock, at_once=1)

    assert held == [0, 0, 0, 0]


def test_a_death_before_the_last_byte_leaves_no_doubt(engine, clock):
    """Killed before the last byte was next, a delivery waits and is made again, not repeated."""

    class Dying(Mailbox):
        def send(self, _mail, _before_last):
            raise SystemExit

    with suppress(SystemExit):
        deliver_due(engine, Dying(), clock, at_once=1)
    assert row_of(engine).status == "waiting"
    clock.at += LEASE
    with engine.begin() as connection:
        again = deliveries.claim_due(
            connection, now=clock.now(), lease=LEASE, patience=LEASE, worker="here:2"
        )

    assert (again.resumed, again.head) == (False, None)


def test_a_worker_that_lost_its_lease_does_not_end_its_mail(engine, clock):
    """When another process has taken a delivery up, the first does not send the last byte."""

    class Late(Mailbox):
        def send(self, mail, before_last):
            clock.at += 2 * LEASE
            deliver_due(engine, other, clock, worker="other:1")
            super().send(mail, before_last)
            ended.append(mail)

    late, other, ended = Late(), Mailbox(), []
    deliver_due(engine, late, clock, at_once=1)

    assert ended == []
    assert len(other.mails) == 2
    assert states(engine) == {"a@x.example": "sent", "b@x.example": "sent"}


def test_what_was_sent_can_be_shown(engine, clock):
    """The bytes of a mail are kept once it may have left, and forgotten if it certainly did not."""

    class Refusing(Mailbox):
        def send(self, mail, before_last):
            super().send(mail, before_last)
            if mail.recipient == "a@x.example":
                raise MailRefused("554 no")

    deliver_due(engine, Refusing(), clock)
    with engine.begin() as connection:
        shown = [deliveries.message(connection, number) for number in (1, 2, 3)]

    assert shown == [None, b"to b@x.example body", None]


def test_the_next_digest_tells_what_did_not_arrive(engine, mailbox, clock):
    """A subscription's next digest says that an earlier one has not reached all its recipients."""
    mailbox.then["a@x.example"] = MailRefused("550 gone")
    deliver_due(engine, mailbox, clock)
    with engine.begin() as connection:
        since = clock.now() - timedelta(days=7)
        told = deliveries.undelivered(connection, since=since)
        later = deliveries.undelivered(connection, since=since + timedelta(days=8))

    assert told == {"desk": [Undelivered(clock.now(), 1, 2)]}
    assert later == {}


def test_an_operator_has_them_tried_again(engine, mailbox, clock):
    """What was refused is due again when an operator says so; what was taken is not."""
    mailbox.then["a@x.example"] = MailRefused("550 gone")
    deliver_due(engine, mailbox, clock)
    with engine.begin() as connection:
        bad = deliveries.ended_badly(connection)
        told = deliveries.retry(connection, [1, 2, 3], now=clock.now())
    mailbox.then.clear()
    deliver_due(engine, mailbox, clock)

    assert bad == [1]
    assert told == {
        1: None,
        2: "was taken, and is not sent again",
        3: "there is no such delivery",
    }
    assert states(engine) == {"a@x.example": "sent", "b@x.example": "sent"}


@pytest.mark.parametrize(
    "then",
    [MailUnsure("lost"), SystemExit(), RuntimeError("odd")],
    ids=["line breaks", "dies here", "odd"],
)
def test_an_unknown_outcome_is_repeated_with_the_same_bytes(engine, mailbox, clock, then):
    """What may or may not have arrived is sent again, as the same message, not too soon."""
    mailbox.then["a@x.example"] = then
    with suppress(SystemExit):  # as a killed process: nothing was recorded after the claim
        deliver_due(engine, mailbox, clock)
    mailbox.then.clear()
    deliver_due(engine, mailbox, clock)
    too_early = [mail.recipient for mail in mailbox.mails].count("a@x.example")
    clock.at += max(LEASE, retry_after(1))
    deliver_due(engine, mailbox, clock)

    mine = [mail for mail in mailbox.mails if mail.recipient == "a@x.example"]
    assert (too_early, len(mine)) == (1, 2)
    assert mine[1] == replace(mine[0], head=b"to a@x.example ", body=b"body")
    assert states(engine) == {"a@x.example": DeliveryStatus.SENT, "b@x.example": "sent"}
