"""Whether the service is healthy: what it promised and does not do is named, and nothing else."""

from datetime import timedelta

from monitor.model import Feed
from monitor.pipeline.health import UNPOLLED, check
from monitor.store import claims, feeds, workers

MINUTE = timedelta(minutes=1)


def start(engine, clock, name="here:1"):
    with engine.begin() as connection:
        workers.started(connection, name, now=clock.now())


def beat(engine, clock, name="here:1"):
    with engine.begin() as connection:
        workers.beat(connection, name, now=clock.now())


def reasons(engine, clock):
    return check(engine, clock, ()).reasons


def test_a_feed_that_nobody_polls(engine, clock):
    """A service that beats but polls no more is not healthy; one just started may be late."""
    with engine.begin() as connection:
        feeds.sync(
            connection, [Feed("a", "https://a.example/", "a")], now=clock.now() - 9 * UNPOLLED
        )
    start(engine, clock)
    clock.at += UNPOLLED - MINUTE
    beat(engine, clock)
    assert reasons(engine, clock) == ()

    clock.at += 2 * MINUTE
    beat(engine, clock)
    assert reasons(engine, clock) == ("a feed is due and nobody polls it",)

    with engine.begin() as connection:
        claims.claim_due(connection, now=clock.now(), lease=MINUTE, limit=1, worker="here:1")
    assert reasons(engine, clock) == ()


def test_a_stop_after_a_death_is_a_stop(engine, clock):
    """A process that was killed long ago does not hide that its successor was stopped."""
    start(engine, clock, "here:1")
    clock.at += timedelta(hours=1)
    start(engine, clock, "here:2")
    clock.at += timedelta(hours=1)
    with engine.begin() as connection:
        workers.stopped(connection, "here:2", now=clock.now())
    assert reasons(engine, clock) == ("the service was stopped at 2026-11-23 10:00:00 UTC",)


def test_a_stop_beside_a_running_service_is_none(engine, clock):
    """As long as one of several processes runs, the service runs."""
    start(engine, clock, "here:1")
    start(engine, clock, "here:2")
    with engine.begin() as connection:
        workers.stopped(connection, "here:2", now=clock.now() + MINUTE / 2)
    assert reasons(engine, clock) == ()
