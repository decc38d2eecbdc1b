"""`monitor searches`: queries under names, on both databases, shared with the API."""

import json

import pytest
from sqlalchemy import select
from test_search import store

from monitor.cli import main
from monitor.pipeline.group import group_new
from monitor.store import schema as t


@pytest.fixture
def run(tmp_path, engine, monkeypatch, capsys):
    """Return a function that runs a command on a filled database: exit code, output, errors."""
    store(engine)
    group_new(engine)
    address = engine.url.render_as_string(hide_password=False)
    (tmp_path / "config.yaml").write_text(f"database: {address}\n", "utf-8")
    monkeypatch.chdir(tmp_path)

    def ran(*words):
        with pytest.raises(SystemExit) as ended:
            main(list(words))
        out, err = capsys.readouterr()
        return ended.value.code, out, err

    return ran


def rows(out):
    return [json.loads(line) for line in out.splitlines()]


def test_a_search_comes_and_goes(run, engine):
    """A search is saved, listed, run as its kind is listed, asked of other lists, and forgotten."""
    query = "(罚款 OR fine) stage:fine"
    code, out, _ = run("searches", "add", "large fines", query, "--kind", "hits", "--who", "ann")
    assert (code, out) == (0, "saved: monitor searches run 'large fines'\n")
    with engine.begin() as connection:
        kept = connection.execute(select(t.searches)).one()
    assert (kept.name, kept.query, kept.kind, kept.who) == ("large fines", query, "hits", "ann")
    [listed] = rows(run("searches")[1])
    assert (listed["search_id"], listed["query"]) == (kept.id, query)

    by_hand = run("hits", "--search", query)[1]
    assert len(rows(by_hand)) > 1
    assert run("searches", "run", "large fines")[1] == by_hand
    assert len(rows(run("searches", "run", "large fines", "--limit", "1")[1])) == 1
    stories = run("stories", "--search", query, "--company", "acme")[1]
    assert stories
    assert run("stories", "--search", "@large fines", "--company", "acme")[1] == stories
    best = run("searches", "run", "large fines", "--sort", "relevance", "--format", "csv")
    assert best[1] == run("hits", "--search", query, "--sort", "relevance", "--format", "csv")[1]

    assert run("searches", "remove", "large fines")[0] == 0
    assert run("searches", "list")[1] == ""


def test_a_search_goes_to_a_file(run, tmp_path):
    """What answers is written as lists are, in the format that the file's name ends in."""
    run("searches", "add", "f", "fine")
    assert run("searches", "run", "f", "--output", "found.csv")[0] == 0

    assert len((tmp_path / "found.csv").read_text("utf-8").splitlines()) > 1


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("add", "other", "fine compny:a"), "did you mean company:?"),
        (("add", "fines", "fine"), "another saved search is called 'fines'"),
        (("add", " fines", "fine"), "no blank at either end"),
        (("add", "x" * 101, "fine"), "1 to 100 characters"),
        (("add", "other", "fine", "--who", " "), "--who names nobody"),
        (("run", "finse"), "no saved search is called 'finse'; did you mean \"fines\"?"),
        (("remove", "unlike"), "no saved search is called 'unlike'; see `monitor searches`"),
    ],
    ids=lambda it: it[:20] if isinstance(it, str) else None,
)
def test_what_does_not_work_is_said(run, words, said):
    """A slip is told, with exit code 2, and changes nothing."""
    run("searches", "add", "fines", "fine")
    before = run("searches")[1]
    code, out, err = run("searches", *words)

    assert (code, out) == (2, "")
    assert said in err
    assert run("searches")[1] == before
    assert run("hits", "--search", "@")[0] == 2
