"""Proceedings: which stories are steps of one affair; the cases live in data/proceedings.yaml."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import yaml
from sqlalchemy import select, update
from stored import put

from monitor.model import HitToGroup
from monitor.pipeline.group import group_new
from monitor.store import schema as t
from monitor.store import stories
from monitor.stories.proceedings import Affairs, Chapter

FILE = Path(__file__).with_name("data") / "proceedings.yaml"
CASES = yaml.safe_load(FILE.read_text("utf-8"))
START = datetime(2025, 1, 6, 8, 0, tzinfo=UTC)


def chapter(number, told, proceeding=None):
    at = START + timedelta(days=told["day"])
    head = HitToGroup(
        id=number,
        company="acme",
        topic=told.get("topic", "antitrust"),
        stage=told.get("stage"),
        title=told["title"],
        at=at,
        regulator=told.get("regulator"),
        subject=told.get("unit"),
    )
    return Chapter(number, told.get("stage"), at, head, proceeding)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_cases(case):
    """The last story is a step of the affair of the story the table says, or of none."""
    *others, last = [chapter(at, told) for at, told in enumerate(case["stories"], start=1)]

    found = Affairs(others).place(last)
    backwards = Affairs(others[::-1]).place(last)

    assert (found and found.story_id) == (backwards and backwards.story_id) == case["with"]


def test_a_step_is_taken_once():
    """A second fine is not a step of the affair that has its fine."""
    probe = chapter(1, {"day": 0, "stage": "probe", "title": "Acme under investigation"}, 7)
    fine = chapter(2, {"day": 90, "stage": "fine", "title": "Acme fined"}, 7)
    other = chapter(3, {"day": 200, "stage": "fine", "title": "Acme fined for a merger"})

    assert Affairs([probe, fine]).place(other) is None
    assert Affairs([probe]).place(other) == probe


def test_steps_are_linked_as_they_come(engine):
    """A step that is stored later tells what came before, also if an earlier one came last."""
    steps = {
        "Acme fined in antitrust case over exclusive contracts": ("fine", 100),
        "Acme loses appeal in antitrust case over exclusive contracts": ("appeal", 300),
        "Regulator opens antitrust probe of Acme over exclusive contracts": ("probe", 0),
    }
    for title, (stage, day) in steps.items():
        put(engine, [title], now=START + timedelta(days=day), feed=stage)
        with engine.begin() as connection:
            connection.execute(
                update(t.hits).where(t.hits.c.story_id.is_(None)).values(stage=stage)
            )
        group_new(engine)
    with engine.connect() as connection:
        rows = connection.execute(select(t.stories).order_by(t.stories.c.first_at)).all()
        assert len({row.proceeding_id for row in rows}) == 1
        told = stories.told(connection, [row.id for row in rows])
        assert [step.stage for step in told[rows[2].id].earlier] == ["probe", "fine"]
        assert told[rows[0].id].earlier == ()
