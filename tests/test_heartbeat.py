"""Heartbeats: a watcher is told of rounds that went well, once each, and of no other."""

from contextlib import ExitStack
from datetime import timedelta

import pytest
from feedserver import FeedServer, answer
from sqlalchemy import select, update
from websites import put_digest

from monitor.app import App
from monitor.config import load
from monitor.pipeline.health import check
from monitor.store import heartbeats
from monitor.store import schema as t

CONFIG = """
companies: [alibaba]
topics: [antitrust]
subscriptions:
  - {{name: daily, to: [desk@example.com, b@example.com], at: "07:30"}}
  - {{name: morning, to: [desk@example.com], at: "07:30"}}
database: {database}
delivery: {{outbox: {folder}/outbox, heartbeat_file: {folder}/address}}
network: {{allow_private: {allowed}}}
"""


@pytest.fixture
def watcher():
    with FeedServer() as server:
        server.put("/ping", answer(b"OK"))
        yield server


@pytest.fixture
def line(tmp_path, empty_database, clock, watcher):
    """A function that gives the application, with the watcher's address in a file."""
    (tmp_path / "address").write_text(watcher.url("/ping") + "\n", "utf-8")
    with ExitStack() as opened:

        def start(allowed="[127.0.0.0/8]"):
            path = tmp_path / "config.yaml"
            text = CONFIG.format(folder=tmp_path, database=empty_database, allowed=allowed)
            path.write_text(text, "utf-8")
            app = opened.enter_context(App(load(path, {}), clock))
            app.prepare()
            return app

        yield start


def test_a_round_is_told_once(line, clock, watcher):
    """When all digests of a slot are made and left, the watcher is called: once, not before."""
    app = line()
    step = app.heartbeat_step
    assert not step.call_due()  # nothing was made yet

    clock.at += timedelta(days=1)
    assert app.compose_step.compose_due() == 2
    assert not step.call_due()  # made, and not handed over
    app.deliver_due()
    assert step.call_due()
    assert not step.call_due()
    assert [(it.method, it.path) for it in watcher.requests] == [("GET", "/ping")]

    clock.at += timedelta(days=1)
    assert not step.call_due()  # a new slot has passed
    app.compose_step.compose_due()
    app.deliver_due()
    assert step.call_due()
    assert len(watcher.requests) == 2


@pytest.mark.parametrize(("status", "told"), [(202, True), (204, True), (304, False), (404, False)])
def test_any_yes_is_an_answer(line, clock, watcher, status, told):
    """Some watchers say 202 or 204, and no more; what is no yes is tried again."""
    watcher.put("/ping", answer(b"", status))
    app = line()
    clock.at += timedelta(days=1)
    app.compose_step.compose_due()
    app.deliver_due()

    assert app.heartbeat_step.call_due() is told


def test_a_round_that_is_not_whole_is_not_told(line, clock, watcher):
    """A digest that could not be made, or got through to nobody, keeps the watcher waiting."""
    app = line()
    clock.at += timedelta(days=1)
    daily, morning = app.subscriptions
    slot = clock.at.replace(hour=7, minute=30)
    app.compose_step.compose_now(daily, slot)
    app.deliver_due()
    assert not app.heartbeat_step.call_due()  # the other one is due

    app.compose_step.compose_now(morning, slot)
    refused = update(t.deliveries).values(status="refused", due_at=None)
    with app.store.begin() as connection:
        number = connection.scalar(
            select(t.digests.c.id).where(t.digests.c.subscription == "morning")
        )
        connection.execute(refused.where(t.deliveries.c.digest_id == number))
    assert not app.heartbeat_step.call_due()

    with app.store.begin() as connection:  # one recipient of two is enough
        some = select(t.deliveries.c.id).where(t.deliveries.c.digest_id != number).limit(1)
        connection.execute(refused.where(t.deliveries.c.id == some.scalar_subquery()))
        sent = update(t.deliveries).where(t.deliveries.c.digest_id == number).values(status="sent")
        connection.execute(sent)
    assert app.heartbeat_step.call_due()
    assert len(watcher.requests) == 1


def test_alerts_and_old_digests_are_no_round(line, clock):
    """Alerts come when they come; and what was made days ago says nothing of today."""
    app = line()
    put_digest(app, kind="alert", subscription="desk")
    put_digest(app, number=2, composed_at=clock.at - timedelta(days=2))
    assert not app.heartbeat_step.call_due()
    put_digest(app, number=3, subscription="morning")  # for nobody, as on a day without news
    assert app.heartbeat_step.call_due()


def test_a_call_that_fails(line, clock, watcher):
    """It is a warning with the reason, tried again later and later, and over when it works."""
    app = line()
    watcher.put("/ping", answer(b"", 500), answer(b"", 500), answer(b"OK"))
    put_digest(app)
    step = app.heartbeat_step

    def warnings():
        return [it for it in check(app.store, clock, ()).warnings if "heartbeat" in it]

    assert not step.call_due()
    assert warnings() == ["the heartbeat failed (attempt 1): HTTP 500"]
    assert not step.call_due()
    assert len(watcher.requests) == 1  # not yet again
    clock.at += timedelta(minutes=1)
    assert not step.call_due()
    clock.at += timedelta(minutes=1)
    assert not step.call_due()
    assert len(watcher.requests) == 2
    clock.at += timedelta(minutes=1)
    assert step.call_due()
    assert warnings() == []


def test_a_private_address_is_not_entered(line, watcher):
    """The watcher's address passes the guard, as a feed's does."""
    app = line(allowed="[]")
    put_digest(app)
    assert not app.heartbeat_step.call_due()
    [warning] = [it for it in check(app.store, app.clock, ()).warnings if "heartbeat" in it]
    assert "private" in warning
    assert watcher.requests == []


def test_one_of_several_processes_calls(line, clock):
    """Whoever claims the call has it for as long as the asking may take."""
    app = line()
    lease = timedelta(minutes=2)
    with app.store.begin() as connection:
        assert heartbeats.claim(connection, now=clock.at, lease=lease) == 0
        assert heartbeats.claim(connection, now=clock.at, lease=lease) is None
        assert heartbeats.claim(connection, now=clock.at + lease, lease=lease) == 0


def test_the_address_is_kept_like_a_password(line):
    """Who knows it can call for us, so it is in no output."""
    app = line()
    assert "ping" not in app.config.model_dump_json()
    assert "ping" not in repr(app.config)
