"""`monitor sql`: any question, on both databases, and nothing but questions."""

import csv
import io
import json
from datetime import timedelta
from pathlib import Path

import pytest
import yaml
from stored import contents, put

from monitor.cli import main
from monitor.errors import UsageError
from monitor.pipeline.group import group_new
from monitor.store.sql import asking

MINUTE = timedelta(minutes=1)
HITS = "SELECT hit_id, company FROM v_hits ORDER BY hit_id"
WRITES = [
    "DELETE FROM hits",
    "INSERT INTO feeds (key) VALUES ('x')",
    "UPDATE hits SET score = 1",
    "DROP TABLE hits",
    "SELECT 1; DELETE FROM hits",
    "SELECT 1; COMMIT; DELETE FROM hits",
    "-- a comment\n/* SELECT */ DELETE FROM hits",
    "WITH gone AS (DELETE FROM hits RETURNING id) SELECT * FROM gone",
    "WITH x AS (SELECT 1) DELETE FROM hits",
    "WITH x AS (SELECT 1) INSERT INTO feeds (key) SELECT 'x'",
    "SELECT * INTO mine FROM hits",
    "CREATE TABLE mine (id INTEGER)",
    "PRAGMA query_only = OFF",
    "PRAGMA writable_schema = ON",
    "ATTACH DATABASE 'other.db' AS other",
    "VACUUM INTO 'copy.db'",
    "SELECT load_extension('x')",
    "SELECT nextval('feeds_id_seq')",
    "SELECT set_config('transaction_read_only', 'off', false); DELETE FROM hits",
    "COPY hits TO '/tmp/hits'",
    "EXPLAIN ANALYZE DELETE FROM hits",
    "BEGIN; DELETE FROM hits; COMMIT",
    "",
    "   -- nothing",
]


def answer(engine, query, within=MINUTE):
    with asking(engine, query, within=within) as (columns, rows):
        return columns, [tuple(row) for row in rows]


def test_a_question_is_answered(engine):
    """Columns and rows come as the views give them; one name twice is told apart."""
    put(engine)
    group_new(engine)

    assert answer(engine, HITS + ";") == (["hit_id", "company"], [(1, "acme"), (2, "brook")])
    twice = "WITH h AS (SELECT 1 AS a) SELECT a, a, a AS b FROM h"
    assert answer(engine, twice) == (["a", "a_2", "b"], [(1, 1, 1)])
    assert answer(engine, "VALUES (1), (2)")[1] == [(1,), (2,)]
    assert answer(engine, "SELECT company FROM v_hits WHERE 1 = 0") == (["company"], [])
    many = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2500) "
    assert len(answer(engine, many + "SELECT i FROM n")[1]) == 2500


@pytest.mark.parametrize("query", WRITES)
def test_nothing_is_written(engine, query):
    """Whatever is tried, it is refused with a reason, and nothing in the database changes."""
    put(engine)
    before = contents(engine)

    with pytest.raises(UsageError, match=r"only reads|cannot be run"):
        answer(engine, query)

    assert contents(engine) == before


def test_a_mistake_is_told(engine):
    """What the database says of a wrong query is passed on."""
    with pytest.raises(UsageError, match=r"cannot be run: .*v_nothing"):
        answer(engine, "SELECT * FROM v_nothing")
    with pytest.raises(UsageError, match=r"cannot be run: .*syntax"):
        answer(engine, "SELECT FROM FROM")


def test_an_endless_question_is_ended(engine):
    """A query ends with the time it is given, and says so."""
    endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) "
    with pytest.raises(UsageError, match=r"longer than 0\.2 s"):
        answer(engine, endless + "SELECT count(*) FROM n", within=timedelta(seconds=0.2))


@pytest.fixture
def config(empty_database, engine, tmp_path):
    put(engine)
    group_new(engine)
    path = tmp_path / "config.yaml"
    path.write_text(
        f"companies: [alibaba]\ntopics: [ipo]\nfeeds: []\ndatabase: {empty_database}\n", "utf-8"
    )
    return path


def monitor(config, *arguments, code=0):
    with pytest.raises(SystemExit) as ended:
        main(["--config", str(config), *arguments])
    assert ended.value.code == code


def test_the_command(config, capsys):
    """The answer is on stdout in each format; that there is more is told, and how to get it."""
    monitor(config, "sql", HITS, "--format", "csv")
    assert list(csv.reader(io.StringIO(capsys.readouterr().out)))[1:] == [
        ["1", "acme"],
        ["2", "brook"],
    ]
    monitor(config, "sql", HITS, "--limit", "1", "--format", "ndjson")
    said = capsys.readouterr()
    assert json.loads(said.out) == {"hit_id": 1, "company": "acme"}
    assert "these are the first 1;" in said.err
    monitor(
        config, "sql", "SELECT found_at, amount, score FROM v_hits", "--all", "--format", "json"
    )
    assert len(json.loads(capsys.readouterr().out)) == 2
    monitor(config, "sql", "DROP TABLE hits", code=2)
    assert "only reads" in capsys.readouterr().err


def test_datasette_knows_the_views(engine):
    """The file for Datasette names views and tables that exist, and its questions can be asked."""
    if engine.dialect.name != "sqlite":
        return
    guide = Path(__file__).parents[1] / "docs" / "guide" / "datasette.yaml"
    said = yaml.safe_load(guide.read_text("utf-8"))["databases"]["monitor"]
    there = {row[0] for row in answer(engine, "SELECT name FROM sqlite_master")[1]}

    assert set(said["tables"]) <= there
    shown = {name for name, of in said["tables"].items() if of.get("allow") is not False}
    assert said["allow_sql"] is False
    assert all(name.startswith("v_") for name in shown), "what stands in tables is for few"
    tables = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
    assert {row[0] for row in answer(engine, tables)[1]} == set(said["tables"]) - shown
    for query in said["queries"].values():
        asked = query["sql"].replace(":company", "'acme'")
        assert answer(engine, asked)[1] == []
