"""Fixtures every test may use. Only the clock, HTTP and mail hand-over are ever stood in for."""

import os
import shutil
from dataclasses import dataclass, field
from datetime import UTC, datetime

import pytest
from hypothesis import settings
from postgres import Cluster, find_programs
from replicas import write
from sqlalchemy import make_url, text

from monitor.store.engine import open_engine
from monitor.store.migrate import upgrade

# How long an example takes is the machine's affair: on a busy one, none fails for that.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")


@dataclass
class StoppedClock:
    """A clock that stands until a test moves it: `clock.at += timedelta(...)`."""

    at: datetime = field(default_factory=lambda: datetime(2026, 11, 23, 8, 0, tzinfo=UTC))

    def now(self):
        return self.at


@pytest.fixture
def clock():
    return StoppedClock()


@pytest.fixture(scope="session")
def postgres():
    """A PostgreSQL of our own, for the length of the run."""
    programs = find_programs()
    if programs is None:
        needs("PostgreSQL's server programs (initdb, postgres)")
    with Cluster(programs) as cluster:
        yield cluster


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_database(request, tmp_path):
    """The address of an empty database, on SQLite and on PostgreSQL.

    For a test that asks for `engine` it is a copy of one at the newest schema, which costs a
    tenth of the migrations.
    """
    migrated = "engine" in request.fixturenames
    if request.param == "sqlite":
        if migrated:
            shutil.copyfile(request.getfixturevalue("migrated_sqlite"), tmp_path / "monitor.db")
        yield f"sqlite:///{tmp_path}/monitor.db"
        return
    template = request.getfixturevalue("migrated_postgresql") if migrated else None
    with request.getfixturevalue("postgres").database(template) as url:
        yield url


@pytest.fixture(scope="session")
def migrated_sqlite(tmp_path_factory):
    """A SQLite file at the newest schema."""
    file = tmp_path_factory.mktemp("template") / "monitor.db"
    _migrate(f"sqlite:///{file}")
    return file


@pytest.fixture(scope="session")
def migrated_postgresql(postgres):
    """The name of a PostgreSQL database at the newest schema."""
    with postgres.database() as url:
        _migrate(url)
        yield make_url(url).database


def _migrate(url):
    engine = open_engine(url)
    upgrade(engine)
    engine.dispose()


@pytest.fixture
def database(postgres, migrated_postgresql):
    """The address of a PostgreSQL database at the newest schema."""
    with postgres.database(migrated_postgresql) as url:
        yield url


@pytest.fixture
def app(database, tmp_path):
    """An application of a cluster whose queue is ready."""
    from monitor.app import App
    from monitor.cluster.engine import prepare

    with App.load(write(tmp_path, database), {}) as app:
        prepare(app.store)
        yield app


@pytest.fixture
def engine(empty_database):
    """An engine on a database at the newest schema."""
    engine = open_engine(empty_database)
    yield engine
    engine.dispose()


def needs(program):
    """Skip with a sentence that names what is missing; in CI nothing is missing."""
    sentence = f"{program} not found on this machine: this part is not tested"
    if os.environ.get("CI"):
        pytest.fail(sentence)
    pytest.skip(sentence)


def scalar(engine, query):
    """Return the one value of a SQL *query*."""
    with engine.connect() as connection:
        return connection.scalar(text(query))
