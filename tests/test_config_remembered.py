"""A start remembers the lexicon of the last one: it is read and checked anew when it must be."""

import sys

import pytest

from monitor.app import App
from monitor.config import load
from monitor.config.inputs import inputs_of
from monitor.errors import ConfigError

CONFIG = """\
database: sqlite:///{folder}/monitor.db
companies: [alibaba, more.yaml]
topics: [antitrust]
"""
MORE = "{id: rivers, name: River Works, aliases: [江河工程]}\n"


@pytest.fixture
def path(tmp_path):
    (tmp_path / "more.yaml").write_text(MORE, "utf-8")
    path = tmp_path / "config.yaml"
    path.write_text(CONFIG.format(folder=tmp_path), "utf-8")
    return path


def start(path):
    with App.load(path, {}) as app:
        app.prepare()
        return app.config


def test_second_start_has_the_same_lexicon_without_making_it(path, monkeypatch):
    first = start(path)
    monkeypatch.setattr(sys.modules["monitor.config.watchlist"], "read_watchlist", pytest.fail)

    second = start(path)

    assert (first.remembered, second.remembered) == (False, True)
    assert second.fingerprint == first.fingerprint
    assert second.lexicon == first.lexicon


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("config.yaml", "alibaba", "tencent"),
        ("config.yaml", "[antitrust]", "[antitrust, ipo]"),
        ("more.yaml", "江河工程", "江河建设"),
    ],
)
def test_a_change_is_read(path, file, old, new):
    before = start(path)
    changed = path.parent / file
    changed.write_text(changed.read_text("utf-8").replace(old, new), "utf-8")

    after = start(path)

    assert not after.remembered
    assert after.fingerprint != before.fingerprint


def test_what_says_nothing_of_the_watch_list_changes_nothing(path):
    start(path)
    path.write_text(path.read_text("utf-8") + "logging: {level: warning}\n", "utf-8")

    assert start(path).remembered


def test_going_back_is_remembered_too(path):
    start(path)
    text = path.read_text("utf-8")
    path.write_text(text.replace("alibaba", "tencent"), "utf-8")
    start(path)
    path.write_text(text, "utf-8")

    assert start(path).remembered


@pytest.mark.parametrize(
    "mistake",
    [
        "subscriptions: [{name: x, to: [a@example.com], at: '07:30', companies: [tencent]}]\n",
        "feeds: [{url: 'http://example.com/feed', company: tencent}]\n",
        "nonsense: 1\n",
        "feeds:\n",
        "subscriptions:\n",
    ],
)
def test_a_later_mistake_is_found(path, mistake):
    start(path)
    path.write_text(path.read_text("utf-8") + mistake, "utf-8")

    with pytest.raises(ConfigError):
        App.load(path, {})


def test_a_file_that_has_gone_is_missed(path):
    start(path)
    (path.parent / "more.yaml").unlink()

    with pytest.raises(ConfigError, match=r"there is no file .*more\.yaml"):
        App.load(path, {})


def test_a_text_in_the_database_that_is_not_that_lexicon_is_not_believed(path):
    config = start(path)
    with App.load(path, {}) as app, app.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE lexicons SET content = '{}'")

    assert start(path).lexicon == config.lexicon


def test_looking_makes_no_database(path):
    App.load(path, {})

    assert not (path.parent / "monitor.db").exists()


def test_inputs_are_the_same_for_the_same(path):
    data = {"companies": ["alibaba", "more.yaml"], "feeds": [{"company": "alibaba"}]}

    assert inputs_of(data, str(path)) == inputs_of(dict(data), str(path))
    assert inputs_of(data, str(path)) != inputs_of(data | {"topics": ["ipo"]}, str(path))
    assert load(path, {}).inputs is not None
