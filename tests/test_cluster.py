"""The cluster: what is due is offered once, claims end with their job, a stop leaves nothing."""

import asyncio
import json
import signal
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path

import pytest
from conftest import scalar
from feedserver import FeedServer
from procrastinate.schema import SchemaManager
from replicas import running, wait_until, write
from sqlalchemy import text, update
from stored import put, rules

from monitor.app import App
from monitor.cluster import engine as engines
from monitor.cluster import rematch
from monitor.cluster.replica import Replica
from monitor.cluster.rescue import rescue
from monitor.cluster.tasks import tasks
from monitor.config import load
from monitor.errors import ConfigError, MonitorError, StoreError, UsageError
from monitor.model import Feed
from monitor.store import claims, feeds, jobs, texts, workers
from monitor.store import schema as t
from monitor.store.engine import open_engine

LEASE = timedelta(minutes=3)


@contextmanager
def manager(app):
    """Give Procrastinate's manager of jobs, and what awaits it."""
    loop = asyncio.new_event_loop()
    engine = engines.connected(app.database_url)
    loop.run_until_complete(engine.open_async())
    yield engine.job_manager, loop.run_until_complete
    loop.run_until_complete(engine.close_async())
    loop.close()


def test_sqlite_is_refused(tmp_path):
    """Replicas cannot share a file: the start says so, with file and line."""
    path = tmp_path / "config.yaml"
    path.write_text("feeds: []\ncluster: true\n", "utf-8")

    with pytest.raises(ConfigError, match=r"config.yaml:2.*cluster: needs a PostgreSQL"):
        load(path, {})


def test_many_replicas_make_the_queue_once(database):
    """Replicas that start together find one queue, whoever made it."""
    with ThreadPoolExecutor(4) as pool:
        ways = [open_engine(database) for _ in range(4)]
        list(pool.map(engines.prepare, ways))

    assert scalar(ways[0], "SELECT count(*) FROM procrastinate_jobs") == 0
    for engine in ways:
        engine.dispose()


def test_an_older_queue_is_brought_up_to_date(database):
    """What Procrastinate changed since is applied, in its order, at the next start."""
    engine = open_engine(database)
    scripts = sorted(Path(SchemaManager.get_migrations_path()).glob("*.sql"))
    older = [script for script in scripts if script.name < "03.01"]
    for script in older:
        with engine.begin() as connection:
            connection.connection.driver_connection.execute(script.read_text("utf-8"))
    with engine.begin() as connection:
        comment = f"COMMENT ON TABLE procrastinate_jobs IS '{older[-1].stem}'"
        connection.execute(text(comment))

    engines.prepare(engine)

    found = "SELECT count(*) FROM pg_proc WHERE proname = 'procrastinate_retry_job_v2'"
    assert scalar(engine, found) == 1
    assert scalar(engine, "SELECT count(*) FROM procrastinate_workers") == 0
    engine.dispose()


def test_the_queue_of_another_program_is_left_alone(app):
    """A Procrastinate that somebody else has there is not worked with, and not changed."""
    with app.store.begin() as connection:
        connection.execute(text("COMMENT ON TABLE procrastinate_jobs IS NULL"))

    with pytest.raises(StoreError, match="belong to another program"):
        engines.prepare(app.store)


def test_every_replica_offers_and_one_job_waits(app):
    """However many ask at once, what is due waits once in the queue."""
    replicas = [Replica(app, threading.Event()) for _ in range(4)]
    (polls,) = (task for task in tasks() if task.name == "polls")

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: replicas[n % 4].offer(polls), range(40)))

    assert scalar(app.store, "SELECT count(*) FROM procrastinate_jobs") == 1


def test_alerts_go_before_polls_before_the_archive():
    """The more urgent a step, the higher its job's priority; no lane is for both ends."""
    ranks = {task.name: (task.priority, task.lane) for task in tasks()}

    assert ranks["alerts"] > ranks["digests"] > ranks["polls"]
    assert ranks["alerts"][1] != ranks["polls"][1]


def claim(app, signed, *keys):
    with app.store.begin() as connection:
        known = [Feed(key, f"https://{key}.example/", key) for key in keys]
        feeds.sync(connection, known, now=app.clock.now(), host_of=lambda _: "one.example")
        return claims.claim_due(
            connection, now=app.clock.now(), lease=LEASE, limit=9, worker=signed
        )


def running_job(app, manager, ask, task="polls"):
    """Have a replica that is then silent take a job; return its number."""
    worker = ask(manager.register_worker())
    replica = Replica(app, threading.Event())
    replica.offer(next(it for it in tasks() if it.name == task))
    job = ask(manager.fetch_job(None, worker))
    with app.store.begin() as connection:
        silent = "UPDATE procrastinate_workers SET last_heartbeat = now() - interval '31 s'"
        connection.execute(text(silent))
    return job.id


def test_the_work_of_a_silent_replica_is_retaken(app):
    """Its job waits again, and what it had claimed is due."""
    with manager(app) as (its, ask):
        number = running_job(app, its, ask)
        assert len(claim(app, jobs.signature(number, 0), "a", "b")) == 2

        assert rescue(app, its, ask) == [number]
        assert rescue(app, its, ask) == []

    assert scalar(app.store, f"SELECT status FROM procrastinate_jobs WHERE id = {number}") == "todo"
    assert len(claim(app, "another", "a", "b")) == 2


def test_a_job_is_not_retaken_where_its_like_waits(app):
    """Another of its kind does as well: one of the two goes, and its claims are given back."""
    with manager(app) as (its, ask):
        number = running_job(app, its, ask)
        claim(app, jobs.signature(number, 0), "a")
        Replica(app, threading.Event()).offer(next(it for it in tasks() if it.name == "polls"))

        rescue(app, its, ask)

    with app.store.begin() as connection:
        left = connection.execute(text("SELECT id, status FROM procrastinate_jobs")).all()
    assert [(row.status, row.id != number) for row in left] == [("todo", True)]
    assert len(claim(app, "another", "a")) == 1


def test_a_restored_queue_is_taken_up_at_once(app):
    """Replicas that ran when the backup was made count as dead: what they were at is retaken."""
    with manager(app) as (its, ask):
        worker = ask(its.register_worker())
        Replica(app, threading.Event()).offer(next(it for it in tasks() if it.name == "polls"))
        number = ask(its.fetch_job(None, worker)).id
        assert rescue(app, its, ask) == []
        with app.store.begin() as connection:
            jobs.leave_behind(connection)

        assert rescue(app, its, ask) == [number]


def test_a_replica_that_beats_keeps_its_work(app):
    """Nobody takes a job from a replica that gives signs of life, however long it takes."""
    with manager(app) as (its, ask):
        number = running_job(app, its, ask)
        with app.store.begin() as connection:
            connection.execute(text("UPDATE procrastinate_workers SET last_heartbeat = now()"))

        assert rescue(app, its, ask) == []

    assert scalar(app.store, "SELECT status FROM procrastinate_jobs") == "doing"
    assert number


def test_hosts_are_counted_over_all_replicas(app):
    """What others ask of a host counts; what a dead one had claimed does not any more."""
    claim(app, "job 1.0", "a", "b", "c")
    now = app.clock.now()
    with app.store.begin() as connection:
        assert claims.under_way(connection, now=now) == {"one.example": 3}
        assert workers.give_back(connection, "job 1.0", now=now) == 3
        assert claims.under_way(connection, now=now) == {}


def test_a_switch_to_one_process_leaves_claims_of_jobs_to_their_lease(app):
    """What is claimed by a job is nobody's of this host."""
    claim(app, "job 7.0", "a")
    with app.store.begin() as connection:
        connection.execute(update(t.feeds).values(claimed_by=f"{socket.gethostname()}:job 7.0"))

    assert app.take_over() == 0


def test_a_stop_hands_back_what_is_under_way(database, tmp_path):
    """With a feed that hangs, a stop is exit code 0 within ten seconds, and the feed is due."""
    with FeedServer() as server:
        server.put("/slow", [b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n", 60])
        slow = {"id": "slow", "url": server.url("/slow")}
        write(tmp_path, database, feeds=[slow], network={"allow_private": ["127.0.0.0/8"]})
        engine = open_engine(database).execution_options(isolation_level="AUTOCOMMIT")
        claimed = "SELECT count(*) FROM feeds WHERE claimed_by LIKE 'job %'"
        with running(tmp_path) as process:
            wait_until(lambda: scalar(engine, claimed))
            began = time.monotonic()
            process.send_signal(signal.SIGTERM)
            assert process.wait(30) == 0
            assert time.monotonic() - began < 10
    assert scalar(engine, claimed) == 0
    doing = "SELECT count(*) FROM procrastinate_jobs WHERE status = 'doing'"
    assert scalar(engine, doing) == 0
    assert scalar(engine, "SELECT count(*) FROM procrastinate_workers") == 0
    engine.dispose()
    log = (tmp_path / "log").read_text("utf-8")
    assert "Traceback" not in log
    assert "stop cut short" not in log


def test_jobs_are_listed(app, tmp_path):
    """Jobs that wait, run and were abandoned are told, by kind and each, as text and as JSON."""
    with manager(app) as (its, ask):
        number = running_job(app, its, ask)
        claim(app, jobs.signature(number, 0), "a", "b")
        Replica(app, threading.Event()).offer(next(it for it in tasks() if it.name == "alerts"))
    listed = [sys.executable, "-m", "monitor", "jobs"]

    def said(*options):
        done = subprocess.run(
            [*listed, *options], cwd=tmp_path, capture_output=True, text=True, check=True
        )
        return done.stdout

    alerts, polls = json.loads(said("--json"))
    assert (alerts["job"], alerts["waiting"], alerts["running"]) == ("alerts", 1, 0)
    assert (polls["job"], polls["running"], polls["abandoned"]) == ("polls", 1, 1)
    polling, waiting = map(json.loads, said("--each", "--format", "ndjson").splitlines())
    assert (polling["job_id"], polling["state"], polling["claims"]) == (number, "running", 2)
    assert polling["worker_beat_s"] > 30
    assert waiting["state"] == "waiting"
    assert "polls" in said("--format", "table")


def test_without_a_cluster_there_are_no_jobs(tmp_path):
    """It is said what is missing."""
    (tmp_path / "config.yaml").write_text("feeds: []\n", "utf-8")
    command = [sys.executable, "-m", "monitor"]
    subprocess.run([*command, "db", "upgrade"], cwd=tmp_path, check=True, capture_output=True)

    done = subprocess.run(
        [*command, "jobs"], cwd=tmp_path, capture_output=True, text=True, check=False
    )

    assert done.returncode == 1
    assert "set `cluster: true`" in done.stderr


def test_a_rematch_in_parts(database, tmp_path):
    """Replicas match the archive anew, part by part, as one process would; the rules must agree."""
    write(tmp_path, database, companies=["alibaba"], topics=["ipo"])
    titles = [f"Alibaba plans IPO of unit {n}" for n in range(30)]
    engine = open_engine(database)
    put(engine, titles, lexicon=rules(["Other"]))
    with App.load(tmp_path / "config.yaml", {}) as app:
        app.prepare()
        chosen = texts.Chosen(not_with=app.fingerprint)
        parts = rematch.spread(app, chosen, news_since=app.clock.now(), size=7)
        assert [(it.above, it.upto) for it in parts][-1] == (28, 30)
        with pytest.raises(UsageError, match="waits already"):
            rematch.spread(app, chosen, news_since=app.clock.now(), size=7)
        other = asdict(parts[0]) | {"fingerprint": "f" * 64}
        with pytest.raises(MonitorError, match="other rules"):
            rematch.work(app, threading.Event(), other)
        stopped = threading.Event()
        stopped.set()
        assert rematch.work(app, stopped, asdict(parts[0])), "it is cut off"

    with running(tmp_path):
        waiting = "SELECT count(*) FROM procrastinate_jobs WHERE task_name = 'rematch'"
        wait_until(lambda: not scalar(engine, waiting), 100)

    assert scalar(engine, "SELECT count(*) FROM hits WHERE topic = 'ipo'") == 30
    done = subprocess.run(
        [sys.executable, "-m", "monitor", "rematch", "--replicas", "--json"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(done.stdout).items() >= {"articles": 0, "parts": 0, "left": 0}.items()
    engine.dispose()
