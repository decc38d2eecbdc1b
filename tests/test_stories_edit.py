"""An analyst's edits of stories: what moves, what stays on record, what grouping does then."""

import json
from datetime import UTC, datetime

import pytest
from sqlalchemy import select, update
from stored import put

from monitor.errors import InputError
from monitor.pipeline.group import group_new
from monitor.store import edits, stories
from monitor.store import schema as t
from monitor.store.rows import row_of

NOW = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
BY = {"who": "ana", "at": NOW, "note": "two cases"}
ONE = "Acme antitrust case moves to the appeal court today"
OTHER = "Rival welcomes antitrust findings about phones of Acme"


def by_story(engine):
    """Return the titles of each story that has any."""
    with engine.connect() as connection:
        told = stories.told(connection, list(connection.scalars(select(t.stories.c.id))))
    return {number: sorted(it.title for it in story.sources) for number, story in told.items()}


def hit_of(engine, feed_title):
    with engine.connect() as connection:
        return connection.scalars(
            select(t.hits.c.id)
            .where(t.hits.c.sentence.contains(feed_title))
            .order_by(t.hits.c.id.desc())
        ).first()


@pytest.fixture
def one_story(engine):
    """A story of two hits from two feeds."""
    put(engine, [ONE], feed="a")
    put(engine, [ONE + " again"], feed="b")
    group_new(engine)
    with engine.connect() as connection:
        return connection.scalars(select(t.stories.c.id)).one()


def test_a_split_and_its_undo(engine, one_story):
    """Split hits make a story of their own; undone, they are back; both edits stay on record."""
    moved = hit_of(engine, "again")
    with engine.begin() as connection:
        edit, new = edits.split(connection, one_story, [moved], **BY)
    with engine.connect() as connection:
        assert {it.id for it in connection.execute(select(t.stories))} == {one_story, new}
        assert row_of(connection, t.hits, moved).story_id == new
        assert row_of(connection, t.hits, moved).joined == "split by ana"
        assert stories.told(connection, [one_story])[one_story].hits == 1

    with engine.begin() as connection:
        edits.undo(connection, edit, **BY)
    with engine.connect() as connection:
        assert row_of(connection, t.hits, moved).story_id == one_story
        assert row_of(connection, t.stories, new).merged_into == one_story
        rows = connection.execute(select(t.story_edits).order_by(t.story_edits.c.id)).all()
        assert [(it.verb, it.story_id, it.other_story_id, it.hits) for it in rows] == [
            ("split", one_story, new, [moved]),
            ("undo", new, one_story, [moved]),
        ]


def test_what_was_split_stays_apart(engine, one_story):
    """Grouping, however often it runs and whatever comes, never brings split hits together."""
    moved = hit_of(engine, "again")
    with engine.begin() as connection:
        _, new = edits.split(connection, one_story, [moved], **BY)
    put(engine, [ONE + ", say sources"], feed="c")
    group_new(engine)
    group_new(engine)

    with engine.connect() as connection:
        assert row_of(connection, t.hits, moved).story_id == new
        assert row_of(connection, t.stories, one_story).merged_into is None
        third = connection.execute(select(t.hits).where(t.hits.c.story_id != new)).all()
        assert {hit.story_id for hit in third} <= {one_story, new}


def test_merged_stories_take_later_hits(engine):
    """After a merge, a hit that only the taken story would have taken goes where that went."""
    put(engine, [ONE], feed="a")
    put(engine, [OTHER], feed="b")
    with engine.begin() as connection:
        connection.execute(update(t.hits).where(t.hits.c.sentence == ONE).values(stage="appeal"))
        connection.execute(
            update(t.hits).where(t.hits.c.sentence == OTHER).values(stage="decision")
        )
    group_new(engine)
    with engine.connect() as connection:
        kept, taken = connection.scalars(select(t.stories.c.id).order_by(t.stories.c.id)).all()
    with engine.begin() as connection:
        edit = edits.merge(connection, kept, taken, **BY)
    put(engine, [OTHER + " again"], feed="c")
    with engine.begin() as connection:
        connection.execute(
            update(t.hits).where(t.hits.c.story_id.is_(None)).values(stage="decision")
        )
    group_new(engine)

    assert list(by_story(engine)) == [kept]
    with engine.connect() as connection:
        assert (
            stories.why_gone(connection, taken) == f"the hits of story {taken} are in story {kept}"
        )
    with engine.begin() as connection:
        assert edits.undo(connection, edit, **BY)[1] == taken
    assert by_story(engine)[taken] == [OTHER]


def test_edits_that_cannot_be(engine, one_story):
    """What does not fit is refused with the reason, and nothing is changed."""
    put(engine, ["Brook plans IPO"], feed="a")
    group_new(engine)
    second = hit_of(engine, "again")
    with engine.connect() as connection:
        first = connection.scalars(select(t.hits.c.id).where(t.hits.c.sentence == ONE)).one()
        other = connection.scalars(select(t.stories.c.id).where(t.stories.c.id != one_story)).one()
    refused = [
        (lambda connection: edits.split(connection, 999, [first], **BY), "does not exist"),
        (lambda connection: edits.split(connection, one_story, [999], **BY), "has no hit 999"),
        (lambda connection: edits.split(connection, one_story, [first, second], **BY), "all hits"),
        (lambda connection: edits.merge(connection, one_story, one_story, **BY), "with itself"),
        (
            lambda connection: edits.merge(connection, one_story, other, **BY),
            "is about acme/antitrust",
        ),
        (lambda connection: edits.undo(connection, 999, **BY), "does not exist"),
    ]
    for work, message in refused:
        with pytest.raises(InputError, match=message), engine.begin() as connection:
            work(connection)
    with engine.begin() as connection:
        edit, _ = edits.split(connection, one_story, [second], **BY)
    with engine.begin() as connection:
        edits.undo(connection, edit, **BY)
    for number, message in ((edit, "no longer in story"), (edit + 1, "is an undo itself")):
        with pytest.raises(InputError, match=message), engine.begin() as connection:
            edits.undo(connection, number, **BY)


def test_death_in_the_middle_of_an_edit(engine, one_story):
    """Killed before the commit, an edit has not happened, and can be made again."""
    moved = hit_of(engine, "again")
    connection = engine.connect()
    edits.split(connection, one_story, [moved], **BY)
    connection.close()  # as a killed process: what was not committed is gone

    with engine.connect() as connection:
        assert connection.execute(select(t.story_edits)).all() == []
        assert row_of(connection, t.hits, moved).story_id == one_story
    with engine.begin() as connection:
        edits.split(connection, one_story, [moved], **BY)
    assert len(by_story(engine)) == 2


def test_json_of_the_record(engine, one_story):
    """The record of edits holds plain numbers, so that SQL can read it."""
    moved = hit_of(engine, "again")
    with engine.begin() as connection:
        edits.split(connection, one_story, [moved], **BY)
    with engine.connect() as connection:
        [made] = edits.of_story(connection, one_story)
    assert json.dumps(made["hits"]) == f"[{moved}]"
    assert (made["who"], made["verb"], made["note"]) == ("ana", "split", "two cases")
