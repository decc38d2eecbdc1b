"""An analyst's edits of stories: what moves, what stays on record, what grouping does then."""

import json
from datetime import UTC, datetime

import pytest
from sqlalchemy import select, update
from stored import put

from monitor.errors import InputError
from monitor.pipeline.group import group_new
from monitor.store import edits, stories
from monitor.store.schema import HitRow, StoryEditRow, StoryRow

NOW = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
BY = {"who": "ana", "at": NOW, "note": "two cases"}
ONE = "Acme antitrust case moves to the appeal court today"
OTHER = "Rival welcomes antitrust findings about phones of Acme"


def by_story(sessions):
    """Return the titles of each story that has any."""
    with sessions() as session:
        told = stories.told(session, list(session.scalars(select(StoryRow.id))))
    return {number: sorted(it.title for it in story.sources) for number, story in told.items()}


def hit_of(sessions, feed_title):
    with sessions() as session:
        return session.scalars(
            select(HitRow.id).where(HitRow.sentence.contains(feed_title)).order_by(HitRow.id.desc())
        ).first()


@pytest.fixture
def one_story(sessions):
    """A story of two hits from two feeds."""
    put(sessions, [ONE], feed="a")
    put(sessions, [ONE + " again"], feed="b")
    group_new(sessions)
    with sessions() as session:
        return session.scalars(select(StoryRow.id)).one()


def test_a_split_and_its_undo(sessions, one_story):
    """Split hits make a story of their own; undone, they are back; both edits stay on record."""
    moved = hit_of(sessions, "again")
    with sessions.begin() as session:
        edit, new = edits.split(session, one_story, [moved], **BY)
    with sessions() as session:
        assert {it.id for it in session.scalars(select(StoryRow))} == {one_story, new}
        assert session.get_one(HitRow, moved).story_id == new
        assert session.get_one(HitRow, moved).joined == "split by ana"
        assert stories.told(session, [one_story])[one_story].hits == 1

    with sessions.begin() as session:
        edits.undo(session, edit, **BY)
    with sessions() as session:
        assert session.get_one(HitRow, moved).story_id == one_story
        assert session.get_one(StoryRow, new).merged_into == one_story
        rows = session.scalars(select(StoryEditRow).order_by(StoryEditRow.id)).all()
        assert [(it.verb, it.story_id, it.other_story_id, it.hits) for it in rows] == [
            ("split", one_story, new, [moved]),
            ("undo", new, one_story, [moved]),
        ]


def test_what_was_split_stays_apart(sessions, one_story):
    """Grouping, however often it runs and whatever comes, never brings split hits together."""
    moved = hit_of(sessions, "again")
    with sessions.begin() as session:
        _, new = edits.split(session, one_story, [moved], **BY)
    put(sessions, [ONE + ", say sources"], feed="c")
    group_new(sessions)
    group_new(sessions)

    with sessions() as session:
        assert session.get_one(HitRow, moved).story_id == new
        assert session.get_one(StoryRow, one_story).merged_into is None
        third = session.scalars(select(HitRow).where(HitRow.story_id != new)).all()
        assert {hit.story_id for hit in third} <= {one_story, new}


def test_merged_stories_take_later_hits(sessions):
    """After a merge, a hit that only the taken story would have taken goes where that went."""
    put(sessions, [ONE], feed="a")
    put(sessions, [OTHER], feed="b")
    with sessions.begin() as session:
        session.execute(update(HitRow).where(HitRow.sentence == ONE).values(stage="appeal"))
        session.execute(update(HitRow).where(HitRow.sentence == OTHER).values(stage="decision"))
    group_new(sessions)
    with sessions() as session:
        kept, taken = session.scalars(select(StoryRow.id).order_by(StoryRow.id)).all()
    with sessions.begin() as session:
        edit = edits.merge(session, kept, taken, **BY)
    put(sessions, [OTHER + " again"], feed="c")
    with sessions.begin() as session:
        session.execute(update(HitRow).where(HitRow.story_id.is_(None)).values(stage="decision"))
    group_new(sessions)

    assert list(by_story(sessions)) == [kept]
    with sessions() as session:
        assert stories.why_gone(session, taken) == f"the hits of story {taken} are in story {kept}"
    with sessions.begin() as session:
        assert edits.undo(session, edit, **BY)[1] == taken
    assert by_story(sessions)[taken] == [OTHER]


def test_edits_that_cannot_be(sessions, one_story):
    """What does not fit is refused with the reason, and nothing is changed."""
    put(sessions, ["Brook plans IPO"], feed="a")
    group_new(sessions)
    second = hit_of(sessions, "again")
    with sessions() as session:
        first = session.scalars(select(HitRow.id).where(HitRow.sentence == ONE)).one()
        other = session.scalars(select(StoryRow.id).where(StoryRow.id != one_story)).one()
    refused = [
        (lambda session: edits.split(session, 999, [first], **BY), "does not exist"),
        (lambda session: edits.split(session, one_story, [999], **BY), "has no hit 999"),
        (lambda session: edits.split(session, one_story, [first, second], **BY), "all hits"),
        (lambda session: edits.merge(session, one_story, one_story, **BY), "with itself"),
        (lambda session: edits.merge(session, one_story, other, **BY), "is about acme/antitrust"),
        (lambda session: edits.undo(session, 999, **BY), "does not exist"),
    ]
    for work, message in refused:
        with pytest.raises(InputError, match=message), sessions.begin() as session:
            work(session)
    with sessions.begin() as session:
        edit, _ = edits.split(session, one_story, [second], **BY)
    with sessions.begin() as session:
        edits.undo(session, edit, **BY)
    for number, message in ((edit, "no longer in story"), (edit + 1, "is an undo itself")):
        with pytest.raises(InputError, match=message), sessions.begin() as session:
            edits.undo(session, number, **BY)


def test_death_in_the_middle_of_an_edit(sessions, one_story):
    """Killed before the commit, an edit has not happened, and can be made again."""
    moved = hit_of(sessions, "again")
    session = sessions()
    edits.split(session, one_story, [moved], **BY)
    session.close()  # as a killed process: what was not committed is gone

    with sessions() as session:
        assert session.scalars(select(StoryEditRow)).all() == []
        assert session.get_one(HitRow, moved).story_id == one_story
    with sessions.begin() as session:
        edits.split(session, one_story, [moved], **BY)
    assert len(by_story(sessions)) == 2


def test_json_of_the_record(sessions, one_story):
    """The record of edits holds plain numbers, so that SQL can read it."""
    with sessions.begin() as session:
        edits.split(session, one_story, [hit_of(sessions, "again")], **BY)
    with sessions() as session:
        [made] = edits.of_story(session, one_story)
    assert json.dumps(made["hits"]) == f"[{hit_of(sessions, 'again')}]"
    assert (made["who"], made["verb"], made["note"]) == ("ana", "split", "two cases")
