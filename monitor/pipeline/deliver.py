"""Deliver: hand every due delivery over, and record how it went.

* SMTP cannot promise "exactly once": when the line breaks after the last byte, nobody can know
  whether the mail was taken (RFC 1047). Such a delivery is marked unsure and sent again under the
  same Message-ID with the same bytes, by which many mail programs fold repeats. Once: a server
  that leaves the second one unanswered too would else get a copy an hour.
* Right before that byte "handing_over" is committed, so a process that dies earlier has sent
  nothing, and the delivery is simply made again. No transaction is open across a dialogue.
* Several are handed over at once, each in a thread, and each is claimed when its turn comes: a
  slow one holds up nobody, and no lease runs out in a queue.
* A channel gets one at a time: nobody can tell whether it bears more, and what is stuck in one then
  takes no more than one thread.
* What is put off for days is given up, visibly. It comes back when its recipient takes another
  mail, or when an operator says so.
"""

from __future__ import annotations

from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

from monitor import logs, traces
from monitor.errors import LeaseLost, MailDeferred, MailRefused, MailUnsure
from monitor.model import DeliveryStatus, Mail, Way, is_address
from monitor.store import deliveries
from monitor.store.engine import reading

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import datetime
    from threading import Event

    from sqlalchemy import Engine

    from monitor.model import DeliveryToMake
    from monitor.ports import Clock, Mailer

LEASE = timedelta(minutes=3)  # must outlast one hand-over: else two workers send one mail
PATIENCE = timedelta(days=5)  # RFC 5321, 4.5.4.1: "generally needs to be at least 4-5 days"
AT_ONCE = 4
FIRST_RETRY = timedelta(minutes=1)
LAST_RETRY = timedelta(hours=1)  # and every hour from then on, until patience ends
LONGEST_WISH = timedelta(days=1)  # of a server that wants to be left alone
RESENDS = 1  # of a mail that was handed over whole and never answered
LOOK_S = 1.0  # how often it is looked for new deliveries while others are handed over

_OPEN = frozenset({DeliveryStatus.WAITING, DeliveryStatus.UNSURE})

log = logs.get_logger()


def deliver_due(  # noqa: PLR0913 - three parts and how to use them, each with a default
    engine: Engine,
    mailer: Mailer,
    clock: Clock,
    stop: Event | None = None,
    *,
    worker: str = "here",
    lease: timedelta = LEASE,
    patience: timedelta = PATIENCE,
    at_once: int = AT_ONCE,
    to: Way = Way.ANY,
) -> int:
    """Hand over every delivery that is due, *at_once* at a time; return how many were taken.

    *to* is what recipients must be: a round for channels waits for no mail. *lease* must outlast
    the longest hand-over of *mailer*; *patience* is how long a delivery is put off. Returns when
    none is due and none under way.
    """
    step = _Step(engine, mailer, clock, worker, lease, patience, to)
    taken = 0
    running: dict[Future[bool], str] = {}
    with ThreadPoolExecutor(at_once, thread_name_prefix="deliver") as pool:
        while True:
            while len(running) < at_once and not (stop and stop.is_set()):
                busy = {recipient for recipient in running.values() if not is_address(recipient)}
                delivery = step.claim(busy)
                if delivery is None:
                    break
                running[pool.submit(step.make, delivery)] = delivery.recipient
            if not running:
                break
            done, _ = wait(running, LOOK_S, return_when=FIRST_COMPLETED)
            for future in done:
                del running[future]
            taken += sum(future.result() for future in done)
    mailer.rest()
    return taken


def retry_after(attempt: int) -> timedelta:
    """Return how long to wait after attempt number *attempt*: doubling, an hour at most."""
    doublings: int = min(attempt - 1, 10)
    return min(FIRST_RETRY * (1 << doublings), LAST_RETRY)


@dataclass(frozen=True, slots=True)
class Outcome:
    """How an attempt ended; *unanswered* if it was handed over whole and no answer came.

    *retry_after* is how long whoever was asked wants to be left alone.
    """

    status: DeliveryStatus
    error: str | None = None
    unanswered: bool = False
    retry_after: timedelta | None = None


def what_next(
    delivery: DeliveryToMake, outcome: Outcome, now: datetime
) -> tuple[DeliveryStatus, datetime | None]:
    """Return the status after *outcome*, and when to try again if at all."""
    status, doubts = outcome.status, delivery.doubts + outcome.unanswered
    if status not in _OPEN or doubts > RESENDS:
        return status, None
    if delivery.give_up_at is None or now < delivery.give_up_at:
        wish = min(outcome.retry_after or timedelta(), LONGEST_WISH)
        return status, now + max(retry_after(delivery.attempt), wish)
    return DeliveryStatus.FAILED if status is DeliveryStatus.WAITING else status, None


@dataclass(frozen=True, slots=True)
class _Step:
    engine: Engine
    mailer: Mailer
    clock: Clock
    worker: str
    lease: timedelta
    patience: timedelta
    to: Way

    def claim(self, busy: Collection[str]) -> DeliveryToMake | None:
        """Take the next delivery that is due, to none of *busy*; if none is, nothing is written."""
        now = self.clock.now()
        with reading(self.engine) as connection:
            if not deliveries.any_due(connection, now=now, to=self.to, but=busy):
                return None
        with self.engine.begin() as connection:
            return deliveries.claim_due(
                connection,
                now=now,
                lease=self.lease,
                patience=self.patience,
                worker=self.worker,
                to=self.to,
                but=busy,
            )

    def make(self, delivery: DeliveryToMake) -> bool:
        """Hand *delivery* over and record what became of it; return whether it was taken."""
        of = {"delivery": delivery.id, "subscription": delivery.subscription}
        with traces.span("deliver", None, **of, attempt=delivery.attempt) as span:
            status = self._make(delivery)
            span.say(status=status, message_id=delivery.message_id)
        return status is DeliveryStatus.SENT

    def _make(self, delivery: DeliveryToMake) -> DeliveryStatus:
        outcome = _HandOver(self.engine, delivery).through(self.mailer)
        now = self.clock.now()
        status, due_at = what_next(delivery, outcome, now)
        if status is DeliveryStatus.FAILED:
            log.error(
                "delivery given up",
                delivery=delivery.id,
                subscription=delivery.subscription,
                attempts=delivery.attempt,
                error=outcome.error,
            )
        with self.engine.begin() as connection:
            mine = deliveries.settle(
                connection,
                delivery,
                status,
                now=now,
                due_at=due_at,
                error=outcome.error,
                doubts=delivery.doubts + outcome.unanswered,
            )
        if not mine:
            log.error("delivery outlasted its lease", delivery=delivery.id, status=status)
        return status


@dataclass(slots=True)
class _HandOver:
    engine: Engine
    delivery: DeliveryToMake
    near_end: bool = field(default=False)

    def through(self, mailer: Mailer) -> Outcome:
        """Hand the delivery to *mailer*; return how it ended, whatever happens."""
        delivery = self.delivery
        bound = log.bind(
            delivery=delivery.id, subscription=delivery.subscription, message_id=delivery.message_id
        )
        if delivery.resumed:
            bound.warning("delivery repeated", reason="an earlier attempt may have been taken")
        try:
            mailer.send(mail(delivery), self._before_last)
        except MailRefused as error:
            bound.error("delivery refused", error=str(error))
            return Outcome(DeliveryStatus.REFUSED, str(error))
        except (MailDeferred, LeaseLost) as error:
            bound.warning("delivery deferred", error=str(error), attempt=delivery.attempt)
            return self._put_off(str(error), getattr(error, "retry_after", None))
        except MailUnsure as error:
            bound.warning("delivery unsure", error=str(error), attempt=delivery.attempt)
            return Outcome(DeliveryStatus.UNSURE, str(error), unanswered=not error.repeatable)
        except Exception as error:  # noqa: BLE001 - the one broad catch of this step
            # Not foreseen; the others are not to wait for it.
            bound.exception("delivery failed")
            said = f"{type(error).__name__}: {error}"
            if not self.near_end:
                return self._put_off(said)
            return Outcome(DeliveryStatus.UNSURE, said, unanswered=True)
        bound.info("delivery sent", attempt=delivery.attempt)
        return Outcome(DeliveryStatus.SENT)

    def _put_off(self, said: str, wait: timedelta | None = None) -> Outcome:
        # That nothing was handed over now does not tell what became of an earlier attempt.
        status = DeliveryStatus.UNSURE if self.delivery.resumed else DeliveryStatus.WAITING
        return Outcome(status, said, retry_after=wait)

    def _before_last(self, head: bytes, body: bytes | None) -> None:
        with self.engine.begin() as connection:
            if not deliveries.near_end(connection, self.delivery, head, body):
                raise LeaseLost(
                    "nothing was handed over: another process has taken it up, or the recipient"
                    " has left the list"
                )
        self.near_end = True


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
        attachments=delivery.rendered.attachments,
        head=delivery.head,
        body=delivery.body,
        brief=delivery.brief,
    )
