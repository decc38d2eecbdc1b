"""Trying other rules on stored articles: what they would add and remove, and nothing is changed."""

import csv
import io
import json
from datetime import timedelta

import pytest
from sqlalchemy import text, update
from stored import NEW, NOW, OLD, contents, put, rules
from test_cli import Running, run

from monitor.pipeline.backtest import backtest
from monitor.pipeline.rematch import RematchStep
from monitor.store import schema as t
from monitor.store import texts

CONFIG = """\
database: '{database}'
companies: [{{id: acme, name: Acme}}, {{id: brook, name: Brook}}]
topics: [{{id: antitrust, name: a, keywords: [antitrust]}}, {{id: ipo, name: i, keywords: [IPO]}}]
"""
OTHER = """\
companies: [{id: acme, name: Acme}, {id: bluebird, name: Bluebird}]
topics: [{id: antitrust, name: a, keywords: [antitrust]}, {id: rain, name: r, keywords: [probe]}]
"""


def compared(engine, lexicon, **limits):
    chosen = texts.Chosen(**limits)
    found = backtest(engine, lexicon, chosen, bound={}, jobs=1)
    return [it for page in found for it in page]


def told(found):
    lines = [
        f"{change.kind} {change.company}/{change.topic}: {change.why}"
        for it in found
        for change in it.changes
    ]
    return sorted(lines), sorted("/".join(pair) for it in found for pair in it.unchanged)


def test_what_would_change(engine):
    """Each pair that would be added or removed is told with the reason, the others are counted."""
    put(engine)

    changes, unchanged = told(compared(engine, NEW))

    assert [line.replace("(antitrust.", "(a.") for line in changes] == [
        'added acme/rain: "Acme" (acme.en.name) and "probe" (rain.en.probe)',
        'added bluebird/antitrust: "Bluebird" (bluebird.en.name) and "antitrust" (a.en.antitrust)',
        "removed brook/ipo: brook is not watched",
    ]
    assert unchanged == ["acme/antitrust"]


def test_the_same_rules_change_nothing(engine):
    """The rules that made the hits add and remove none."""
    put(engine)

    assert told(compared(engine, OLD)) == ([], ["acme/antitrust", "brook/ipo"])


@pytest.mark.parametrize(
    ("lexicon", "why"),
    [
        (rules(["Acme"]), "brook is not watched"),
        (rules(antitrust="antitrust"), "ipo is no topic"),
        (rules(["Acme", "Brook"], ipo="float", antitrust="antitrust"), "no spelling of one"),
    ],
)
def test_why_a_hit_would_go(engine, lexicon, why):
    """A hit that would be removed says what it lacks."""
    put(engine, ["Brook plans IPO"])

    [[change], unchanged] = told(compared(engine, lexicon))

    assert change.startswith(f"removed brook/ipo: {why}")
    assert unchanged == []


def test_other_details_are_told(engine):
    """A pair that would be found by another spelling stays, and the difference is named."""
    put(engine, ["Acme fined in antitrust probe"])

    changes, unchanged = told(compared(engine, rules(antitrust="antitrust probe")))

    assert unchanged == ["acme/antitrust"]
    [change] = changes
    assert change.startswith("differing acme/antitrust: ")
    assert "antitrust.en.antitrust-probe" in change


def test_since(engine):
    """Only articles first seen since the instant given are looked at."""
    put(engine, ["Bluebird antitrust hearing"], now=NOW - timedelta(days=9))
    put(engine, ["Bluebird antitrust appeal"])

    assert len(compared(engine, NEW, since=NOW - timedelta(days=1))) == 1


def test_rematch_does_what_backtest_said(engine, clock):
    """Applying the rules afterwards gives just the hits that were foretold."""
    put(engine)
    with engine.begin() as connection:
        query = text("SELECT company || '/' || topic FROM v_hits")
        before = set(connection.scalars(query))
    changes = [change for it in compared(engine, NEW) for change in it.changes]
    added = {f"{it.company}/{it.topic}" for it in changes if it.kind == "added"}
    removed = {f"{it.company}/{it.topic}" for it in changes if it.kind == "removed"}

    for _ in RematchStep(engine, clock, NEW, news_since=NOW).rematch(texts.Chosen()):
        pass

    with engine.begin() as connection:
        assert set(connection.scalars(query)) == (before | added) - removed


# --- the commands ------------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path, empty_database, engine):
    put(engine)
    config = CONFIG.format(database=empty_database)
    (tmp_path / "config.yaml").write_text(config, encoding="utf-8")
    (tmp_path / "new.yaml").write_text(OTHER, encoding="utf-8")
    return tmp_path


def test_backtest_changes_nothing(folder, engine, tmp_path):
    """After a backtest every table holds what it held, and on SQLite the file its very bytes."""
    file = tmp_path / "monitor.db"
    if file.exists():
        with engine.connect() as connection:
            connection.exec_driver_sql("ROLLBACK")
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
            connection.exec_driver_sql("BEGIN")
    before = contents(engine), file.exists() and file.read_bytes()

    for form in ("json", "table"):
        run(folder, "backtest", "--with", "new.yaml", "--format", form)

    assert (contents(engine), file.exists() and file.read_bytes()) == before
    assert not (tmp_path / "outbox").exists()


def test_backtest_in_every_format(folder):
    """One summary with examples as JSON and as a table; every change as NDJSON and CSV."""
    found = json.loads(run(folder, "backtest", "--with", "new.yaml", "--format", "json").stdout)
    figures = ("articles", "added", "removed", "unchanged", "differing", "failed")
    assert [found[name] for name in figures] == [4, 2, 1, 1, 1, 0]  # a stage besides
    assert found["examples"]["removed"][0]["title"] == "Brook plans IPO"
    pair = {"company": "acme", "topic": "rain"}
    assert {**pair, "added": 1, "removed": 0, "unchanged": 0, "differing": 0} in found["by"]
    one = ["backtest", "--with", "new.yaml", "--limit-examples", "1", "--format"]
    assert len(json.loads(run(folder, *one, "json").stdout)["examples"]["added"]) == 1
    assert "the newest 1 of 2" in run(folder, *one, "table").stdout
    done = run(folder, "backtest", "--with", "new.yaml")
    changes = [json.loads(line)["change"] for line in done.stdout.splitlines()]
    assert sorted(changes) == ["added", "added", "differing", "removed"]
    assert "hits: 2 added, 1 removed, 1 unchanged" in done.stderr
    rows = csv.DictReader(io.StringIO(run(folder, *one, "csv").stdout))
    assert sorted(row["change"] for row in rows) == sorted(changes)


def test_rules_with_mistakes(folder):
    """A mistake in the other rules is named with file and line, as wrong configuration."""
    (folder / "bad.yaml").write_text("topics: [antitrust]\ncompanys: [tencent]\n", "utf-8")

    assert "bad.yaml:2" in run(folder, "backtest", "--with", "bad.yaml", code=2).stderr
    assert "none.yaml" in run(folder, "backtest", "--with", "none.yaml", code=2).stderr


def test_the_service_mends_and_prunes(folder, engine):
    """At its start the service matches what detection had failed on, and prunes old near-misses."""
    title = "Brook plans another IPO"
    put(engine, [title, "Acme opens. An antitrust hearing"], fails=[title])
    with engine.begin() as connection:
        connection.execute(update(t.near_misses).values(found_at=NOW - timedelta(days=4000)))

    with Running(folder) as service:
        service.wait_for("unmatched articles matched")
        service.wait_for("pruned")

    with engine.begin() as connection:
        query = text("SELECT COUNT(*) FROM v_hits WHERE title = :title")
        assert connection.scalar(query, {"title": title}) == 1
        assert connection.scalar(text("SELECT COUNT(*) FROM near_misses")) == 0
        assert texts.count(connection, texts.Chosen(unmatched=True)) == 0


def test_prune_command(folder, engine):
    """Old near-misses are deleted by hand too, and the command says how many."""
    put(engine, ["Acme opens. An antitrust hearing"])
    with engine.begin() as connection:
        connection.execute(update(t.near_misses).values(found_at=NOW - timedelta(days=4000)))

    assert "1 old near-misses deleted" in run(folder, "db", "prune").stdout
    assert "0 old near-misses deleted" in run(folder, "db", "prune").stdout


def test_rematch_command(folder, engine):
    """The command applies the configuration's rules, says what came of it, and is done then."""
    config = (folder / "config.yaml").read_text("utf-8").splitlines()[0]
    (folder / "config.yaml").write_text(f"{config}\n{OTHER}", "utf-8")
    assert "4 articles were not matched with the present rules" in (
        run(folder, "backtest", "--with", "new.yaml", "--format", "table").stdout
    )

    report = json.loads(run(folder, "rematch", "--json", "--news-since", "2100-01-01").stdout)

    assert report.pop("seconds") > 0
    assert report == {
        "articles": 4,
        "found": 2,
        "quiet": 2,
        "corrected": 1,
        "withdrawn": 1,
        "failed": 0,
        "changed": 0,
        "left": 0,
    }
    with engine.begin() as connection:
        assert connection.scalar(text("SELECT COUNT(*) FROM v_hits WHERE story_id IS NULL")) == 0
    assert run(folder, "rematch").stdout.startswith("matched 0 articles")
    assert "matched 4 articles" in run(folder, "rematch", "--all", "--news-since", "0d").stdout
