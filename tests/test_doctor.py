"""The doctor: what does not work is named, what works is said to, and nothing is changed."""

import json
import sqlite3
from datetime import timedelta

import pytest
from feedserver import FeedServer, answer
from smtpserver import SmtpServer
from sqlalchemy import insert, text, update
from stored import contents

from monitor.app import App
from monitor.cli import main
from monitor.config import load
from monitor.doctor import examine
from monitor.store import schema as t

CONFIG = """
companies: [alibaba]
topics: [antitrust]
feeds: [{{url: "{feed}", id: wire}}]
subscriptions: [{{name: daily, to: [desk@example.com], at: "07:30"}}]
database: {database}
network: {{allow_private: [127.0.0.0/8]}}
delivery:
  outbox: {folder}/outbox
  {smtp}
"""
FEED = "https://news.example/feed"


@pytest.fixture
def app(tmp_path, empty_database, clock):
    """A function that gives an application on a database; nothing is in it yet."""
    opened = []

    def start(smtp="", feed=FEED):
        path = tmp_path / "config.yaml"
        values = {"folder": tmp_path, "database": empty_database, "smtp": smtp, "feed": feed}
        path.write_text(CONFIG.format(**values), "utf-8")
        opened.append(App(load(path, {}), clock))
        return opened[-1].__enter__()

    yield start
    for it in opened:
        it.__exit__(None, None, None)


def found(app):
    """Return subject -> the grades and sentences found on it."""
    told = {}
    for it in examine(app):
        told.setdefault(it.subject, []).append((str(it.grade), it.sentence))
    return told


def grades(told):
    return {subject: [grade for grade, _ in some] for subject, some in told.items()}


def test_an_empty_database(app):
    """Before the first start there is nothing wrong, and the doctor makes no table."""
    one = app()
    told = found(one)
    assert grades(told)["database"] == ["warn"]
    assert "is empty" in told["database"][0][1]
    assert "clock" not in told
    with one.engine.connect() as connection:
        assert not one.engine.dialect.has_table(connection, "feeds")


def test_a_service_that_is_well(app, clock):
    """Where all is well every line says so; and a look changes no row."""
    with SmtpServer() as server:
        settings = server.settings()
        one = app(f"smtp: {{host: {settings.host}, port: {settings.port}, security: none}}")
        one.prepare()
        with one.store.begin() as connection:
            connection.execute(update(t.feeds).values(state="ok", due_at=clock.at))
            row = {"name": "here:1", "started_at": clock.at, "beat_at": clock.at}
            connection.execute(insert(t.workers), [row])
        if one.store.dialect.name == "postgresql":  # its server has a clock of its own
            with one.store.begin() as connection:
                clock.at = connection.scalar(text("SELECT clock_timestamp()"))
                connection.execute(update(t.workers).values(started_at=clock.at, beat_at=clock.at))
                connection.execute(update(t.subscriptions).values(started_at=clock.at))
        before = contents(one.store)
        told = found(one)
        assert set().union(*grades(told).values()) == {"ok"}, told
        assert {"versions", "configuration", "mail", "database", "clock", "feeds"} <= set(told)
        assert contents(one.store) == before
        assert server.taken == []
        assert "nothing was sent" in told["mail"][0][1]


@pytest.mark.parametrize(
    ("state", "said"),
    [("failing", "wire is failing: HTTP 500"), ("probation", "wire has never answered")],
)
def test_feeds_in_trouble(app, state, said):
    """Each feed that was not well is named, with the reason."""
    one = app()
    one.prepare()
    with one.store.begin() as connection:
        reason = "HTTP 500" if state == "failing" else None
        connection.execute(update(t.feeds).values(state=state, state_reason=reason))
    told = found(one)
    assert ("warn", said) in told["feed"]
    assert told["feeds"] == [("ok", "0 were well at their last poll")]
    assert ("warn", "no service has run on this database") in told["service"]


def test_a_clock_that_is_wrong(app, clock):
    """A machine that lags behind what the database knows is told by how much."""
    one = app()
    one.prepare()
    if one.store.dialect.name == "postgresql":
        clock.at = clock.at.replace(year=2020)
    with one.store.begin() as connection:
        ahead = {"feed_id": 1, "at": clock.at + timedelta(minutes=5), "outcome": "stored"}
        connection.execute(insert(t.polls), [ahead])
    [(grade, sentence)] = found(one)["clock"]
    assert grade == "fail"
    assert ("by 300 s" in sentence) is (one.store.dialect.name == "sqlite")


def test_a_mail_server_that_is_away(app):
    """The line names the server and what it said; a password is in no line."""
    one = app("smtp: {host: 127.0.0.1, port: 9, username: u, password: hunter2, timeout: 5s}")
    [(grade, sentence)] = found(one)["mail"]
    assert grade == "fail"
    assert sentence.startswith("127.0.0.1:9: ")
    assert "hunter2" not in sentence


def test_a_newer_database(app):
    """A database of a later version is a failure, and not looked into."""
    one = app()
    one.prepare()
    with one.store.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    told = found(one)
    assert grades(told)["database"] == ["fail"]
    assert "feeds" not in told


def run(*words):
    with pytest.raises(SystemExit) as ended:
        main(["doctor", *words])
    return ended.value.code


def test_the_command(tmp_path, monkeypatch, capsys):
    """It prints a line for each, asks feeds if wished, and exits with 1 if anything fails."""
    monkeypatch.chdir(tmp_path)
    rss = (
        b'<rss version="2.0"><channel><title>n</title><item><title>x</title></item></channel></rss>'
    )
    with FeedServer() as server:
        server.put("/feed", answer(rss, content_type="application/rss+xml"))
        values = {"folder": tmp_path, "database": "sqlite:///monitor.db", "smtp": ""}
        config = CONFIG.format(feed=server.url("/feed"), **values)
        (tmp_path / "config.yaml").write_text(config, "utf-8")
        assert run("--feeds", "--json") == 0
    told = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert {"subject": "feed tried", "grade": "ok", "sentence": "wire: ok, 1 entry"} in told

    (tmp_path / "monitor.db").write_bytes(b"no database" * 100)
    assert run() == 1
    assert "fail  database: " in capsys.readouterr().out

    (tmp_path / "config.yaml").write_text("feeds: [7]\ntopics: [nothing]\n", "utf-8")
    assert run() == 1
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2
    assert all(line.startswith("fail  configuration: config.yaml:") for line in lines)


def test_a_folder_that_is_not_ours(tmp_path, clock):
    """Where a database cannot be written to, the folder is named."""
    file = tmp_path / "monitor.db"
    sqlite3.connect(file).close()
    path = tmp_path / "config.yaml"
    values = {"folder": "/proc", "database": f"sqlite:///{file}", "smtp": "", "feed": FEED}
    path.write_text(CONFIG.format(**values), "utf-8")
    with App(load(path, {}), clock) as one:
        told = found(one)["disk"]
    assert [grade for grade, _ in told][1] == "fail"
    assert "/proc" in told[1][1]
