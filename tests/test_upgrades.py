"""Upgrades from every former schema, with what the programs of that time stored: nothing is lost.

`data/schemas.json.xz` has, for each schema, every row of a small database that the last program
with that schema made: it polled a feed of three entries, one of them Chinese, mailed a digest to
one of two recipients (the other had to wait), took a verdict once there were verdicts, and polled
the feed again with a new entry and a changed title. From a schema without rows of its own the
upgrade begins with those of the schema before.
"""

import base64
import email
import email.policy
import json
import lzma
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest
from alembic import command
from alembic.script import ScriptDirectory
from feedserver import FeedServer, answer
from smtpserver import SmtpServer
from sqlalchemy import Boolean, inspect, text

from monitor.store.engine import open_engine
from monitor.store.migrate import alembic_config, integrity, migrating, upgrade
from monitor.store.schema import SCHEMA

DATA = Path(__file__).with_name("data") / "schemas.json.xz"
KNOWN = (  # title, as the feed showed them last
    ("four", "Alibaba files for secondary listing in Hong Kong", ""),
    (
        "one",
        "Alibaba fined in antitrust probe, appeal expected",
        "The regulator spoke of 2.8 billion dollars.",
    ),
    ("two", "阿里巴巴因垄断行为被罚款182.28亿元", "市场监管总局作出处罚。"),
    ("three", "River levels fall after a dry month", "Boats wait at the locks."),
)
NEWS = ("five", "Alibaba faces antitrust probe in Brazil", "")
CONFIG = """
feeds: [{{id: news, url: "{feed}", name: News}}]
companies: [alibaba]
topics: [antitrust, listing]
subscriptions: [{{name: desk, to: [a@example.com, b@example.com], at: "07:30"}}]
network: {{allow_private: [127.0.0.0/8]}}
database: {url}
delivery:
  from: Monitor <monitor@example.com>
  smtp: {{host: 127.0.0.1, port: {port}, security: none}}
"""


@cache
def stored():
    """Return the rows of each schema, by table."""
    return json.loads(lzma.decompress(DATA.read_bytes()))


def former():
    """Return every schema but the present one, oldest first."""
    script = ScriptDirectory(str(Path(__file__).parents[1] / "migrations"))
    return sorted(it.revision for it in script.walk_revisions() if it.revision != SCHEMA)


def rows_of(schema):
    """Return the newest schema up to that one of which there are rows, and these."""
    newest = max(it for it in stored() if it <= schema)
    return newest, stored()[newest]


def go_to(engine, schema):
    with migrating(engine) as connection:
        command.upgrade(alembic_config(connection), schema)


@pytest.fixture
def at(empty_database):
    """Return a function that gives a database at a schema, with what was stored then."""
    engine = open_engine(empty_database)

    def make(schema):
        had, tables = rows_of(schema)
        go_to(engine, had)
        with migrating(engine) as connection:
            for table in inspect(connection).get_sorted_table_and_fkc_names():
                _put(connection, table[0], tables.get(table[0], ()))
        go_to(engine, schema)
        return engine

    yield make
    engine.dispose()


def _put(connection, table, rows):
    if not rows:
        return
    columns = inspect(connection).get_columns(table)
    yes_or_no = {it["name"] for it in columns if isinstance(it["type"], Boolean)}
    for row in rows:
        values = {name: _value(it, name in yes_or_no) for name, it in row.items()}
        names, marks = ", ".join(f'"{it}"' for it in row), ", ".join(f":{it}" for it in row)
        connection.execute(text(f'INSERT INTO "{table}" ({names}) VALUES ({marks})'), values)
    if connection.dialect.name == "postgresql" and "id" in rows[0]:
        query = "SELECT setval(pg_get_serial_sequence(:table, 'id'), max(id)) FROM {}"
        connection.execute(text(query.format(table)), {"table": table})


def _value(value, yes_or_no):
    if isinstance(value, dict):
        return base64.b64decode(value["base64"])
    return bool(value) if yes_or_no and value is not None else value


def contents(engine, tables):
    """Return what the database holds in the columns of *tables*, by table."""
    with engine.connect() as connection:
        return {
            table: sorted(map(repr, connection.execute(text(_select(table, columns)))))
            for table, columns in tables.items()
        }


def _select(table, columns):
    return "SELECT {} FROM {}".format(", ".join(f'"{it}"' for it in columns), table)


@pytest.mark.parametrize("schema", former())
def test_nothing_is_lost(at, schema):
    """Every row of every table is there afterwards, each column of before as it was."""
    engine = at(schema)
    inspector = inspect(engine)
    tables = {
        name: [column["name"] for column in inspector.get_columns(name)]
        for name in inspector.get_table_names()
        if not name.startswith(("alembic_version", "article_words"))
    }
    before = contents(engine, tables)
    assert {table: len(rows) for table, rows in before.items() if rows} == {
        table: len(rows) for table, rows in rows_of(schema)[1].items()
    }

    assert upgrade(engine) == schema

    assert contents(engine, tables) == before
    assert integrity(engine) == []


def monitor(folder, *args):
    done = subprocess.run(
        [sys.executable, "-m", "monitor", *args],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def rss(entries):
    items = "".join(
        f"<item><guid>{guid}</guid><link>http://news.example/{guid}</link><title>{title}</title>"
        f"<description>{summary}</description></item>"
        for guid, title, summary in entries
    )
    return answer(
        f'<rss version="2.0"><channel><title>News</title>{items}</channel></rss>'.encode()
    )


@pytest.mark.parametrize("schema", [it for it in former() if it in {"0001", "0008", "0014"}])
def test_the_service_goes_on(at, schema, tmp_path):
    """Known articles are no news, what was mailed is not mailed again, what was not mailed is."""
    engine = at(schema)
    [waiting] = [it for it in rows_of(schema)[1]["deliveries"] if it["status"] == "waiting"]
    hits = {it["id"] for it in rows_of(schema)[1]["hits"]}
    with FeedServer() as feeds, SmtpServer() as server:
        feeds.put("/feed.xml", rss([NEWS, *KNOWN]))
        url = engine.url.render_as_string(hide_password=False)
        config = CONFIG.format(feed=feeds.url("/feed.xml"), url=url, port=server.port)
        (tmp_path / "config.yaml").write_text(config, "utf-8")

        polled = json.loads(monitor(tmp_path, "poll", "--all", "--json"))
        assert (polled["new_articles"], polled["hits"]) == (1, 1)
        found = json.loads(monitor(tmp_path, "hits", "--format", "json"))
        assert hits < {it["hit_id"] for it in found}
        assert server.taken == []
        monitor(tmp_path, "deliveries", "retry", str(waiting["id"]))
        monitor(tmp_path, "digest", "--send")
        first = [mail for mail in server.taken if _id(mail) == waiting["message_id"]]
        assert [mail.recipients for mail in first] == [("b@example.com",)]
        second = [mail for mail in server.taken if mail not in first]
        assert sorted(it.recipients for it in second) == [("a@example.com",), ("b@example.com",)]
        for mail in second:
            told = [title in _words(mail) for title in (KNOWN[0][1], NEWS[1], KNOWN[2][1])]
            assert told == [True, True, False]
        monitor(tmp_path, "audit", "verify")
        assert monitor(tmp_path, "db", "check").endswith("whole\n")
    with engine.connect() as connection:
        twice = "SELECT count(*) - count(DISTINCT hit_id) FROM digest_items"
        assert connection.scalar(text(twice)) == 0


def _id(mail):
    return email.message_from_bytes(mail.content)["Message-ID"]


def _words(mail):
    parts = email.message_from_bytes(mail.content, policy=email.policy.default)
    return " ".join(parts.get_body(("plain",)).get_content().replace("*", "").split())
