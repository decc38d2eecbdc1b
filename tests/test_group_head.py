"""The head of a story, its stage, and what the store tells of it."""

import re
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import insert, select, update
from stored import NOW, put

from monitor.pipeline.group import decide
from monitor.store import schema as t
from monitor.store import stories
from monitor.store.rows import row_of
from monitor.stories.head import Account, head_of, is_official, stage_of
from monitor.stories.kinds import is_comment, is_foretold, is_reaction

START = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)


def account(number, title="Acme fined", *, url=None, stage="fine", hours=0):
    return Account(number, title, url, stage, START + timedelta(hours=hours))


@pytest.mark.parametrize(
    "title",
    [
        "早报 | 艾克米被罚 10 亿",
        "9点1氪：艾克米被罚",
        "Morning brief: Acme fined, markets calm",
        "Asia wrap-up: Acme slides after fine",
        "Opinion: Acme had it coming",
        "Acme's fine is a warning – Commentary",
        "如何看待艾克米被罚？",
        "Kommentar: Ein Warnschuss für Acme",
        "快评丨罚单之后，艾克米该怎么走",
    ],
)
def test_comments(title):
    """A headline that announces a round-up or an opinion is known, in several languages."""
    assert is_comment(title)


@pytest.mark.parametrize(
    "title",
    [
        "Acme fined 2 billion in antitrust probe",
        "艾克米因垄断被罚 20 亿元",
        "人民日报：艾克米被罚",
        "Acme prices column of shares at top of range",
        "Court digests Acme's appeal",
    ],
)
def test_reports(title):
    """A plain report is no comment, even where a word of one stands in it."""
    assert not is_comment(title)


def test_reactions():
    """Answers and share moves are known; the news itself is none."""
    assert all(
        map(is_reaction, ["艾克米回应被罚", "Acme shares jump", "Acme responds to the fine"])
    )
    assert not any(map(is_reaction, ["艾克米被罚", "Acme fined"]))


@pytest.mark.parametrize(
    ("title", "foretold"),
    [
        ("May brings Acme a fine", True),
        ("Acme likely to be fined", True),
        ("艾克米或将被罚", True),
        ("艾克米 may face a fine, 或将被罚", True),
        ("Dismayed, Acme pays", False),
        ("Acme fined, may appeal", False),
        ("艾克米已被罚，或将上诉", False),
        ("Acme fined，艾克米或将上诉", False),
        ("Acme may appeal，艾克米已被罚", True),
    ],
)
def test_foretold(title, foretold):
    """What is expected is told from what was done: by which of both a headline says first."""
    assert is_foretold(title) is foretold


@pytest.mark.parametrize(
    ("url", "official"),
    [
        ("https://www.samr.gov.cn/xw/1.html", True),
        ("https://ec.europa.eu/commission/presscorner/1", True),
        ("https://www1.hkexnews.hk/app/1", True),
        ("https://www.sec.gov/news/1", True),
        ("https://gov.cn.example.com/", False),
        ("https://news.example/gov.cn", False),
        ("http://[broken", False),
        (None, False),
    ],
)
def test_official_addresses(url, official):
    """Only the host says who published it."""
    assert is_official(url) is official


PARTS = [
    "www.sec.gov",
    "SEC.GOV",
    "gov",
    "a.example",
    "@",
    ":",
    "8080",
    "[",
    "]",
    "\\",
    ".",
    "\n",
    "x",
]
RESTS = ["", "/", "/sec.gov", "?q=.gov", "#sec.gov", "//sec.gov", "\n", " "]


@given(
    st.sampled_from(["http", "https", "HTTPS", "ftp", ""]),
    st.lists(st.sampled_from(PARTS), max_size=4),
    st.sampled_from(RESTS),
)
def test_the_short_way_to_a_host(scheme, parts, rest):
    """Whatever an address looks like, its host is what taking it apart by the book gives."""
    url = f"{scheme}://{''.join(parts)}{rest}"
    try:
        host = urlsplit(url).hostname or ""
    except ValueError:
        host = ""
    assert is_official(url) is bool(re.search(r"(?:^|\.)gov$", host)), url


def test_the_head_is_official_then_early():
    """An authority's page goes before earlier reports, and those before one without the stage."""
    late = account(4, url="https://www.samr.gov.cn/1", hours=9)
    accounts = [account(1, stage=None), account(2, hours=1), account(3, hours=2)]

    assert head_of(accounts, "fine").hit_id == 2
    assert head_of([*accounts, late], "fine").hit_id == 4


def test_a_comment_heads_nothing_but_itself():
    """However early or official, a comment is no head, and its stage does not count."""
    early = account(1, "Opinion: the appeal of Acme", stage="appeal", url="https://a.gov.cn/")
    report = account(2, hours=30)

    assert head_of([early, report], "fine") == report
    assert stage_of([early, early, report]) == "fine"
    assert head_of([early], None) == early
    assert stage_of([early]) is None


def grouped(engine, titles, **how):
    """Store articles and group their hits; return the number of each story."""
    put(engine, titles, **how)
    decision = decide(engine)
    with engine.begin() as connection:
        stories.record(connection, decision.hits, decision.grouping)
    with engine.connect() as connection:
        found = select(t.hits.c.story_id).order_by(t.hits.c.story_id).distinct()
        return list(connection.scalars(found))


def test_what_is_told_of_a_story(engine):
    """A story is told with its head, each publisher once, and how many hits it has."""
    [story] = grouped(engine, ["Acme antitrust fine", "Acme: antitrust fine!"])
    put(engine, ["Acme antitrust fine?"], feed="b")
    with engine.begin() as connection:
        connection.execute(update(t.hits).values(story_id=story, stage="fine", regulator="samr"))
        late = t.articles.c.title == "Acme antitrust fine?"
        connection.execute(
            update(t.articles).where(late).values(url="https://x.gov.cn/", publisher="X")
        )
        stories.refresh(connection, [story])
        told = stories.told(connection, [story, 999])[story]
        row = row_of(connection, t.stories, story)
        assert (row.headline, row.stage) == ("Acme antitrust fine?", "fine")

    assert (told.stage, told.regulator, told.hits) == ("fine", "samr", 3)
    assert told.headline == "Acme antitrust fine?"
    assert [source.publisher for source in told.sources] == ["X", "A"]
    assert told.sources[0].official
    assert told.earlier == ()


def test_the_history_of_a_story(engine):
    """The steps before a story are those of its proceeding that began before it, oldest first."""
    first, second = grouped(engine, ["Acme antitrust probe begins", "Other Acme antitrust words"])
    with engine.begin() as connection:
        affair = {"company": "acme", "topic": "antitrust", "started_at": START}
        proceeding = connection.scalar(insert(t.proceedings).returning(t.proceedings.c.id), affair)
        for story, stage, hours in ((first, "probe", 0), (second, "fine", 5)):
            at = START + timedelta(hours=hours)
            values = {"proceeding_id": proceeding, "stage": stage, "first_at": at}
            connection.execute(update(t.stories).where(t.stories.c.id == story).values(values))
        steps = stories.history(connection, [first, second])
        [step] = steps[second]
        assert (step.story_id, step.stage, step.at) == (first, "probe", START)
        assert steps[first] == ()
        assert stories.told(connection, [second])[second].earlier == (step,)
        gone = update(t.hits).where(t.hits.c.story_id == first).values(withdrawn_at=NOW)
        connection.execute(gone)
        assert stories.history(connection, [second]) == {second: ()}
