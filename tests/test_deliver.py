"""Delivery: every digest arrives, and only a broken line may repeat one."""

from contextlib import suppress
from datetime import timedelta

import pytest
from sqlalchemy import insert, select

from monitor.errors import MailDeferred, MailRefused, MailUnsure
from monitor.model import DeliveryStatus
from monitor.pipeline.deliver import LAST_RETRY, LEASE, deliver_due, retry_after
from monitor.store.schema import DeliveryRow, DigestRow

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

    def send(self, mail):
        self.mails.append(mail)
        error = self.then.get(mail.recipient)
        if error is not None:
            raise error


@pytest.fixture
def mailbox():
    return Mailbox()


@pytest.fixture(autouse=True)
def _two_deliveries(sessions, clock):
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
    with sessions.begin() as session:
        when = {"slot": clock.now(), "composed_at": clock.now()}
        session.execute(insert(DigestRow), [{**DIGEST, **when}])
        session.execute(insert(DeliveryRow), rows)


def states(sessions):
    with sessions.begin() as session:
        return dict(session.execute(select(DeliveryRow.recipient, DeliveryRow.status)).all())


def test_sent_once(sessions, mailbox, clock):
    """A delivery the server took is never tried again."""
    first = deliver_due(sessions, mailbox, clock)
    clock.at += timedelta(days=1)
    second = deliver_due(sessions, mailbox, clock)

    assert (first, second) == (2, 0)
    assert [mail.recipient for mail in mailbox.mails] == ["a@x.example", "b@x.example"]


def test_a_refusal_is_final_and_the_other_is_not_touched(sessions, mailbox, clock):
    """550 for one recipient ends that delivery and delays nobody."""
    mailbox.then["a@x.example"] = MailRefused("550 no such user")
    deliver_due(sessions, mailbox, clock)
    clock.at += timedelta(days=1)
    deliver_due(sessions, mailbox, clock)

    assert len(mailbox.mails) == 2
    assert states(sessions) == {"a@x.example": "refused", "b@x.example": "sent"}


def test_a_deferral_is_tried_again_in_time(sessions, mailbox, clock):
    """451 is tried again after a while and not before, and arrives in the end."""
    mailbox.then["a@x.example"] = MailDeferred("451 later")
    deliver_due(sessions, mailbox, clock)
    deliver_due(sessions, mailbox, clock)
    assert len(mailbox.mails) == 2
    clock.at += retry_after(1)
    mailbox.then.clear()
    deliver_due(sessions, mailbox, clock)

    assert states(sessions) == {"a@x.example": "sent", "b@x.example": "sent"}
    assert len(mailbox.mails) == 3


def test_a_deferral_does_not_make_an_unsure_delivery_sure(sessions, mailbox, clock):
    """What may have arrived once stays marked as such while the server says "not now"."""
    mailbox.then["a@x.example"] = MailUnsure("lost")
    deliver_due(sessions, mailbox, clock)
    mailbox.then["a@x.example"] = MailDeferred("451 later")
    clock.at += retry_after(1)
    deliver_due(sessions, mailbox, clock)

    assert states(sessions) == {"a@x.example": "unsure", "b@x.example": "sent"}


def test_a_hand_over_within_its_lease_is_not_taken_by_another(sessions, clock):
    """However long a mail server may take, no second worker hands the same mail over meanwhile."""

    class Slow(Mailbox):
        def send(self, mail):
            clock.at += timedelta(minutes=10)
            deliver_due(sessions, other, clock, worker="other:1")
            super().send(mail)

    slow, other = Slow(), Mailbox()
    deliver_due(sessions, slow, clock, lease=timedelta(minutes=11))

    sent = [mail.recipient for mail in slow.mails + other.mails]
    assert sorted(sent) == ["a@x.example", "b@x.example"]


def test_an_unanswered_mail_is_resent_once(sessions, mailbox, clock):
    """A server that never answers gets a mail twice, not every hour; the delivery stays unsure."""
    mailbox.then["a@x.example"] = MailUnsure("no answer")
    for _ in range(30):
        deliver_due(sessions, mailbox, clock)
        clock.at += timedelta(hours=1)

    assert [mail.recipient for mail in mailbox.mails].count("a@x.example") == 2
    assert states(sessions) == {"a@x.example": "unsure", "b@x.example": "sent"}


def test_a_deferral_is_never_given_up():
    """The wait doubles up to an hour and stays there."""
    waits = [retry_after(attempt) for attempt in range(1, 1000)]
    assert waits == sorted(waits)
    assert waits[0] == timedelta(minutes=1)
    assert waits[-1] == LAST_RETRY


@pytest.mark.parametrize(
    "then",
    [MailUnsure("lost"), SystemExit(), RuntimeError("odd")],
    ids=["line breaks", "dies here", "odd"],
)
def test_an_unknown_outcome_is_repeated_with_the_same_bytes(sessions, mailbox, clock, then):
    """What may or may not have arrived is sent again, as the same message, not too soon."""
    mailbox.then["a@x.example"] = then
    with suppress(SystemExit):  # as a killed process: nothing was recorded after the claim
        deliver_due(sessions, mailbox, clock)
    mailbox.then.clear()
    deliver_due(sessions, mailbox, clock)
    too_early = [mail.recipient for mail in mailbox.mails].count("a@x.example")
    clock.at += max(LEASE, retry_after(1))
    deliver_due(sessions, mailbox, clock)

    mine = [mail for mail in mailbox.mails if mail.recipient == "a@x.example"]
    assert (too_early, len(mine)) == (1, 2)
    assert mine[0] == mine[1]
    assert states(sessions) == {"a@x.example": DeliveryStatus.SENT, "b@x.example": "sent"}
