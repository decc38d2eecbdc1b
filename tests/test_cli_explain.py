"""`monitor explain`: a stored hit derived again, a text judged, an address looked up."""

import json
from datetime import timedelta

import pytest
from sqlalchemy import text, update
from test_cli import run
from test_poll import LEXICON, Web, configure, parser, rss, step, web  # noqa: F401 - fixtures

from monitor.model import Answer
from monitor.store import lexicons
from monitor.store import schema as t

TITLE = "Alibaba fined $2.8 billion in antitrust probe"
APART = "Tencent-backed bakery plans IPO"


@pytest.fixture
def folder(tmp_path, empty_database):
    (tmp_path / "config.yaml").write_text(f"database: '{empty_database}'\n", encoding="utf-8")
    return tmp_path


@pytest.fixture
def polled(folder, engine, clock, web, step):  # noqa: F811 - pytest's way with fixtures
    """A database with a hit (number 1), a near-miss, and an article of neither."""
    configure(engine, clock, "news")
    web.put("news", rss(TITLE, APART, "Rain expected"))
    step.poll_due()
    with engine.begin() as connection:
        fingerprint, content = LEXICON.fingerprint, LEXICON.canonical
        lexicons.keep(connection, fingerprint=fingerprint, content=content, now=clock.now())
    return folder


def explained(folder, *args, code=0):
    return json.loads(run(folder, "explain", *args, "--format", "json", code=code).stdout)


def test_a_stored_hit_agrees(polled):
    """A hit is derived again from its text, and nothing differs from what is stored."""
    told = explained(polled, "1")

    assert (told["verdict"], told["differences"], told["present"]) == ("agrees", [], None)
    assert told["match"]["score"] == told["hit"]["score"]
    for quote in told["match"]["evidence"]:
        assert told["text"][quote["field"]][quote["start"] : quote["end"]] == quote["text"]
    shown = run(polled, "explain", "1").stdout
    assert "agrees" in shown
    assert "CCCCCCC SSSSS AAAAAAAAAAAA    TTTTTTTTT" in shown


@pytest.mark.parametrize(
    ("column", "value"),
    [("stage", "probe"), ("score", 0.51), ("sentence", "Something"), ("amount_text", "$3")],
)
def test_a_hit_that_was_changed_differs(polled, engine, column, value):
    """What is stored otherwise than the rules find it is named, and the exit code says so."""
    with engine.begin() as connection:
        connection.execute(update(t.hits).values({column: value}))

    told = explained(polled, "1", code=1)

    assert told["verdict"] == "differs"
    [difference] = told["differences"]
    assert f"stored {value}" in difference
    assert "differs" in run(polled, "explain", "1", code=1).stdout


def test_the_rules_that_made_it_explain_it(polled):
    """When the configuration has changed since, the stored lexicon explains, and both are told."""
    with (polled / "config.yaml").open("a", encoding="utf-8") as config:
        config.write("companies: [tencent]\n")

    told = explained(polled, "1")

    assert told["verdict"] == "agrees"
    assert told["present"]["found"] is False
    assert "present rules do not report it" in run(polled, "explain", "1").stdout


@pytest.mark.parametrize(
    ("content", "verdict"),
    [
        (None, "lexicon not kept"),
        ("{}", "made by another version"),
        ('{"companies": [{"colour": "red"}]}', "made by another version"),
        (LEXICON.canonical.replace("Alibaba", "Alibobo"), "made by another version"),
    ],
)
def test_rules_that_are_not_known_any_more(polled, engine, content, verdict):
    """A hit of another version of the program is shown as it is stored, and that is said."""
    with engine.begin() as connection:
        connection.execute(update(t.hits).values(lexicon="other"))
        if content is not None:
            connection.execute(update(t.lexicons).values(fingerprint="other", content=content))

    told = explained(polled, "1")

    assert told["verdict"] == verdict
    shown = run(polled, "explain", "1").stdout
    assert "as it is stored" in shown
    assert "CCCCCCC SSSSS" in shown


def test_a_hit_of_an_older_text(polled, clock, web, step):  # noqa: F811
    """After its article was rewritten, a hit is explained by the text it was found in."""
    old = rss(TITLE).body
    web.put("news", Answer(200, "https://news.example/feed", old.replace(b">Ali", b">No Ali")))
    clock.at += timedelta(hours=1)
    assert step.poll_due().updated_articles == 1

    told = explained(polled, "1")

    assert (told["verdict"], told["text"]["title"]) == ("agrees", TITLE)
    assert (told["hit"]["revision"], told["article"]["revision"]) == (1, 2)


def test_an_unknown_hit(polled):
    """A number that no hit has is wrong usage."""
    assert "no hit 99" in run(polled, "explain", "99", code=2).stderr


def url_of(engine, title):
    with engine.begin() as connection:
        query = text("SELECT url FROM articles WHERE title = :title")
        return connection.scalar(query, {"title": title})


def test_an_address_that_is_stored(polled, engine):
    """An address tells its article's hits and near-misses, tracking parameters or not."""
    found = explained(polled, "--url", url_of(engine, TITLE) + "?utm_source=mail")
    [article] = found["articles"]
    assert [hit["id"] for hit in article["hits"]] == [1]
    [missed] = explained(polled, "--url", url_of(engine, APART))["articles"]
    assert (missed["hits"], missed["near_misses"][0]["company"]) == ([], "tencent")
    shown = run(polled, "explain", "--url", url_of(engine, APART)).stdout
    assert missed["near_misses"][0]["reason"] in shown
    silent = run(polled, "explain", "--url", url_of(engine, "Rain expected")).stdout
    assert "no match: no spelling of a company" in silent


def test_an_address_that_is_not_stored(polled):
    """An unknown address names the feeds of its site, and when they last answered."""
    told = explained(polled, "--url", "https://www.news.example/never-seen")

    assert told["stored"] is False
    [feed] = told["feeds"]
    assert (feed["key"], feed["state"]) == ("news", "ok")
    assert feed["last_ok_at"].endswith("Z")
    assert explained(polled, "--url", "elsewhere.example/a")["feeds"] == []
    shown = run(polled, "explain", "--url", "elsewhere.example/a").stdout
    assert "no feed has ever shown an article of elsewhere.example" in shown


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["--text", TITLE], "alibaba / antitrust: reported"),
        (["--text", "小米新品上市"], 'part of "新品 ... 上市"'),
        (["--text", APART], "named only as an owner"),
        (["--text", "Rain"], "no match: no spelling of a company"),
        (["--title", "Rain", "--text", "Alibaba was fined in an antitrust case."], "alibaba"),
        (["--text", "<b>Alibaba</b> fined in antitrust probe"], "alibaba / antitrust: reported"),
    ],
)
def test_a_text(tmp_path, args, said):
    """A text is explained without database or configuration, whether it matches or not."""
    assert said in run(tmp_path, "explain", *args).stdout
    told = json.loads(run(tmp_path, "explain", *args, "--format", "json").stdout)
    assert {"text", "threshold", "silence", "matches", "found"} == set(told)


@pytest.mark.parametrize(
    "args",
    [[], ["1", "--text", "x"], ["--title", "x"], ["--text", " "], ["--url", "http://[x"], ["x"]],
)
def test_wrong_usage(polled, args):
    """What cannot be explained is wrong usage, said in a sentence."""
    assert run(polled, "explain", *args, code=2).stderr
