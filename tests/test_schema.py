"""The schema: migrations and models agree, on SQLite and PostgreSQL."""

import sqlite3
import subprocess
import sys
from contextlib import closing
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from alembic import command
from alembic.script import ScriptDirectory
from sqlalchemy import insert, inspect, select, text
from sqlalchemy.exc import StatementError

from monitor.errors import StoreError
from monitor.resources import shipped
from monitor.store import queries
from monitor.store import schema as t
from monitor.store.engine import open_engine
from monitor.store.migrate import alembic_config, require, revision, upgrade
from monitor.store.schema import SCHEMA

VIEWS = {
    "v_hits": "hit_id found_at published_at company topic stage regulator amount currency score "
    "verdict title url publisher language feed story_id sentence event_date",
    "v_stories": "story_id company topic stage headline first_seen last_seen sources hits "
    "regulator amount currency proceeding_id head_hit_id",
    "v_reviews": "review_id at who hit_id verdict note company topic stage score feed "
    "title url holds",
    "v_story_edits": "edit_id at who verb story_id other_story_id hits note",
    "v_feeds": "feed_id url name state last_ok_at last_error newest_article_at articles hits "
    "state_since state_reason gaps last_gap_at moved_to moved_since next_poll_at full_texts "
    "pages_waiting pages_given_up push_until push_error",
    "v_full_texts": "article_id feed url status attempts last_attempt_at next_attempt_at error",
    "v_polls": "poll_id feed at outcome status took_ms bytes entries new known revised rejected "
    "overlap gap newest_at handed_over error notes",
    "v_deliveries": "digest_id subscription slot recipient status attempts message_id sent_at "
    "last_error delivery_id next_attempt_at kind",
}


def test_up_and_down(empty_database):
    """The migrations lead from nothing to the models exactly, and back to nothing."""
    engine = open_engine(empty_database)
    assert upgrade(engine) is None
    assert revision(engine) == SCHEMA
    with engine.begin() as connection:
        command.check(alembic_config(connection))
        command.downgrade(alembic_config(connection), "base")
    assert set(inspect(engine).get_table_names()) == {"alembic_version"}
    assert inspect(engine).get_view_names() == []
    upgrade(engine)
    assert set(inspect(engine).get_table_names()) >= set(t.metadata.tables)
    engine.dispose()


def test_schema_names_the_newest_migration():
    """The constant that saves an import is the head of the migrations."""
    scripts = ScriptDirectory(str(shipped("migrations")))
    assert scripts.get_current_head() == SCHEMA


@pytest.mark.parametrize("view", VIEWS)
def test_views_have_their_columns(engine, view):
    """What analysts query has the columns they were promised, in that order."""
    with engine.connect() as connection:
        found = list(connection.execute(text(f"SELECT * FROM {view}")).keys())
    assert found == VIEWS[view].split()


@pytest.mark.parametrize("listing", ["HITS", "STORIES", "FEEDS", "ARTICLES", "DELIVERIES"])
def test_listings_are_the_views(engine, listing):
    """A command lists exactly the columns of the view it reads."""
    listing = getattr(queries, listing)
    with engine.connect() as connection:
        found = list(connection.execute(text(f"SELECT * FROM {listing.name}")).keys())
    assert found == list(listing.columns)


def test_instants_survive(engine):
    """An instant comes back aware, in UTC, to the microsecond, whatever zone it came in."""
    noon = datetime(2026, 11, 1, 12, 0, 0, 123456, tzinfo=timezone(timedelta(hours=8)))
    with engine.begin() as connection:
        connection.execute(insert(t.subscriptions), [{"name": "a", "started_at": noon}])
    with engine.begin() as connection:
        found = connection.scalar(select(t.subscriptions.c.started_at))
    assert found == noon
    assert found.tzinfo is UTC or found.utcoffset() == timedelta(0)


def test_naive_instants_are_refused(engine):
    """A datetime without a zone never reaches the database."""
    naive = datetime(2026, 11, 1, 12, 0)  # noqa: DTZ001 - the mistake this test is about
    with pytest.raises(StatementError, match="naive"), engine.begin() as connection:
        connection.execute(insert(t.subscriptions), [{"name": "a", "started_at": naive}])


def test_instants_sort_in_sql(engine):
    """SQL compares instants as time does, on SQLite's text too."""
    base = datetime(2026, 11, 1, tzinfo=UTC)
    rows = [
        {"name": str(n), "started_at": base + timedelta(microseconds=n * 999_999)} for n in range(5)
    ]
    with engine.begin() as connection:
        connection.execute(insert(t.subscriptions), rows[::-1])
    with engine.begin() as connection:
        query = select(t.subscriptions.c.name).order_by(t.subscriptions.c.started_at)
        assert connection.scalars(query).all() == list("01234")


def test_a_foreign_database_is_refused(empty_database):
    """A database with somebody else's tables is named and left alone."""
    engine = open_engine(empty_database)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE accounts (id INTEGER)"))
    with pytest.raises(StoreError, match="accounts"):
        upgrade(engine)
    engine.dispose()


def test_an_empty_database_says_what_to_do(empty_database):
    """Reading before anything was stored gives advice, not a traceback."""
    engine = open_engine(empty_database)
    with pytest.raises(StoreError, match="monitor db upgrade"):
        require(engine)
    engine.dispose()


def test_a_newer_database_is_refused(engine):
    """An older program does not touch what a newer one has migrated."""
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(StoreError, match="newer"):
        upgrade(engine)


def test_migrations_do_not_import_the_models():
    """A migration means the same for ever, whatever the models say later."""
    for path in Path(shipped("migrations"), "versions").glob("*.py"):
        assert "store.schema" not in path.read_text("utf-8"), path.name


def test_no_mapped_classes():
    """The ORM, which costs each command a tenth of a second, is not even imported."""
    look = "import sys, monitor.app, monitor.worker; print('sqlalchemy.orm' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", look], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_a_new_file_has_larger_pages(tmp_path):
    """A new SQLite file is made for articles; one that is there stays as it is, and is used."""
    old = tmp_path / "old.db"
    with closing(sqlite3.connect(old)) as connection:
        connection.execute("PRAGMA page_size=4096")
        connection.execute("VACUUM")
    sizes = []
    for file in (old, tmp_path / "new.db"):
        engine = open_engine(f"sqlite:///{file}")
        upgrade(engine)
        with engine.connect() as connection:
            sizes.append(connection.scalar(text("PRAGMA page_size")))
        engine.dispose()
    assert sizes == [4096, 8192]
