"""Migrations on databases that are in use: nothing that was stored is lost or changed."""

import json

import pytest
from alembic import command
from sqlalchemy import inspect, text

from monitor.errors import StoreError
from monitor.resources import shipped
from monitor.store import snapshot
from monitor.store.engine import open_engine
from monitor.store.migrate import alembic_config, integrity, migrating, upgrade
from monitor.store.schema import SCHEMA

AT = "2026-11-23T08:00:00.000000Z"
QUOTES = json.dumps([{"role": "company", "field": "title", "start": 0, "end": 4, "text": "Acme"}])
# One row at least in each table that refers to another, as the first version stored them.
ROWS = {
    "feeds": f"(1, 'a', 'https://a.example/', 'A', true, '{AT}', 'ok', 0)",
    "articles": f"(1, 'k', 1, 'Acme fined', '', '{AT}', 1, 'old')",
    "polls": f"(1, 1, '{AT}', 'stored', 0, 1, 1, 0, 0, 0)",
    "stories": f"(1, 'acme', 'antitrust', 'Acme fined', '{AT}', '{AT}')",
    "hits": f"(1, 1, 1, 'acme', 'antitrust', 0.75, 'Acme fined', '{QUOTES}', 'old', '{AT}', 1)",
    "digests": f"(1, 'desk', '{AT}', '{AT}', 'old', '{{}}', 's', 't', 'h')",
    "digest_items": "(1, 1, 'desk', 1)",
}
COLUMNS = {
    "feeds": "id, key, url, name, enabled, due_at, state, failures",
    "articles": "id, key, feed_id, title, summary, first_seen, revision, matched_with",
    "polls": "id, feed_id, at, outcome, bytes, entries, new, known, revised, rejected",
    "stories": "id, company, topic, headline, first_at, last_at",
    "hits": "id, article_id, revision, company, topic, score, sentence, evidence, lexicon, "
    "found_at, story_id",
    "digests": "id, subscription, slot, composed_at, lexicon, content, subject, text, html",
    "digest_items": "id, digest_id, subscription, hit_id",
}


@pytest.fixture
def first(empty_database):
    """A database of the first schema with something in it."""
    engine = open_engine(empty_database)
    with engine.begin() as connection:
        command.upgrade(alembic_config(connection), "0001")
        for table, row in ROWS.items():
            connection.execute(text(f"INSERT INTO {table} ({COLUMNS[table]}) VALUES {row}"))
    yield engine
    engine.dispose()


def contents(engine):
    with engine.connect() as connection:
        return {
            table: connection.execute(text(f"SELECT {columns} FROM {table}")).all()
            for table, columns in COLUMNS.items()
        }


@pytest.fixture(params=["0001", "0002"])
def older(request, first):
    """A database of each earlier schema, with the same in it."""
    if request.param != "0001":
        with migrating(first) as connection:
            command.upgrade(alembic_config(connection), request.param)
    return first, request.param


def test_an_upgrade_keeps_everything(older):
    """What the first version stored is all there afterwards, and what it refers to as well."""
    first, schema = older
    before = contents(first)

    assert upgrade(first) == schema

    assert contents(first) == before
    assert integrity(first) == []
    with first.connect() as connection:
        [hit] = connection.execute(text("SELECT hit_id, title, event_date FROM v_hits")).all()
        quiet = connection.scalar(text("SELECT quiet FROM hits"))
        feed = connection.execute(text("SELECT state, state_since, gaps FROM v_feeds")).one()
        polls = connection.execute(text("SELECT feed, overlap, gap FROM v_polls")).all()
        if first.dialect.name == "sqlite":
            assert connection.scalar(text("PRAGMA foreign_keys")) == 1
    assert (tuple(feed), [(key, over, bool(gap)) for key, over, gap in polls]) == (
        ("ok", None, 0),
        [("a", None, False)],
    )
    assert (tuple(hit), bool(quiet)) == ((1, "Acme fined", None), False)


def test_a_way_back_keeps_what_was_there(first):
    """Going back gives the first schema with what it held; later hits and states have no place."""
    before = contents(first)
    upgrade(first)
    with first.begin() as connection:
        later = ROWS["hits"].replace("(1, 1, 1,", "(2, 1, 2,")
        connection.execute(text(f"INSERT INTO hits ({COLUMNS['hits']}) VALUES {later}"))
        connection.execute(text("INSERT INTO digest_items VALUES (2, 1, 'desk', 2)"))
        connection.execute(text("UPDATE feeds SET state = 'stale'"))
    with migrating(first) as connection:
        command.downgrade(alembic_config(connection), "0001")

    assert contents(first) == before
    assert integrity(first) == []


def test_readers_keep_their_grants(first):
    """On PostgreSQL, who may read a view may do so after an upgrade."""
    if first.dialect.name != "postgresql":
        return
    with first.begin() as connection:
        connection.execute(text("CREATE ROLE reader_of_views"))
        connection.execute(text("GRANT SELECT ON v_hits, v_stories TO reader_of_views"))
    try:
        upgrade(first)
        with first.connect() as connection:
            for view in ("v_hits", "v_stories"):
                asked = f"SELECT has_table_privilege('reader_of_views', '{view}', 'SELECT')"
                assert connection.scalar(text(asked))
    finally:
        with first.begin() as connection:
            connection.execute(text("DROP OWNED BY reader_of_views"))
            connection.execute(text("DROP ROLE reader_of_views"))


def test_a_migration_that_would_break_a_reference_is_undone(first):
    """On SQLite, where references rest during a migration, they are checked before the commit."""
    if first.dialect.name != "sqlite":
        return
    before = contents(first)
    with pytest.raises(StoreError, match="digest_items"), migrating(first) as connection:
        connection.execute(text("DELETE FROM hits"))

    assert contents(first) == before


def test_a_new_sqlite_database_is_what_the_migrations_leave(tmp_path):
    """The snapshot is the outcome of all migrations, and what is made from it is the same again."""
    kept = shipped("migrations/snapshot.sql").read_text(encoding="utf-8")
    migrated, made = (open_engine(f"sqlite:///{tmp_path}/{name}.db") for name in ("one", "two"))
    with migrating(migrated) as connection:
        command.upgrade(alembic_config(connection), "head")
    upgrade(made)

    for engine in (migrated, made):
        with engine.connect() as connection:
            taken = snapshot.taken(connection)  # by migrations/snapshot.py
            # Alembic lists a table's constraints in an order of chance.
            assert sorted(taken.splitlines()) == sorted(kept.splitlines()), "write it anew"
            assert everything(connection) == {"alembic_version": [(SCHEMA,)]}
        assert integrity(engine) == []
        engine.dispose()


def everything(connection):
    """Return the rows of the tables that have any, but those the search index keeps itself in."""
    names = inspect(connection).get_table_names()
    tables = {
        name: [tuple(row) for row in connection.execute(text(f"SELECT * FROM {name}"))]
        for name in names
        if not name.startswith("article_words")
    }
    return {name: rows for name, rows in tables.items() if rows}


def test_a_new_database_is_made_whole_or_not_at_all(tmp_path):
    """Where making it breaks off, an empty database is left, which the next start makes."""
    engine = open_engine(f"sqlite:///{tmp_path}/new.db")
    with engine.connect() as connection:
        connection.begin()
        snapshot.make(connection)
        connection.rollback()

    assert upgrade(engine) is None
    assert upgrade(engine) == SCHEMA
    engine.dispose()
