"""Upgrades while programs of the former version still run: nobody stops, nobody waits long."""

import shutil
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from pathlib import Path

import pytest
from alembic import command
from feedserver import FeedServer, answer
from sqlalchemy import text
from stored import put

from monitor.errors import StoreError
from monitor.store import later, migrate
from monitor.store.engine import open_engine
from monitor.store.migrate import alembic_config, migrating, revision, upgrade
from monitor.store.schema import SCHEMA

INDEXES = """
    SELECT indexdef FROM pg_indexes JOIN pg_class ON relname = indexname
    JOIN pg_index ON indexrelid = pg_class.oid WHERE schemaname = 'public' AND indisvalid
"""
NEXT = '''
"""The next schema, made up: a column, a table, an index and a view, as the rules allow."""

import sqlalchemy as sa
from alembic import op

from monitor.store.later import create_index

revision = "9999"
down_revision = "{former}"


def upgrade() -> None:
    op.add_column("articles", sa.Column("mood", sa.Text(), server_default="calm", nullable=False))
    op.add_column("feeds", sa.Column("colour", sa.Text(), nullable=True))
    op.create_table("moods", sa.Column("name", sa.Text(), primary_key=True))
    create_index("ix_articles_mood", "articles", ["mood"])
    if op.get_bind().dialect.name == "sqlite":
        op.execute("DROP VIEW v_reviews")
        op.execute("CREATE VIEW v_reviews AS SELECT id AS review_id FROM reviews")
    op.execute("UPDATE stories SET last_at = last_at")
'''
CONFIG = """
database: {url}
feeds: [{{id: a, url: "{feed}"}}]
companies: [alibaba]
subscriptions: [{{name: desk, to: [a@example.com], every: 1m}}]
network: {{allow_private: [127.0.0.0/8]}}
polling: {{interval: 5s}}
delivery: {{outbox: {folder}/outbox}}
"""


@pytest.fixture
def on_postgres(postgres):
    """An engine on an empty PostgreSQL database."""
    with postgres.database() as url:
        engine = open_engine(url)
        yield engine
        engine.dispose()


def go_to(engine, schema):
    with migrating(engine) as connection:
        command.upgrade(alembic_config(connection), schema)


def indexes(engine):
    with engine.connect() as connection:
        return set(connection.scalars(text(INDEXES)))


@contextmanager
def holding(engine, statement):
    """Keep a transaction open in which *statement* was executed."""
    with engine.connect() as connection:
        connection.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ"))
        connection.execute(text(statement))
        yield


def test_indexes_are_those_of_a_new_database(on_postgres, postgres):
    """An old database has the very indexes of a new one in the end, made after its upgrade."""
    go_to(on_postgres, "0008")
    upgrade(on_postgres)
    with postgres.database() as url, closing_engine(url) as new:
        upgrade(new)
        assert indexes(on_postgres) == indexes(new)


@contextmanager
def closing_engine(url):
    engine = open_engine(url)
    yield engine
    engine.dispose()


def test_what_was_left_half_made_is_made_again(on_postgres):
    """An index that is missing, or that a kill left invalid, is made at the next start."""
    upgrade(on_postgres)
    whole = indexes(on_postgres)
    with on_postgres.begin() as connection:
        connection.execute(text("DROP INDEX ix_hits_live"))
        invalid = "UPDATE pg_index SET indisvalid = false WHERE indexrelid = CAST(:it AS regclass)"
        connection.execute(text(invalid), {"it": "ix_articles_first_seen"})
    assert len(indexes(on_postgres)) == len(whole) - 2

    assert later.complete(on_postgres) == ["ix_articles_first_seen", "ix_hits_live"]

    assert indexes(on_postgres) == whole
    assert later.complete(on_postgres) == []


def test_who_writes_does_not_wait_for_an_index(on_postgres):
    """While an index waits for old transactions, articles are stored; then it is made."""
    upgrade(on_postgres)
    with on_postgres.begin() as connection:
        connection.execute(text("DROP INDEX ix_articles_first_seen"))
    making = threading.Thread(target=later.complete, args=(on_postgres,))
    with holding(on_postgres, "SELECT count(*) FROM articles"):
        making.start()
        _wait_for(on_postgres, "query LIKE 'CREATE INDEX CONCURRENTLY%' AND wait_event IS NOT NULL")
        began = time.monotonic()
        put(on_postgres)
        assert time.monotonic() - began < 5
        assert making.is_alive()
        assert later.complete(on_postgres) == []  # somebody is at it
    making.join(30)
    assert any("ix_articles_first_seen" in it for it in indexes(on_postgres))


def _wait_for(engine, condition):
    deadline = time.monotonic() + 20
    query = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND "
    while time.monotonic() < deadline:
        with engine.connect() as connection:
            if connection.scalar(text(query + condition)):
                return
        time.sleep(0.05)
    pytest.fail(f"never so: {condition}")


def test_an_upgrade_keeps_nobody_waiting_long(on_postgres, monkeypatch):
    """Behind a long reader an upgrade gives way again and again, and is made at its end."""
    go_to(on_postgres, "0024")
    monkeypatch.setattr(migrate, "LOCK_S", 1)
    monkeypatch.setattr(migrate, "PAUSE_S", 0.5)
    upgrading = threading.Thread(target=upgrade, args=(on_postgres,))
    waits = []
    with holding(on_postgres, "SELECT count(*) FROM digests"):
        upgrading.start()
        until = time.monotonic() + 5
        while time.monotonic() < until:
            began = time.monotonic()
            with on_postgres.connect() as connection:
                connection.execute(text("SELECT count(*) FROM digests"))
            waits.append(time.monotonic() - began)
            time.sleep(0.05)
        assert upgrading.is_alive()
    upgrading.join(30)
    assert revision(on_postgres) == SCHEMA
    assert 0.3 < max(waits) < 3, "readers waited behind the upgrade, and not for long"


def test_an_upgrade_that_never_gets_its_turn_says_so(on_postgres, monkeypatch):
    """After so many attempts it ends with a sentence, and has changed nothing."""
    go_to(on_postgres, "0024")
    monkeypatch.setattr(migrate, "LOCK_S", 1)
    monkeypatch.setattr(migrate, "PAUSE_S", 0.1)
    monkeypatch.setattr(migrate, "ATTEMPTS", 2)
    with (
        holding(on_postgres, "SELECT count(*) FROM digests"),
        pytest.raises(StoreError, match="such as a backup or a long query, holds on to a table"),
    ):
        upgrade(on_postgres)
    assert revision(on_postgres) == "0024"


def test_two_that_upgrade_at_once(empty_database, tmp_path):
    """Two processes of the new version that start together upgrade once, and both go on."""
    engine = open_engine(empty_database)
    go_to(engine, "0001")
    (tmp_path / "config.yaml").write_text(f"feeds: []\ndatabase: {empty_database}\n", "utf-8")
    both = [
        subprocess.Popen(
            [sys.executable, "-m", "monitor", "db", "upgrade"],
            cwd=tmp_path,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for _ in range(2)
    ]
    said = [process.communicate(timeout=100)[0] for process in both]
    assert [process.returncode for process in both] == [0, 0], said
    assert revision(engine) == SCHEMA
    engine.dispose()


def rss(count):
    items = "".join(
        f"<item><guid>{n}</guid><link>http://a.example/{n}</link>"
        f"<title>Alibaba fined in antitrust case {n}</title></item>"
        for n in range(count)
    )
    return answer(f'<rss version="2.0"><channel><title>A</title>{items}</channel></rss>'.encode())


def test_a_worker_of_the_former_version_goes_on(empty_database, tmp_path):
    """It polls, groups and mails during and after the upgrade; none of that version starts anew."""
    former = open_engine(empty_database)
    with FeedServer() as feeds:
        feeds.put("/feed.xml", rss(1))
        config = CONFIG.format(url=empty_database, feed=feeds.url("/feed.xml"), folder=tmp_path)
        (tmp_path / "config.yaml").write_text(config, "utf-8")
        run = [sys.executable, "-m", "monitor", "run"]
        with (tmp_path / "log").open("wb") as log:
            worker = subprocess.Popen(run, cwd=tmp_path, stderr=log)
        try:
            _wait_until(former, "SELECT count(*) FROM hits WHERE story_id IS NOT NULL", 1)
            for count in range(2, 40):
                feeds.put("/feed.xml", rss(count))
                if count == 3:
                    _upgrade_to_next(former, tmp_path)
            _wait_until(former, "SELECT count(*) FROM hits WHERE story_id IS NOT NULL", 39)
            _wait_until(former, "SELECT count(*) FROM deliveries WHERE status = 'sent'", 1)
            _wait_until(former, "SELECT count(*) FROM digest_items", 39)
            again = subprocess.run(
                run, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
            )
            assert again.returncode == 1
            assert f"is at 9999, newer than this version ({SCHEMA})" in again.stderr
            worker.send_signal(signal.SIGTERM)
            assert worker.wait(20) == 0
        finally:
            worker.kill()
    said = (tmp_path / "log").read_text("utf-8")
    assert "Traceback" not in said
    assert '"level": "error"' not in said, said
    with former.connect() as connection:
        assert connection.scalar(text("SELECT count(*) FROM articles WHERE mood = 'calm'")) == 39
    former.dispose()


def _upgrade_to_next(engine, folder):
    """Go through the made-up migration as `upgrade` does."""
    scripts = folder / "migrations"
    shutil.copytree(Path(migrate.__file__).parents[2] / "migrations", scripts)
    (scripts / "versions" / "9999_next.py").write_text(NEXT.format(former=SCHEMA), "utf-8")
    with migrating(engine) as connection:
        config = alembic_config(connection)
        config.set_main_option("script_location", str(scripts))
        command.upgrade(config, "head")
    assert revision(engine) == "9999"


def _wait_until(engine, query, number):
    deadline = time.monotonic() + 90
    found = None
    while time.monotonic() < deadline:
        try:
            with engine.execution_options(reads=True).connect() as connection:
                found = connection.scalar(text(query))
        except Exception as error:  # noqa: BLE001 - each driver has its own for "no such table"
            found = error
        if found == number:
            return
        time.sleep(0.3)
    pytest.fail(f"{query}: {found}, not {number}")
