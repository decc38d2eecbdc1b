"""Health: is the service doing what it promised? Reads the store, decides, changes nothing."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from monitor.digest.slots import latest_slot
from monitor.store import browse, claims, deliveries, digests, heartbeats, room, workers
from monitor.store.engine import reading

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from sqlalchemy import Connection, Engine

    from monitor.model import Subscription
    from monitor.ports import Clock

OVERDUE = timedelta(minutes=10)  # for a digest or a delivery that nobody takes up
UNPOLLED = timedelta(minutes=30)  # for a feed: behind many slow ones it may have to wait
REFUSED = timedelta(days=7)  # how long a refused delivery is a warning


@dataclass(frozen=True, slots=True)
class Health:
    """*reasons* make the service unhealthy; *warnings* are an operator's business."""

    reasons: tuple[str, ...]
    warnings: tuple[str, ...]

    @property
    def healthy(self) -> bool:
        """Return whether there is no reason against it."""
        return not self.reasons


def check(
    engine: Engine, clock: Clock, subscriptions: Sequence[Subscription], *, warn: bool = True
) -> Health:
    """Return the health of the service that works on this database, without warnings if asked."""
    now = clock.now()
    with reading(engine) as connection:
        reasons = [
            *_silence(connection, now),
            *(
                f"digest {name!r} of {slot:%Y-%m-%d %H:%M} UTC was not made"
                for name, slot in overdue_digests(connection, now, subscriptions)
            ),
            *_overdue_deliveries(connection, now),
            *_overdue_feeds(connection, now),
        ]
        warnings = _warnings(connection, now) if warn else []
    full = room.shortage(engine)
    return Health((*reasons, *([full] if full else ())), tuple(warnings))


def _silence(connection: Connection, now: datetime) -> list[str]:
    beat_at, stopped_at = workers.last_beat(connection, now=now), workers.last_stop(connection)
    if beat_at is not None and now - beat_at <= workers.SILENCE:
        return []
    if stopped_at is not None and (beat_at is None or beat_at < stopped_at):
        return [f"the service was stopped at {stopped_at:%Y-%m-%d %H:%M:%S} UTC"]
    if beat_at is None:
        return ["no service has run on this database"]
    return [f"no sign of life since {beat_at:%Y-%m-%d %H:%M:%S} UTC"]


def overdue_digests(
    connection: Connection,
    now: datetime,
    subscriptions: Sequence[Subscription],
    *,
    by: timedelta = OVERDUE,
) -> list[tuple[str, datetime]]:
    """Return name and slot of each digest that should have been made that long ago."""
    slots = [(item.name, latest_slot(item.schedule, now - by)) for item in subscriptions]
    return [
        (name, slot)
        for name, slot in slots
        if digests.is_open(connection, name, slot)
        and not digests.made_since(connection, name, slot)
    ]


def _overdue_deliveries(connection: Connection, now: datetime) -> list[str]:
    if deliveries.any_due(connection, now=now - OVERDUE):
        return ["a delivery is due and nobody takes it up"]
    return []


def _overdue_feeds(connection: Connection, now: datetime) -> list[str]:
    started_at = workers.last_start(connection, now=now)
    if started_at is None or now - started_at < UNPOLLED:
        return []  # after a pause all feeds are due, and their turn comes
    if claims.any_due(connection, now=now - UNPOLLED):
        return ["a feed is due and nobody polls it"]
    return []


def _warnings(connection: Connection, now: datetime) -> list[str]:
    watcher = heartbeats.failing(connection, now=now)
    untold = (
        [f"the heartbeat failed (attempt {watcher.attempts}): {watcher.error}"] if watcher else []
    )
    return [*_feeds(connection), *_failed_deliveries(connection, now), *untold]


def _feeds(connection: Connection) -> list[str]:
    return [
        f"feed {it.key} is {it.state}: {it.reason}"
        for it in browse.feeds(connection)
        if it.reason and it.state != "off"
    ]


def _failed_deliveries(connection: Connection, now: datetime) -> list[str]:
    return [
        f"delivery to {recipient} is {status} after {attempts} attempts: {error}"
        for recipient, status, attempts, error in deliveries.troubled(
            connection, since=now - REFUSED
        )
    ]
