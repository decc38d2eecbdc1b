"""Who has left a list gets nothing more of it, whatever was on its way."""

from contextlib import suppress
from datetime import timedelta

import pytest
from sqlalchemy import insert, select, update
from test_deliver import DIGEST, Mailbox

from monitor.model import DeliveryStatus, LeftBy, Rendered
from monitor.pipeline.deliver import deliver_due
from monitor.store import deliveries, digests, suppressions
from monitor.store import schema as t

DESK = "desk@x.example"


class Quit(Exception):
    """Stands for a process that ends here."""


@pytest.fixture(autouse=True)
def _deliveries(engine, clock):
    """Two subscriptions, each with a digest that waits for two recipients."""
    when = {"slot": clock.now(), "composed_at": clock.now()}
    with engine.begin() as connection:
        for number, name in ((11, "daily"), (12, "weekly")):
            digest = {**DIGEST, **when, "id": number, "subscription": name}
            connection.execute(insert(t.digests), [digest])
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
            connection.execute(insert(t.deliveries), rows)


def leave(engine, clock, name="daily", recipient=DESK, by=LeftBy.PAGE):
    with engine.begin() as connection:
        return suppressions.leave(connection, name, recipient, now=clock.now(), by=by)


def states(engine):
    query = (
        select(
            t.digests.c.subscription,
            t.deliveries.c.recipient,
            t.deliveries.c.status,
            t.deliveries.c.due_at,
        )
        .join(t.digests, t.digests.c.id == t.deliveries.c.digest_id)
        .order_by(t.deliveries.c.id)
    )
    with engine.begin() as connection:
        return {
            (name, to): (str(status), due is None)
            for name, to, status, due in connection.execute(query)
        }


def test_what_waits_ends_visibly(engine, clock):
    """Leaving a list ends what waits there for that recipient, however spelt, and nothing else."""
    assert leave(engine, clock)

    assert states(engine) == {
        ("daily", "Desk@x.example"): ("unsubscribed", True),
        ("daily", "b@x.example"): ("waiting", False),
        ("weekly", "Desk@x.example"): ("waiting", False),
        ("weekly", "b@x.example"): ("waiting", False),
    }
    mailbox = Mailbox()
    deliver_due(engine, mailbox, clock)
    assert sorted((mail.list_name, mail.recipient) for mail in mailbox.mails) == [
        ("daily", "b@x.example"),
        ("weekly", "Desk@x.example"),
        ("weekly", "b@x.example"),
    ]


def test_leaving_twice_is_leaving_once(engine, clock):
    """The first time is the one that is remembered."""
    assert leave(engine, clock, by=LeftBy.ONE_CLICK)
    clock.at += timedelta(hours=1)
    assert not leave(engine, clock)

    with engine.begin() as connection:
        [row] = connection.execute(select(t.suppressions)).all()
        assert (row.recipient, row.left_at, row.left_by) == (
            DESK,
            clock.now() - timedelta(hours=1),
            "one-click",
        )


def test_a_death_while_leaving_leaves_nothing_half_done(engine, clock):
    """Whoever asks again after a crash leaves as if for the first time."""
    with suppress(Quit), engine.begin() as connection:
        suppressions.leave(connection, "daily", DESK, now=clock.now(), by=LeftBy.PAGE)
        raise Quit
    assert set(states(engine).values()) == {("waiting", False)}

    assert leave(engine, clock)


def test_no_delivery_is_made_for_who_has_left(engine, clock):
    """The next digests are for the others."""
    leave(engine, clock)
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
    with engine.begin() as connection:
        digests.freeze(connection, edition)
        made = connection.scalars(
            select(t.deliveries.c.recipient).where(
                t.deliveries.c.message_id.in_(["<1@x>", "<2@x>"])
            )
        ).all()

    assert made == ["b@x.example"]


def test_a_delivery_made_meanwhile_ends_when_its_turn_comes(engine, clock):
    """Whatever makes a delivery due for who has left, a retry or a race, nothing goes out."""
    leave(engine, clock)
    with engine.begin() as connection:
        again = {"status": DeliveryStatus.WAITING, "due_at": clock.now()}
        connection.execute(update(t.deliveries).values(again))
    mailbox = Mailbox()

    deliver_due(engine, mailbox, clock)

    assert ("daily", "Desk@x.example") not in [(it.list_name, it.recipient) for it in mailbox.mails]
    assert states(engine)["daily", "Desk@x.example"] == ("unsubscribed", True)


def test_leaving_during_a_hand_over_stops_its_last_byte(engine, clock):
    """A mail whose dialogue is under way when its recipient leaves is not finished."""

    class Slow(Mailbox):
        def send(self, mail, before_last):
            if (mail.list_name, mail.recipient) == ("daily", "Desk@x.example"):
                leave(engine, clock)
            super().send(mail, before_last)
            self.finished.append((mail.list_name, mail.recipient))

        finished: list = []  # noqa: RUF012 - one mailbox

    mailbox = Slow()
    deliver_due(engine, mailbox, clock, at_once=1)
    clock.at += timedelta(hours=1)
    deliver_due(engine, mailbox, clock, at_once=1)

    assert ("daily", "Desk@x.example") not in mailbox.finished
    assert len(mailbox.finished) == 3
    assert states(engine)["daily", "Desk@x.example"] == ("unsubscribed", True)


@pytest.mark.parametrize("status", ["unsure", "handing_over"])
def test_what_may_have_arrived_stays_so(engine, clock, status):
    """Leaving sends no repetition, and claims nothing about what may be there already."""
    with engine.begin() as connection:
        connection.execute(update(t.deliveries).values(status=DeliveryStatus(status)))

    leave(engine, clock)

    assert states(engine)["daily", "Desk@x.example"] == ("unsure", True)


def test_coming_back(engine, clock):
    """Who comes back gets the next digests, not those made meanwhile; all is on record."""
    leave(engine, clock)
    clock.at += timedelta(days=1)
    with engine.begin() as connection:
        back = suppressions.come_back(
            connection, "daily", DESK.upper(), now=clock.now(), by=LeftBy.OPERATOR
        )
        again = suppressions.come_back(connection, "daily", DESK, now=clock.now(), by=LeftBy.PAGE)
        wanting = suppressions.wanting(connection, "daily", ["Desk@x.example", "b@x.example"])
        [row] = connection.execute(select(t.suppressions)).all()

    assert (back, again, wanting) == (True, False, ["Desk@x.example", "b@x.example"])
    assert (row.returned_at, row.returned_by) == (clock.now(), "operator")
    assert states(engine)["daily", "Desk@x.example"] == ("unsubscribed", True)
    assert leave(engine, clock)


def test_who_left_is_no_trouble(engine, clock):
    """A delivery that ended since its reader left is told as no failure, and is not tried again."""
    leave(engine, clock)
    since = clock.now() - timedelta(days=1)
    with engine.begin() as connection:
        assert deliveries.troubled(connection, since=since) == []
        assert deliveries.undelivered(connection, since=since) == {}
        ended = select(t.deliveries.c.id).where(t.deliveries.c.status == "unsubscribed")
        [number] = connection.scalars(ended)
        assert deliveries.retry(connection, [number], now=clock.now()) == {
            number: "its recipient has left the list"
        }
