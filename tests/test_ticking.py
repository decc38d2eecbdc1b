"""Ticks go on, and what a wrong clock put off is taken up, when the clock is set right."""

import json
import threading
import time
from contextlib import contextmanager
from datetime import datetime, timedelta

import pytest
from apscheduler.schedulers import base
from conftest import scalar
from feedserver import FeedServer, answer
from replicas import wait_until
from sqlalchemy import update

import monitor.ticking
from monitor import worker
from monitor.app import App
from monitor.config import load
from monitor.model import Feed
from monitor.pipeline.health import check
from monitor.store import claims, feeds, workers
from monitor.store import schema as t
from monitor.ticking import ticking

DAY = timedelta(days=1)
FEED = b'<rss version="2.0"><channel><title>n</title></channel></rss>'


def test_each_is_called_again_and_none_waits_for_another():
    """What is called every while is, beside one that hangs; the end waits for that one."""
    stop, go_on, called, hung = threading.Event(), threading.Event(), [], []

    def hang():
        go_on.wait(30)
        hung.append(True)

    with ticking({"quick": (lambda: called.append(1), 0.1), "slow": (hang, 60)}, stop):
        wait_until(lambda: len(called) > 3)
        assert not hung
        stop.set()
        go_on.set()

    assert hung == [True]
    calls = len(called)
    time.sleep(0.3)
    assert len(called) == calls


def test_what_takes_longer_than_its_interval_is_not_made_up_for():
    """After a long call there is one more, not one for each that was missed."""
    stop, began = threading.Event(), []

    def work():
        began.append(time.monotonic())
        if len(began) == 1:
            time.sleep(0.3)

    with ticking({"work": (work, 0.2)}, stop):
        wait_until(lambda: len(began) == 3)
        stop.set()

    assert began[2] - began[1] > 0.15


def test_a_clock_set_back_holds_up_no_call(monkeypatch):
    """What was to be called in a day by the clock as it was is called on by the one set right."""

    class Clock(datetime):
        ahead = DAY

        @classmethod
        def now(cls, tz=None):
            return datetime.now(tz) + cls.ahead

    for module in (base, monitor.ticking):
        monkeypatch.setattr(module, "datetime", Clock)
    monkeypatch.setattr(monitor.ticking, "LOOK_S", 0.1)
    stop, called = threading.Event(), []

    with ticking({"work": (lambda: called.append(1), 0.2)}, stop):
        wait_until(lambda: len(called) > 1)
        Clock.ahead = timedelta(0)
        calls = len(called)
        wait_until(lambda: len(called) > calls + 2)
        stop.set()


@pytest.fixture
def folder(tmp_path, empty_database, monkeypatch):
    """The configuration of a service on one feed, which gives signs of life often."""
    monkeypatch.setattr(worker, "BEAT_S", 0.2)
    with FeedServer() as server:
        server.put("/feed", answer(FEED))
        config = {
            "database": empty_database,
            "feeds": [{"id": "a", "url": server.url("/feed")}],
            "network": {"allow_private": ["127.0.0.0/8"]},
        }
        (tmp_path / "config.yaml").write_text(json.dumps(config), "utf-8")
        yield tmp_path


@contextmanager
def serving(folder, clock):
    """Run the service in threads of this process, and stop it at the end."""
    stop = threading.Event()
    with App(load(folder / "config.yaml", {}), clock) as app:
        app.prepare()
        args = (app, stop, worker._embedded)
        thread = threading.Thread(target=worker._serve_until, args=args)
        thread.start()
        try:
            yield app
        finally:
            stop.set()
            thread.join(30)
        assert not thread.is_alive()


def polls(app):
    return scalar(app.store, "SELECT count(*) FROM polls")


def goes_on(app, clock):
    """Wait until a feed is polled, and life is shown, at the time that the clock says now."""
    wait_until(lambda: polls(app) == 3)
    beat = "SELECT max(beat_at) FROM workers WHERE stopped_at IS NULL"
    said = f"{clock.now():%Y-%m-%d %H:%M}"
    wait_until(lambda: str(scalar(app.store, beat)).replace("T", " ").startswith(said))
    assert check(app.store, clock, ()).healthy


@pytest.mark.parametrize("restarted", [False, True])
def test_a_clock_that_is_set_back(folder, clock, restarted):
    """A day ahead and back: feeds are polled, and life is shown, as if nothing had been."""
    right = clock.now()
    with serving(folder, clock) as app:
        wait_until(lambda: polls(app) == 1)
        clock.at = right + DAY
        wait_until(lambda: polls(app) == 2)
        if not restarted:
            clock.at = right + timedelta(minutes=1)
            goes_on(app, clock)
    if restarted:
        clock.at = right + timedelta(minutes=1)
        with serving(folder, clock) as app:
            goes_on(app, clock)


def test_a_sign_of_life_from_the_future_says_nothing(engine, clock):
    """A service that died while its clock was ahead is not taken for alive until then."""
    with engine.begin() as connection:
        workers.started(connection, "here:1", now=clock.now() + DAY)

    assert not check(engine, clock, ()).healthy
    with engine.connect() as connection:
        workers.require_rest(connection, now=clock.now())


def test_a_feed_that_is_gone_stays_so(engine, clock):
    """Whoever said 410 is not asked again for the clock's sake."""
    known = [Feed(key, f"https://{key}.example/", key) for key in ("a", "b")]
    with engine.begin() as connection:
        feeds.sync(connection, known, now=clock.now() + DAY)
        gone = update(t.feeds).where(t.feeds.c.key == "b")
        connection.execute(gone.values(due_at=claims.NEVER))
        for number in (1, 2):
            row = {"feed_id": number, "at": clock.now() + DAY, "outcome": "failed"}
            connection.execute(t.polls.insert(), row)

        assert claims.polled_ahead(connection, now=clock.now())
        assert claims.call_back(connection, now=clock.now()) == 1
        assert claims.call_back(connection, now=clock.now()) == 0
