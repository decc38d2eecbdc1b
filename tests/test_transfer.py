"""Moving to another database: everything or nothing, compared, and the service goes on there."""

import email
import email.policy
import json
import random
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing, contextmanager, suppress
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import psycopg
import pytest
from feedserver import FeedServer, answer
from smtpserver import Script, SmtpServer
from sqlalchemy import (
    JSON,
    Boolean,
    Date,
    Double,
    Integer,
    LargeBinary,
    Numeric,
    Text,
    insert,
    inspect,
    make_url,
    select,
    text,
    update,
)
from sqlalchemy.exc import OperationalError
from stored import NOW, put
from test_search import LATER, QUERIES, store

from monitor.errors import StoreError
from monitor.pipeline.group import group_new
from monitor.query import parse
from monitor.store import claims, numbering, workers
from monitor.store import schema as t
from monitor.store.answers import answers
from monitor.store.engine import open_engine
from monitor.store.migrate import integrity, upgrade
from monitor.store.queries import ARTICLES, HITS, STORIES, Filter
from monitor.store.transfer import transfer
from monitor.store.types import Instant

WAYS = [("sqlite", "postgresql"), ("postgresql", "sqlite"), ("sqlite", "sqlite")]
WORDS = "阿里 \t\r\n\\N \\. 'quoted' \"double\" %s 𠮷 \x01"


@pytest.fixture(params=WAYS, ids="-".join)
def urls(request, tmp_path):
    """The addresses of two empty databases: from one kind into another."""
    with contextmanager(_addresses)(request, tmp_path) as addresses:
        yield addresses


def _addresses(request, tmp_path):
    postgres = request.getfixturevalue("postgres") if "postgresql" in request.param else None
    if postgres is None:
        yield [f"sqlite:///{tmp_path}/{name}.db" for name in ("old", "new")]
        return
    with postgres.database() as address:
        yield [
            address if kind == "postgresql" else f"sqlite:///{tmp_path}/{kind}.db"
            for kind in request.param
        ]


@pytest.fixture
def both(urls):
    """Engines on both; the first is at the newest schema."""
    old, new = map(open_engine, urls)
    upgrade(old)
    yield old, new
    old.dispose()
    new.dispose()


def move(old, new, now=NOW):
    return transfer(old, new, now=now, progress=lambda *_: None)


RNG = random.Random(7)  # noqa: S311 - made-up values
KINDS = {
    Instant: lambda: NOW - timedelta(microseconds=RNG.randrange(10**15)),
    JSON: lambda: RNG.choice([[], {"名": [1, 2.5, None, WORDS]}, "text", 0]),
    Date: lambda: NOW.date() - timedelta(days=RNG.randrange(9000)),
    Boolean: lambda: RNG.random() < 0.5,
    Double: lambda: RNG.choice([0.1, 1e-9, 2 / 3]),
    Numeric: lambda: RNG.choice([2_800_000_000.25, 1e21, 0.01]),
    LargeBinary: lambda: RNG.randbytes(40) + b"\x00\\",
    Integer: lambda: RNG.choice([2**53 - 1, 0, -5]),
}


def value(column, number):
    """Return what a column of that kind can hold; what may be there once only is of the number."""
    if isinstance(column.type, Text):
        return f"{number} {WORDS}"
    if column.primary_key or column.foreign_keys:
        return number
    if column.nullable and RNG.random() < 0.3:
        return None
    return next(make() for kind, make in KINDS.items() if isinstance(column.type, kind))


def fill(engine, rows=3):
    """Put rows into every table but the chain's."""
    with engine.begin() as connection:
        for table in t.metadata.sorted_tables:
            for number in range(1, rows + 1) if table is not t.audit else ():
                row = {column.name: value(column, number) for column in table.columns}
                if table is t.articles:
                    row |= {"indexed": None, "revision": 1}
                connection.execute(insert(table), [row])


def plain(url):
    """Return every row of every table as the driver itself gives them, by table."""
    found = {}
    if url.startswith("sqlite"):
        opened = sqlite3.connect(make_url(url).database)
    else:
        opened = psycopg.connect(url.replace("postgresql+psycopg", "postgresql"))
    with closing(opened) as connection:
        for table in t.metadata.sorted_tables:
            names = [column.name for column in table.columns if column is not t.articles.c.indexed]
            json_too = {
                n: f'CAST("{n}" AS TEXT)' for n in names if isinstance(table.c[n].type, JSON)
            }
            listed = ", ".join(json_too.get(name, f'"{name}"') for name in names)
            rows = connection.execute(f'SELECT {listed} FROM "{table.name}"').fetchall()
            kinds = [table.c[name].type for name in names]
            found[table.name] = sorted(
                repr([_plain(*it) for it in zip(kinds, row, strict=True)]) for row in rows
            )
    return found


def _plain(kind, stored):
    if stored is None:
        return None
    if isinstance(kind, Instant):
        stored = datetime.fromisoformat(stored) if isinstance(stored, str) else stored
        return stored.astimezone(UTC)
    if isinstance(kind, Numeric) and not isinstance(kind, Double):
        return Decimal(stored).quantize(Decimal("0.01"))
    readers = {Date: str, JSON: lambda it: json.dumps(json.loads(it), sort_keys=True)}
    readers |= {Boolean: bool, LargeBinary: bytes}
    read = next((read for its, read in readers.items() if isinstance(kind, its)), lambda it: it)
    return read(stored)


def nobody_at_work(engine):
    """Leave nothing that is not the same in a copy: claims, and workers that run."""
    with engine.begin() as connection:
        workers.leave_behind(connection, now=NOW)


def test_every_value_of_every_table(both, urls):
    """Both hold the same rows, by another reading than the program's own; nothing dangles."""
    old, new = both
    fill(old)
    nobody_at_work(old)

    counts = move(old, new)

    assert plain(urls[1]) == plain(urls[0])
    assert counts == {table: 3 for table in t.metadata.tables if table != "audit"}
    assert integrity(new) == []


def test_the_same_schema(both):
    """Indexes, constraints and views of the copy are those that the migrations make."""
    old, new = both
    fill(old)
    upgrade(new)
    before = shape(new)
    move(old, new)
    assert shape(new) == before


def shape(engine):
    sqlite = "SELECT type, name, tbl_name, sql FROM sqlite_master WHERE name NOT LIKE 'sqlite_%'"
    other = """
        SELECT 'index', indexname, tablename, indexdef FROM pg_indexes WHERE schemaname = 'public'
        UNION ALL SELECT CAST(contype AS text), conname, CAST(CAST(conrelid AS regclass) AS text),
               pg_get_constraintdef(oid) || CAST(convalidated AS text)
        FROM pg_constraint WHERE connamespace = CAST('public' AS regnamespace)
    """
    with engine.connect() as connection:
        found = connection.execute(text(sqlite if engine.dialect.name == "sqlite" else other))
        return sorted(map(tuple, found))


def test_searches_find_the_same(both):
    """Each query of the data finds the same articles, hits and stories, in the same order."""
    old, new = both
    store(old)
    group_new(old)
    move(old, new, now=LATER)

    def found(engine, case):
        query = parse(case["query"], now=LATER)
        with engine.connect() as connection:
            return [
                [row[listing.order[1]] for row in answers(connection, listing, query, Filter())]
                for listing in (ARTICLES, HITS, STORIES)
            ]

    assert len(QUERIES) >= 60
    for case in QUERIES:
        assert found(new, case) == found(old, case), case["query"]
    with new.connect() as connection:
        assert not connection.scalar(text("SELECT count(*) FROM articles WHERE indexed IS NULL"))


def test_new_rows_get_new_numbers(both):
    """What is stored in the copy later takes no number that is taken."""
    old, new = both
    fill(old)
    move(old, new)
    with new.begin() as connection:
        for table in t.metadata.sorted_tables:
            if "id" in table.c and table is not t.audit:
                assert numbering.reserve(connection, table, 2) == [4, 5], table.name
        assert numbering.reserve(connection, t.audit, 1) == [1]


@pytest.mark.parametrize("way", WAYS, ids="-".join)
def test_who_is_refused(way, request, tmp_path):
    """A target with anything in it, a source at work, or one of another version changes nothing."""
    request.param = way
    with contextmanager(_addresses)(request, tmp_path) as urls:
        old, new = map(open_engine, urls)
        with pytest.raises(StoreError, match="is empty: run"):
            move(old, new)
        upgrade(old)
        upgrade(new)
        put(old)
        put(new, ("Something else",), feed="z")
        before = plain(urls[1])
        with pytest.raises(StoreError, match="is not empty: there are rows in"):
            move(old, new)
        assert plain(urls[1]) == before

        with new.begin() as connection:
            connection.execute(text("UPDATE alembic_version SET version_num = '0021'"))
        with pytest.raises(StoreError, match="is at 0021"):
            move(old, new)
        with new.begin() as connection:
            connection.execute(text(f"UPDATE alembic_version SET version_num = '{t.SCHEMA}'"))
        with old.begin() as connection:
            row = {"name": "w", "started_at": NOW, "beat_at": NOW}
            connection.execute(insert(t.workers), [row])
        with pytest.raises(StoreError, match="stop it first"):
            move(old, new, now=NOW + timedelta(seconds=30))
        old.dispose()
        new.dispose()


def test_a_copy_can_be_used_at_once(both):
    """A service that was killed on the source does not count as running on the target."""
    old, new = both
    put(old)
    with old.begin() as connection:
        workers.started(connection, "host:7", now=NOW)
        later = NOW + timedelta(days=1)
        connection.execute(update(t.feeds).values(claimed_by="host:7", due_at=later))
    copied = NOW + timedelta(minutes=2)

    move(old, new, now=copied)

    with new.connect() as connection:
        workers.require_rest(connection, now=NOW)
        assert workers.last_start(connection, now=NOW) is None
        assert claims.any_due(connection, now=copied)
        assert connection.scalars(select(t.feeds.c.claimed_by)).all() == [None]
    with old.connect() as connection:
        assert connection.scalars(select(t.feeds.c.claimed_by)).all() == ["host:7"]


def test_nobody_writes_meanwhile(both):
    """Who wants to change the source while it is copied waits, and changes nothing of the copy."""
    old, new = both
    put(old)
    refused = []

    def meddle(doing, *_):
        if doing.startswith("comparing") and not refused:
            other = open_engine(old.url)
            impatient = (
                "PRAGMA busy_timeout=100"
                if old.dialect.name == "sqlite"
                else "SET lock_timeout=100"
            )
            with other.execution_options(reads=True).connect() as connection:
                connection.exec_driver_sql(impatient)
                with pytest.raises(OperationalError) as told:
                    connection.execute(text("UPDATE articles SET title = 'changed'"))
                refused.append(told)
            other.dispose()

    transfer(old, new, now=NOW, progress=meddle)
    assert refused


def test_what_is_not_the_same_is_found(both):
    """A target that keeps a row otherwise, or not at all, is told of by table, row and column."""
    old, new = both
    upgrade(new)
    put(old)
    changes = {
        ("articles", "row 2: title is not the same in both"): "UPDATE articles SET title = 'x'",
        ("sightings", "row 2: is in one database alone"): "DELETE FROM sightings",
    }
    for (table, said), change in changes.items():
        with new.begin() as connection:
            _trigger(connection, table, f"{change} WHERE id = 2")
        with pytest.raises(StoreError, match=f"table {table}, {said}"):
            move(old, new)
        with new.begin() as connection:
            assert not connection.scalar(text("SELECT count(*) FROM feeds"))
            of_table = f" ON {table}" if new.dialect.name == "postgresql" else ""
            connection.exec_driver_sql(f"DROP TRIGGER meddler{of_table}")
    assert move(old, new)["articles"] == 4


def test_what_refers_to_nothing_is_found(both):
    """A source that was damaged is no start for another database."""
    old, new = both
    put(old)
    with old.begin() as connection:
        if old.dialect.name == "postgresql":
            connection.exec_driver_sql("ALTER TABLE hits DROP CONSTRAINT fk_hits_article_id")
        else:
            connection.connection.driver_connection.commit()
            connection.exec_driver_sql("PRAGMA foreign_keys=OFF")
        connection.execute(text("UPDATE hits SET article_id = 99 WHERE id = 1"))
    with pytest.raises(StoreError, match=r"hold together.*\(99\)|hits, row 1: would refer"):
        move(old, new)
    assert _rows_in(new) == 0


def _trigger(connection, table, change):
    """Let *change* be made once rows are in the table."""
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql(
            f"CREATE TRIGGER meddler AFTER INSERT ON {table} BEGIN {change}; END"
        )
        return
    connection.exec_driver_sql(
        "CREATE OR REPLACE FUNCTION meddle() RETURNS trigger LANGUAGE plpgsql AS"
        f" $$ BEGIN {change}; RETURN NULL; END $$"
    )
    connection.exec_driver_sql(
        f"CREATE TRIGGER meddler AFTER INSERT ON {table} FOR EACH STATEMENT"
        " EXECUTE FUNCTION meddle()"
    )


@pytest.mark.parametrize("urls", [WAYS[0]], indirect=True, ids="-".join)
def test_what_postgresql_cannot_keep_is_named(both):
    """A character that one database takes and the other does not stops it, with the row."""
    old, new = both
    put(old)
    with old.begin() as connection:
        connection.execute(text("UPDATE articles SET summary = 'a' || char(0) WHERE id = 3"))
    with pytest.raises(StoreError, match="table articles, row 3: PostgreSQL cannot keep a NUL"):
        move(old, new)
    upgrade(new)
    with new.connect() as connection:
        assert not connection.scalar(text("SELECT count(*) FROM feeds"))


# --- from outside ------------------------------------------------------------------------------


def monitor(folder, *args, code=0):
    done = subprocess.run(
        [sys.executable, "-m", "monitor", *args],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.mark.parametrize("urls", WAYS[:2], indirect=True, ids="-".join)
def test_killed_in_the_middle(both, urls, tmp_path):
    """Whenever it is killed, the target is empty, and the next run copies everything."""
    old, new = both
    for part in range(4):
        put(old, [f"Acme fined in antitrust case {part}-{n}" for n in range(500)], feed=f"f{part}")
    nobody_at_work(old)
    (tmp_path / "config.yaml").write_text(f"feeds: []\ndatabase: {urls[0]}\n", "utf-8")
    command = [sys.executable, "-m", "monitor", "db", "copy", "--to", urls[1]]
    began = time.monotonic()
    whole = "in time"
    rng, cut = random.Random(3), 0  # noqa: S311 - moments to kill at
    for turn in range(6):
        with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE) as copying:
            _wait_for_rows(new, copying)
            time.sleep(rng.random() * 0.2 * turn)  # the first at once: some machines are fast
            copying.send_signal(signal.SIGKILL)
            whole = copying.stdout.read()
        if whole:
            break
        cut += 1
        assert _rows_in(new) == 0
    assert cut, f"it was never cut off in {time.monotonic() - began:.1f} s"
    if not whole:
        monitor(tmp_path, "db", "copy", "--to", urls[1])
    assert plain(urls[1]) == plain(urls[0])


def _wait_for_rows(engine, process):
    """Wait until the copying process is in its transaction."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline and process.poll() is None:
        if engine.dialect.name == "sqlite":
            file = engine.url.database
            with suppress(FileNotFoundError), open(f"{file}-wal", "rb") as log:  # noqa: PTH123
                if len(log.read(100_000)) > 50_000:
                    return
        else:
            busy = "SELECT count(*) FROM pg_stat_activity WHERE xact_start < now()"
            busy += " - interval '0.5 s' AND datname = current_database()"
            with engine.connect() as connection:
                if connection.scalar(text(busy)):
                    return
        time.sleep(0.02)


def _rows_in(engine):
    if not inspect(engine).has_table("feeds"):
        return 0
    with engine.connect() as connection:
        return connection.scalar(text("SELECT count(*) FROM feeds"))


CONFIG = """
database: {url}
feeds: [{{id: a, url: "{feed}"}}]
subscriptions: [{{name: desk, to: [a@example.com, b@example.com], at: "07:30"}}]
companies: [alibaba]
network: {{allow_private: [127.0.0.0/8]}}
polling: {{interval: 5s}}
delivery:
  from: Monitor <monitor@example.com>
  smtp: {{host: 127.0.0.1, port: {port}, security: none}}
"""


def rss(*titles):
    items = "".join(
        f"<item><guid>{title}</guid><link>http://a.example/{n}</link><title>{title}</title></item>"
        for n, title in enumerate(titles)
    )
    return answer(f'<rss version="2.0"><channel><title>A</title>{items}</channel></rss>'.encode())


@pytest.mark.parametrize("urls", WAYS[:2], indirect=True, ids="-".join)
def test_a_service_goes_on_where_the_other_stopped(urls, tmp_path):
    """No article is new again, no digest is made twice, and what was not sent yet is sent once."""
    first = "Alibaba fined in antitrust probe"
    later = "Alibaba faces second antitrust probe in Europe"
    with FeedServer() as feeds, SmtpServer(Script(rcpt={"b@example.com": "451 later"})) as server:
        feeds.put("/feed.xml", rss(first))

        def configure(url):
            config = CONFIG.format(url=url, feed=feeds.url("/feed.xml"), port=server.port)
            (tmp_path / "config.yaml").write_text(config, "utf-8")

        configure(urls[0])
        assert poll(tmp_path)["hits"] == 1
        monitor(tmp_path, "digest", "--send", code=1)  # one recipient has to wait
        assert [mail.recipients for mail in server.taken] == [("a@example.com",)]
        monitor(tmp_path, "review", "1", "relevant")
        feeds.put("/feed.xml", rss(first, later))
        assert poll(tmp_path)["hits"] == 1
        waiting = deliveries(tmp_path)

        monitor(tmp_path, "db", "copy", "--to", urls[1])
        configure(urls[1])
        server.script = Script()

        assert deliveries(tmp_path) == waiting
        assert "whole" in monitor(tmp_path, "audit", "verify")
        run_until_polled(tmp_path, feeds)
        assert poll(tmp_path)["new_articles"] == 0
        [unsent] = [it["delivery_id"] for it in waiting if it["status"] == "waiting"]
        monitor(tmp_path, "deliveries", "retry", str(unsent))
        monitor(tmp_path, "digest", "--send")
        monitor(tmp_path, "digest", "--send")

        to_a, to_b = (
            [mail.content for mail in server.taken if mail.recipients == (it,)]
            for it in ("a@example.com", "b@example.com")
        )
        for mails in (to_a, to_b):
            told = list(map(words, mails))
            assert [sum(title in text for text in told) for title in (first, later)] == [1, 1]
        assert len(set(map(message_id, to_a + to_b))) == len(to_a + to_b) == 6
        assert "whole" in monitor(tmp_path, "audit", "verify")


def poll(folder):
    return json.loads(monitor(folder, "poll", "--all", "--json").splitlines()[0])


def deliveries(folder):
    said = monitor(folder, "deliveries", "--format", "json")
    return json.loads(said[: said.rindex("]") + 1])


def run_until_polled(folder, feeds):
    """Let the service run until it has asked its feed."""
    asked = len(feeds.requests)
    with subprocess.Popen([sys.executable, "-m", "monitor", "run"], cwd=folder) as service:
        deadline = time.monotonic() + 60
        while len(feeds.requests) == asked and time.monotonic() < deadline:
            assert service.poll() is None
            time.sleep(0.1)
        time.sleep(1)
        service.send_signal(signal.SIGTERM)
        assert service.wait(20) == 0
    assert len(feeds.requests) > asked


def words(mail):
    """Return what a mail says, without its marks."""
    parts = email.message_from_bytes(mail, policy=email.policy.default)
    return " ".join(parts.get_body(("plain",)).get_content().replace("*", "").split())


def message_id(mail):
    return email.message_from_bytes(mail)["Message-ID"]
