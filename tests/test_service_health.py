"""Whether the service is healthy: what it promised and does not do is named, and nothing else."""

from datetime import timedelta

from monitor.model import Feed
from monitor.pipeline.health import UNPOLLED, check
from monitor.store import feeds, workers

MINUTE = timedelta(minutes=1)


def start(sessions, clock, name="here:1"):
    with sessions.begin() as session:
        workers.started(session, name, now=clock.now())


def beat(sessions, clock, name="here:1"):
    with sessions.begin() as session:
        workers.beat(session, name, now=clock.now())


def reasons(sessions, clock):
    return check(sessions, clock, ()).reasons


def test_a_feed_that_nobody_polls(sessions, clock):
    """A service that beats but polls no more is not healthy; one just started may be late."""
    with sessions.begin() as session:
        feeds.sync(session, [Feed("a", "https://a.example/", "a")], now=clock.now() - 9 * UNPOLLED)
    start(sessions, clock)
    clock.at += UNPOLLED - MINUTE
    beat(sessions, clock)
    assert reasons(sessions, clock) == ()

    clock.at += 2 * MINUTE
    beat(sessions, clock)
    assert reasons(sessions, clock) == ("a feed is due and nobody polls it",)

    with sessions.begin() as session:
        feeds.claim_due(session, now=clock.now(), lease=MINUTE, limit=1, worker="here:1")
    assert reasons(sessions, clock) == ()


def test_a_stop_after_a_death_is_a_stop(sessions, clock):
    """A process that was killed long ago does not hide that its successor was stopped."""
    start(sessions, clock, "here:1")
    clock.at += timedelta(hours=1)
    start(sessions, clock, "here:2")
    clock.at += timedelta(hours=1)
    with sessions.begin() as session:
        workers.stopped(session, "here:2", now=clock.now())
    assert reasons(sessions, clock) == ("the service was stopped at 2026-11-23 10:00:00 UTC",)


def test_a_stop_beside_a_running_service_is_none(sessions, clock):
    """As long as one of several processes runs, the service runs."""
    start(sessions, clock, "here:1")
    start(sessions, clock, "here:2")
    with sessions.begin() as session:
        workers.stopped(session, "here:2", now=clock.now() + MINUTE / 2)
    assert reasons(sessions, clock) == ()
