"""Who has left a list gets nothing more of it, whatever was on its way."""

from contextlib import suppress
from datetime import timedelta

import pytest
from sqlalchemy import insert, select
from test_deliver import DIGEST, Mailbox

from monitor.model import DeliveryStatus, LeftBy, Rendered
from monitor.pipeline.deliver import deliver_due
from monitor.store import deliveries, digests, suppressions
from monitor.store.schema import DeliveryRow, DigestRow, SuppressionRow

DESK = "desk@x.example"


class Quit(Exception):
    """Stands for a process that ends here."""


@pytest.fixture(autouse=True)
def _deliveries(sessions, clock):
    """Two subscriptions, each with a digest that waits for two recipients."""
    when = {"slot": clock.now(), "composed_at": clock.now()}
    with sessions.begin() as session:
        for number, name in ((11, "daily"), (12, "weekly")):
            digest = {**DIGEST, **when, "id": number, "subscription": name}
            session.execute(insert(DigestRow), [digest])
            rows = [
                {
                    "digest_id": number,
                    "recipient": to,
                    "message_id": f"<{number}{to}>",
                    "status": "waiting",
                    "attempts": 0,
                    "doubts": 0,
                    "due_at": clock.now(),
                }
                for to in ("Desk@x.example", "b@x.example")
            ]
            session.execute(insert(DeliveryRow), rows)


def leave(sessions, clock, name="daily", recipient=DESK, by=LeftBy.PAGE):
    with sessions.begin() as session:
        return suppressions.leave(session, name, recipient, now=clock.now(), by=by)


def states(sessions):
    query = (
        select(
            DigestRow.subscription, DeliveryRow.recipient, DeliveryRow.status, DeliveryRow.due_at
        )
        .join(DigestRow, DigestRow.id == DeliveryRow.digest_id)
        .order_by(DeliveryRow.id)
    )
    with sessions.begin() as session:
        return {
            (name, to): (str(status), due is None)
            for name, to, status, due in session.execute(query)
        }


def test_what_waits_ends_visibly(sessions, clock):
    """Leaving a list ends what waits there for that recipient, however spelt, and nothing else."""
    assert leave(sessions, clock)

    assert states(sessions) == {
        ("daily", "Desk@x.example"): ("unsubscribed", True),
        ("daily", "b@x.example"): ("waiting", False),
        ("weekly", "Desk@x.example"): ("waiting", False),
        ("weekly", "b@x.example"): ("waiting", False),
    }
    mailbox = Mailbox()
    deliver_due(sessions, mailbox, clock)
    assert sorted((mail.list_name, mail.recipient) for mail in mailbox.mails) == [
        ("daily", "b@x.example"),
        ("weekly", "Desk@x.example"),
        ("weekly", "b@x.example"),
    ]


def test_leaving_twice_is_leaving_once(sessions, clock):
    """The first time is the one that is remembered."""
    assert leave(sessions, clock, by=LeftBy.ONE_CLICK)
    clock.at += timedelta(hours=1)
    assert not leave(sessions, clock)

    with sessions.begin() as session:
        [row] = session.scalars(select(SuppressionRow)).all()
        assert (row.recipient, row.left_at, row.left_by) == (
            DESK,
            clock.now() - timedelta(hours=1),
            "one-click",
        )


def test_a_death_while_leaving_leaves_nothing_half_done(sessions, clock):
    """Whoever asks again after a crash leaves as if for the first time."""
    with suppress(Quit), sessions.begin() as session:
        suppressions.leave(session, "daily", DESK, now=clock.now(), by=LeftBy.PAGE)
        raise Quit
    assert set(states(sessions).values()) == {("waiting", False)}

    assert leave(sessions, clock)


def test_no_delivery_is_made_for_who_has_left(sessions, clock):
    """The next digests are for the others."""
    leave(sessions, clock)
    edition = digests.FrozenDigest(
        "daily",
        clock.now() + timedelta(days=1),
        clock.now(),
        "x",
        {},
        Rendered("s", "t", "h"),
        [],
        {"Desk@x.example": "<1@x>", "b@x.example": "<2@x>"},
    )
    with sessions.begin() as session:
        digests.freeze(session, edition)
        made = session.scalars(
            select(DeliveryRow.recipient).where(DeliveryRow.message_id.in_(["<1@x>", "<2@x>"]))
        ).all()

    assert made == ["b@x.example"]


def test_a_delivery_made_meanwhile_ends_when_its_turn_comes(sessions, clock):
    """Whatever makes a delivery due for who has left, a retry or a race, nothing goes out."""
    leave(sessions, clock)
    with sessions.begin() as session:
        for row in session.scalars(select(DeliveryRow)):
            row.status, row.due_at = DeliveryStatus.WAITING, clock.now()
    mailbox = Mailbox()

    deliver_due(sessions, mailbox, clock)

    assert ("daily", "Desk@x.example") not in [(it.list_name, it.recipient) for it in mailbox.mails]
    assert states(sessions)["daily", "Desk@x.example"] == ("unsubscribed", True)


def test_leaving_during_a_hand_over_stops_its_last_byte(sessions, clock):
    """A mail whose dialogue is under way when its recipient leaves is not finished."""

    class Slow(Mailbox):
        def send(self, mail, before_last):
            if (mail.list_name, mail.recipient) == ("daily", "Desk@x.example"):
                leave(sessions, clock)
            super().send(mail, before_last)
            self.finished.append((mail.list_name, mail.recipient))

        finished: list = []  # noqa: RUF012 - one mailbox

    mailbox = Slow()
    deliver_due(sessions, mailbox, clock, at_once=1)
    clock.at += timedelta(hours=1)
    deliver_due(sessions, mailbox, clock, at_once=1)

    assert ("daily", "Desk@x.example") not in mailbox.finished
    assert len(mailbox.finished) == 3
    assert states(sessions)["daily", "Desk@x.example"] == ("unsubscribed", True)


@pytest.mark.parametrize("status", ["unsure", "handing_over"])
def test_what_may_have_arrived_stays_so(sessions, clock, status):
    """Leaving sends no repetition, and claims nothing about what may be there already."""
    with sessions.begin() as session:
        for row in session.scalars(select(DeliveryRow)):
            row.status = DeliveryStatus(status)

    leave(sessions, clock)

    assert states(sessions)["daily", "Desk@x.example"] == ("unsure", True)


def test_coming_back(sessions, clock):
    """Who comes back gets the next digests, not those made meanwhile; all is on record."""
    leave(sessions, clock)
    clock.at += timedelta(days=1)
    with sessions.begin() as session:
        back = suppressions.come_back(
            session, "daily", DESK.upper(), now=clock.now(), by=LeftBy.OPERATOR
        )
        again = suppressions.come_back(session, "daily", DESK, now=clock.now(), by=LeftBy.PAGE)
        wanting = suppressions.wanting(session, "daily", ["Desk@x.example", "b@x.example"])
        [row] = session.scalars(select(SuppressionRow)).all()

    assert (back, again, wanting) == (True, False, ["Desk@x.example", "b@x.example"])
    assert (row.returned_at, row.returned_by) == (clock.now(), "operator")
    assert states(sessions)["daily", "Desk@x.example"] == ("unsubscribed", True)
    assert leave(sessions, clock)


def test_who_left_is_no_trouble(sessions, clock):
    """A delivery that ended since its reader left is told as no failure, and is not tried again."""
    leave(sessions, clock)
    since = clock.now() - timedelta(days=1)
    with sessions.begin() as session:
        assert deliveries.troubled(session, since=since) == []
        assert deliveries.undelivered(session, since=since) == {}
        ended = select(DeliveryRow.id).where(DeliveryRow.status == "unsubscribed")
        [number] = session.scalars(ended)
        assert deliveries.retry(session, [number], now=clock.now()) == {
            number: "its recipient has left the list"
        }
