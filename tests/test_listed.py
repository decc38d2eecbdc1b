"""Stories in lists: what is kept with a story says what its hits say, whatever became of them."""

from datetime import timedelta

import pytest
from sqlalchemy import insert, select, text, update
from stored import NEW, NOW, OLD, put

from monitor.pipeline.group import group_new
from monitor.pipeline.rematch import RematchStep
from monitor.store import companies, edits, listed, stories, texts
from monitor.store import schema as t
from monitor.store.engine import reading
from monitor.store.listed import Listed, Wanted

FINE = "China's SAMR fines Acme $2 million in antitrust case"
RULING = "Acme faces antitrust ruling"
WEEK = timedelta(weeks=1)


def told(engine):
    """Return each story that has hits, as these tell it."""
    with reading(engine) as connection:
        ids = connection.scalars(select(t.stories.c.id)).all()
        found = stories.told(connection, ids)
    return {number: Listed.of(story) for number, story in found.items()}


def kept(engine):
    """Return each story that has hits, by what is kept with it alone."""
    with reading(engine) as connection:
        ids = connection.scalars(select(t.stories.c.id)).all()
        return {row.id: Listed(*row) for row in connection.execute(listed._rows(ids))}


def viewed(engine):
    """Return how many hits and publishers each story has, as the view of analysts says."""
    with reading(engine) as connection:
        rows = connection.execute(text("SELECT story_id, hits, sources FROM v_stories")).all()
    return {story: (hits, sources) for story, hits, sources in rows}


def agree(engine):
    """Return whether lists, the view of analysts and the hits themselves say the same."""
    of_hits = told(engine)
    counts = {number: (it.hits, it.sources) for number, it in of_hits.items()}
    return kept(engine) == of_hits and viewed(engine) == counts


def page(engine, wanted=Wanted(), **more):  # noqa: B008 - it is frozen
    with reading(engine) as connection:
        return [it.id for it in listed.page(connection, wanted, **{"limit": 10, **more})]


@pytest.fixture
def grouped(engine):
    """Three stories, one of them told by two feeds."""
    put(engine, [FINE, "Brook IPO filing"], feed="a")
    put(engine, [FINE], feed="b", now=NOW + timedelta(hours=1))
    put(engine, [RULING], feed="a", now=NOW + 8 * WEEK)
    with engine.begin() as connection:
        connection.execute(update(t.feeds).where(t.feeds.c.key == "b").values(name="B"))
    group_new(engine)
    return engine


def test_what_is_kept_is_what_hits_tell(grouped):
    """A list shows of each story what its own page would, in the order of its latest news."""
    assert agree(grouped)
    fine = next(it for it in kept(grouped).values() if it.headline == FINE)
    assert (fine.hits, fine.sources, fine.amount_text) == (2, 2, "$2 million")
    assert len(page(grouped)) == 3
    assert page(grouped)[0] == max(told(grouped), key=lambda it: told(grouped)[it].last_at)


def test_it_follows_withdrawals(grouped, clock):
    """Rules that find less take a story's hits away: it tells of the rest, or is gone."""
    before = told(grouped)
    step = RematchStep(grouped, clock, NEW, news_since=NOW)
    for _ in step.rematch(texts.Chosen(not_with=NEW.fingerprint)):
        pass

    assert set(told(grouped)) < set(before), "the rules withdrew what the test needs"
    assert agree(grouped)
    assert sorted(page(grouped)) == sorted(told(grouped))

    back = RematchStep(grouped, clock, OLD, news_since=NOW)
    for _ in back.rematch(texts.Chosen(not_with=OLD.fingerprint)):
        pass
    assert agree(grouped)
    assert told(grouped) == before


def test_it_follows_edits(grouped):
    """What an analyst merges is in the one story, and no more in the other."""
    one, other = sorted(it.id for it in told(grouped).values() if it.company == "acme")
    with grouped.begin() as connection:
        edits.merge(connection, one, other, who="ana", at=NOW, note=None)

    assert agree(grouped)
    assert other not in page(grouped)
    with grouped.connect() as connection:
        gone = connection.scalars(select(t.stories.c.hits).where(t.stories.c.id == other)).one()
    assert gone == 0


def test_what_is_not_counted_is_told_by_its_hits(grouped):
    """A story of which an older program wrote no counts is listed all the same."""
    expected, counts = told(grouped), viewed(grouped)
    with grouped.begin() as connection:
        connection.execute(update(t.stories).values(hits=None, sources=None, regulator=None))

    assert kept(grouped) == {}
    assert viewed(grouped) == counts
    with reading(grouped) as connection:
        assert listed.listed(connection, list(expected)) == expected
    assert sorted(page(grouped)) == sorted(expected)


@pytest.fixture
def many(engine):
    """Stories at odd times: several at one instant, some with no hits left."""
    rows = [
        {
            "id": number,
            "company": "acme" if number % 3 else "brook",
            "topic": ("antitrust", "ipo")[number % 2],
            "stage": (None, "fine", "probe")[number % 3],
            "headline": f"Story {number}",
            "first_at": NOW - timedelta(days=number // 2),
            "last_at": NOW - timedelta(days=number // 4),
            "hits": 0 if number % 7 == 0 else None,
        }
        for number in range(1, 90)
    ]
    with engine.begin() as connection:
        connection.execute(insert(t.stories), rows)
        put_hits(connection, rows)
    return [row for row in rows if row["hits"] is None]


def put_hits(connection, rows):
    """Give each story a hit that holds, and those that are gone one that was withdrawn."""
    feed = {"id": 1, "key": "a", "url": "https://a.example/", "name": "A", "due_at": NOW}
    connection.execute(insert(t.feeds), [feed])
    for row in rows:
        article = {"id": row["id"], "key": str(row["id"]), "feed_id": 1, "title": "T"}
        article |= {"summary": "", "first_seen": row["last_at"], "matched_with": "l"}
        hit = {"article_id": row["id"], "revision": 1, "score": 1.0, "sentence": "", "evidence": []}
        hit |= {key: row[key] for key in ("id", "company", "topic", "stage")}
        hit |= {"lexicon": "l", "found_at": NOW, "story_id": row["id"]}
        hit["withdrawn_at"] = NOW if row["hits"] == 0 else None
        connection.execute(insert(t.articles), [article])
        connection.execute(insert(t.hits), [hit])


@pytest.mark.parametrize(
    "wanted",
    [
        Wanted(),
        Wanted(company="acme"),
        Wanted(topic="ipo"),
        Wanted(stage="fine"),
        Wanted("acme", "ipo"),
        Wanted("acme", None, "probe"),
        Wanted(None, "ipo", "fine"),
        Wanted("acme", "ipo", "fine"),
        Wanted(company="nobody"),
    ],
)
def test_pages_from_the_newest_to_the_oldest(engine, many, wanted):
    """Page by page every story that is like that comes once, in order, and no other."""
    limits = {"company": wanted.company, "topic": wanted.topic, "stage": wanted.stage}
    expected = [
        row
        for row in many
        if all(value is None or row[key] == value for key, value in limits.items())
    ]
    expected.sort(key=lambda row: (row["last_at"], row["id"]), reverse=True)
    seen, before = [], None
    while some := page(engine, wanted, before=before, limit=4):
        seen += some
        before = some[-1]
    assert seen == [row["id"] for row in expected]


def test_first_told(engine, many):
    """Stories are counted on the day they were first told, each once, none that is gone."""
    starts = [NOW - timedelta(days=ago) for ago in range(30, -1, -1)]
    expected = [
        sum(at <= row["first_at"] < end for row in many)
        for at, end in zip(starts, [*starts[1:], NOW + timedelta(days=9)], strict=True)
    ]
    with reading(engine) as connection:
        found = listed.first_told(connection, Wanted(), starts)
    assert found == expected
    assert sum(found) > 20


def test_companies(engine, many):
    """A company's figures are those of its stories with news in these weeks, none that is gone."""
    starts = [NOW - ago * WEEK for ago in (2, 1, 0)]
    with reading(engine) as connection:
        assert companies.companies(connection) == ["acme", "brook"]
        assert companies.topics(connection) == ["antitrust", "ipo"]
        keys, topics = ["brook", "nobody", "acme"], ["ipo", "antitrust", "rain"]
        found = companies.shown(connection, keys, topics, starts)
    assert [it.key for it in found] == keys
    for it in found:
        mine = [row for row in many if row["company"] == it.key and row["last_at"] >= starts[0]]
        assert it.stories == len(mine)
        assert it.weeks[0] == sum(row["last_at"] < starts[1] for row in mine)
        topics_of = [row["topic"] for row in mine]
        assert it.topics == {
            topic: topics_of.count(topic) for topic in topics if topic in topics_of
        }
        newest = max(mine, key=lambda row: (row["last_at"], row["id"]), default=None)
        assert (it.newest.id if it.newest else None) == (newest["id"] if newest else None)
