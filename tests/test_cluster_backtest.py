"""A backtest by replicas comes to what one process comes to, whoever dies of them."""

import json
import subprocess
import sys
import threading
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import timedelta

import pytest
from conftest import scalar
from replicas import running, wait_until, write
from sqlalchemy import select, text
from stored import NEW, put

from monitor.cluster import backtest as parts
from monitor.config import load
from monitor.errors import MonitorError, UsageError
from monitor.pipeline import outcome
from monitor.pipeline.backtest import backtest
from monitor.pipeline.prune import Retention, prune
from monitor.store import backtests, texts
from monitor.store import schema as t
from monitor.store.backtests import Asked
from monitor.store.engine import reading

TITLES = [
    f"{name} {what}, report {n}"
    for n, name in enumerate(("Acme", "Brook", "Bluebird") * 4)
    for what in ("fined in antitrust probe", "plans IPO", "sees rain")
]
OTHER = """\
companies: [{id: acme, name: Acme}, {id: bluebird, name: Bluebird}]
topics: [{id: antitrust, name: a, keywords: [antitrust]}, {id: rain, name: r, keywords: [probe]}]
"""
ASKED = Asked(NEW.canonical, NEW.fingerprint, {}, None, 3)


def monitor(folder, *words, code=0):
    command = [sys.executable, "-m", "monitor", *words]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stderr
    return done


def embedded(engine, asked=ASKED):
    """Return what one process comes to."""
    made = outcome.Outcome(asked.examples)
    with closing(backtest(engine, NEW, texts.Chosen(), bound={}, jobs=1)) as pages:
        for page in pages:
            for compared in page:
                made.take(compared)
    return made


def replicas(engine, number, most=3):
    """Return what its parts add up to."""
    made = outcome.Outcome(most)
    with engine.connect() as connection:
        for plain in backtests.outcomes(connection, number):
            made.add(outcome.read(plain, most))
    return made


@contextmanager
def held(engine, number):
    """Let nobody record the progress of that part, until what is given is called."""
    with engine.connect() as connection:
        which = select(t.backtest_parts).where(t.backtest_parts.c.id == number)
        connection.execute(which.with_for_update())
        yield connection.rollback


def undone(app, number):
    with reading(app.store) as connection:
        return backtests.undone(connection, number)


@pytest.mark.timeout(240)
def test_a_replica_is_killed_in_the_middle(app, database, tmp_path):
    """What it was at is retaken; figures and examples are those of one process, to the last."""
    there = {"companies": [{"id": "acme", "name": "Acme"}, {"id": "brook", "name": "Brook"}]}
    folders = tmp_path, tmp_path / "other"
    folders[1].mkdir()
    for folder in folders:
        write(folder, database, **there)
    (tmp_path / "new.yaml").write_text(OTHER, "utf-8")
    put(app.store, TITLES)
    alone = json.loads(monitor(tmp_path, "backtest", "--with=new.yaml", "--format=json").stdout)
    rules = load(tmp_path / "new.yaml", {}).lexicon
    asked = Asked(rules.canonical, rules.fingerprint, {}, None, 5)
    number = parts.spread(app, asked, size=7)
    first = undone(app, number)[0]
    doing = "SELECT count(*) FROM procrastinate_jobs WHERE task_name = 'backtest'"
    doing += " AND status = 'doing'"

    with running(folders[0]) as killed, held(app.store, first) as let_go:
        wait_until(lambda: scalar(app.store, doing), 100)  # it alone has the first part
        with running(folders[1]):
            wait_until(lambda: undone(app, number) == [first], 100)
            told = json.loads(monitor(tmp_path, "jobs", "--json").stdout)
            row = next(it for it in told if it["job"] == "backtest")
            assert (row["running"], row["waiting"]) == (1, 0)
            assert row["done"] == round(1 - 7 / len(TITLES), 3)
            killed.kill()
            killed.wait()
            let_go()
            wait_until(lambda: not undone(app, number), 120)

    result = monitor(tmp_path, "backtest", f"--result={number}", "--format=json")
    both = json.loads(result.stdout)
    assert (both.pop("backtest"), both.pop("parts"), both.pop("left")) == (number, 6, 0)
    del alone["seconds"], both["seconds"]
    assert both == alone
    assert alone["added"] > 5 < alone["removed"], "there is more than the examples"
    assert "job retaken" in (folders[1] / "log").read_text("utf-8")


@pytest.mark.timeout(60)
def test_the_job_of_a_dead_replica_is_not_waited_for(app, tmp_path):
    """One that died when its part was done, but before it said so, leaves its job in the queue."""
    put(app.store, TITLES)
    number = parts.spread(app, ASKED)
    with app.store.begin() as connection:
        connection.execute(text("UPDATE procrastinate_jobs SET status = 'doing'"))
    assert not parts.work(app, threading.Event(), {"part": undone(app, number)[0]})

    told = json.loads(monitor(tmp_path, "backtest", f"--result={number}", "--format=json").stdout)

    assert (told["backtest"], told["left"]) == (number, 0)


def test_a_part_goes_on_where_a_stop_cut_it_off(app):
    """What it came to before is stored with how far it was, and counted once."""
    put(app.store, [f"Acme fined in antitrust probe, report {n}" for n in range(510)])
    number = parts.spread(app, ASKED)
    [part] = undone(app, number)
    stopped = threading.Event()
    stopped.set()

    assert parts.work(app, stopped, {"part": part}), "it is cut off"
    assert replicas(app.store, number).articles == 500
    with reading(app.store) as connection:
        assert backtests.progress(connection, number) == (500, 510)
    assert not parts.work(app, threading.Event(), {"part": part})
    assert replicas(app.store, number) == embedded(app.store)
    assert not parts.work(app, threading.Event(), {"part": part}), "done is done"
    assert replicas(app.store, number).articles == 510


def test_what_two_do_of_a_part_counts_once(app):
    """A replica that was frozen and comes back records nothing of what another has done since."""
    put(app.store, TITLES)
    number = parts.spread(app, ASKED)
    [part] = undone(app, number)
    with app.store.begin() as connection:
        assert backtests.advance(connection, part, was=0, reached=9, outcome={"articles": 9})

    with app.store.begin() as connection:
        assert not backtests.advance(connection, part, was=0, reached=8, outcome={"articles": 8})
    assert replicas(app.store, number).articles == 9


def test_parts_that_failed_are_taken_up_again(app):
    """`--result` puts into the queue what is not done and is not there; nothing twice."""
    put(app.store, TITLES)
    number = parts.spread(app, ASKED, size=20)
    queue = "SELECT count(*) FROM procrastinate_jobs WHERE status = 'todo'"
    assert scalar(app.store, queue) == 2
    parts.take_up(app, number)
    assert scalar(app.store, queue) == 2
    with app.store.begin() as connection:
        connection.execute(text("UPDATE procrastinate_jobs SET status = 'failed' WHERE id = 1"))

    parts.take_up(app, number)

    assert scalar(app.store, queue) == 2


def test_one_at_a_time_and_the_last_few(app):
    """A second one is refused by name; of those that are done the last are kept, for a month."""
    put(app.store, TITLES)
    for expected in range(1, backtests.LAST + 3):
        number = parts.spread(app, ASKED)
        assert number == expected
        with pytest.raises(UsageError, match=f"backtest {number} is not done"):
            parts.spread(app, ASKED)
        assert not parts.work(app, threading.Event(), {"part": undone(app, number)[0]})
    its = "SELECT count(*) FROM {}"
    assert scalar(app.store, its.format("backtests")) == backtests.LAST
    assert scalar(app.store, its.format("backtest_parts")) == backtests.LAST

    late = app.clock.now() + backtests.KEPT + timedelta(seconds=1)
    assert prune(app.store, Retention(), now=late)["backtests"] == backtests.LAST
    assert scalar(app.store, its.format("backtest_parts")) == 0


def test_one_that_is_ended_is_dropped(app, tmp_path):
    """Whoever is at it records nothing more, and its number is not known any more."""
    put(app.store, TITLES)
    number = parts.spread(app, ASKED)
    [part] = undone(app, number)

    monitor(tmp_path, "backtest", f"--end={number}")

    assert not parts.work(app, threading.Event(), {"part": part})
    for option in ("--end", "--result"):
        refused = monitor(tmp_path, "backtest", f"{option}={number}", "--format=json", code=2)
        assert f"there is no backtest {number}" in refused.stderr


def test_rules_of_another_version_are_refused(app):
    """A replica whose detection would mean something else by the same rules does not try them."""
    put(app.store, TITLES)
    number = parts.spread(app, replace(ASKED, fingerprint="f" * 64))

    with pytest.raises(MonitorError, match="another version"):
        parts.work(app, threading.Event(), {"part": undone(app, number)[0]})


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--with=new.yaml", "--replicas", "--format=csv"), "replicas sum up"),
        (("--with=new.yaml", "--replicas", "--limit-examples=51"), "50 examples of each kind"),
        (("--result=7", "--format=json"), "no backtest 7"),
    ],
)
def test_what_replicas_do_not_do(app, tmp_path, words, said):
    """It is said what is not kept, and nothing is asked of them."""
    (tmp_path / "new.yaml").write_text(OTHER, "utf-8")
    words = ("--format=json", *words) if "--format=csv" not in words else words

    assert said in monitor(tmp_path, "backtest", *words, code=2).stderr
    assert scalar(app.store, "SELECT count(*) FROM backtests") == 0
