"""Deliver: hand every due delivery over, and record how it went.

SMTP cannot promise "exactly once": when the line breaks after the last byte, nobody can know
whether the mail was taken (RFC 1047). Such a delivery is marked unsure and sent again under the
same Message-ID with the same bytes, by which many mail programs fold repeats. Once: a server that
leaves the second one unanswered too would else get a copy an hour.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

import structlog

from monitor.errors import MailDeferred, MailRefused, MailUnsure
from monitor.model import DeliveryStatus, Mail
from monitor.store import deliveries
from monitor.store.engine import reading

if TYPE_CHECKING:
    from threading import Event

    from monitor.model import DeliveryToMake
    from monitor.ports import Clock, Mailer
    from monitor.store.engine import Sessions

LEASE = timedelta(minutes=3)  # must outlast one hand-over: else two workers send one mail
FIRST_RETRY = timedelta(minutes=1)
LAST_RETRY = timedelta(hours=1)  # and every hour from then on: what was not taken is never given up
RESENDS = 1  # of a mail that was handed over whole and never answered

log = structlog.get_logger()


def deliver_due(
    sessions: Sessions,
    mailer: Mailer,
    clock: Clock,
    stop: Event | None = None,
    *,
    worker: str = "here",
    lease: timedelta = LEASE,
) -> int:
    """Hand over every delivery that is due; return how many were taken.

    *lease* must outlast the longest hand-over of *mailer*.
    """
    taken = 0
    while stop is None or not stop.is_set():
        with reading(sessions) as session:
            if not deliveries.any_due(session, now=clock.now()):
                return taken
        with sessions.begin() as session:
            delivery = deliveries.claim_due(session, now=clock.now(), lease=lease, worker=worker)
        if delivery is None:
            return taken
        outcome = _hand_over(delivery, mailer)
        status, now = outcome.status, clock.now()
        doubts = delivery.doubts + outcome.unanswered
        due_at = None
        if status in {DeliveryStatus.WAITING, DeliveryStatus.UNSURE} and doubts <= RESENDS:
            due_at = now + retry_after(delivery.attempt)
        with sessions.begin() as session:
            mine = deliveries.settle(
                session,
                delivery,
                status,
                now=now,
                due_at=due_at,
                error=outcome.error,
                doubts=doubts,
            )
        if not mine:
            log.error("delivery outlasted its lease", delivery=delivery.id, status=status)
        taken += status is DeliveryStatus.SENT
    return taken


def retry_after(attempt: int) -> timedelta:
    """Return how long to wait after attempt number *attempt*: doubling, an hour at most."""
    doublings: int = min(attempt - 1, 10)
    return min(FIRST_RETRY * (1 << doublings), LAST_RETRY)


@dataclass(frozen=True, slots=True)
class _Outcome:
    status: DeliveryStatus
    error: str | None = None
    unanswered: bool = False  # handed over whole, and no answer came


def _hand_over(delivery: DeliveryToMake, mailer: Mailer) -> _Outcome:
    bound = log.bind(
        delivery=delivery.id, subscription=delivery.subscription, message_id=delivery.message_id
    )
    if delivery.resumed:
        bound.warning("delivery repeated", reason="an earlier attempt may have been taken")
    try:
        mailer.send(mail(delivery))
    except MailRefused as error:
        bound.error("delivery refused", error=str(error))
        return _Outcome(DeliveryStatus.REFUSED, str(error))
    except MailDeferred as error:
        bound.warning("delivery deferred", error=str(error), attempt=delivery.attempt)
        # That nothing was handed over now does not tell what became of an earlier attempt.
        before = DeliveryStatus.UNSURE if delivery.resumed else DeliveryStatus.WAITING
        return _Outcome(before, str(error))
    except MailUnsure as error:
        bound.warning("delivery unsure", error=str(error), attempt=delivery.attempt)
        return _Outcome(DeliveryStatus.UNSURE, str(error), unanswered=True)
    except Exception as error:  # noqa: BLE001 - the one broad catch of this step
        # Not foreseen, so nobody can know how far it got; the others are not to wait for it.
        bound.exception("delivery failed")
        return _Outcome(DeliveryStatus.UNSURE, f"{type(error).__name__}: {error}", unanswered=True)
    bound.info("delivery sent", attempt=delivery.attempt)
    return _Outcome(DeliveryStatus.SENT)


def mail(delivery: DeliveryToMake) -> Mail:
    """Return the message of *delivery*: the same values at every attempt."""
    return Mail(
        message_id=delivery.message_id,
        recipient=delivery.recipient,
        list_name=delivery.subscription,
        date=delivery.composed_at,
        subject=delivery.rendered.subject,
        text=delivery.rendered.text,
        html=delivery.rendered.html,
    )
