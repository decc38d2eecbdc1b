"""The step of grouping: it decides unlocked, records what still holds, and reads few of many."""

import subprocess
import sys

from sqlalchemy import func, select, update
from stored import NOW, put

from monitor.pipeline.group import decide, group_new, record
from monitor.store import candidates, edits, stories
from monitor.store.engine import reading
from monitor.store.schema import ArticleRow, HitRow, StoryRow
from monitor.stories.group import WINDOW

MANY = 260
PLACES = ["amber", "birch", "cedar", "dahlia", "elder", "fennel", "ginger", "hazel", "indigo"]
PROCESS = """
import sys
from monitor.pipeline.group import group_new
from monitor.store.engine import make_sessions, open_engine
sessions = make_sessions(open_engine(sys.argv[1]))
print("ready", flush=True)
sys.stdin.readline()
group_new(sessions)
"""


def titles(hits, happenings):
    """Return headlines of a few happenings, many of each."""
    words = [f"{PLACES[at]}work {PLACES[-at - 1]}shire {PLACES[at]}ton" for at in range(happenings)]
    return [f"Acme antitrust {words[at % happenings]} item{at}" for at in range(hits)]


def placed(sessions):
    """Return how many hits each story has, and how many hits have none."""
    with sessions() as session:
        query = select(HitRow.story_id, func.count()).group_by(HitRow.story_id)
        found = dict(session.execute(query).all())
    return found, found.pop(None, 0)


def test_it_dies_between_reading_and_recording(sessions):
    """What was decided and not recorded leaves no trace; the next run groups all of it."""
    put(sessions, titles(12, 3))

    assert decide(sessions) is not None
    found, left = placed(sessions)
    assert (found, left) == ({}, 12)

    assert group_new(sessions) == 12
    found, left = placed(sessions)
    assert (sorted(found.values()), left) == ([4, 4, 4], 0)


def test_it_dies_while_recording(sessions):
    """A death before the commit takes the stories back with the hits."""
    put(sessions, titles(12, 3))
    decision = decide(sessions)
    with sessions() as session:
        stories.record(session, decision.hits, decision.grouping)
        session.rollback()

    assert placed(sessions) == ({}, 12)
    assert group_new(sessions) == 12
    with sessions() as session:
        assert session.scalar(select(func.count()).select_from(StoryRow)) == 3


def test_a_decision_that_others_overtook_is_not_recorded(sessions):
    """If others grouped the hits meanwhile, or an analyst moved some, nothing is written."""
    put(sessions, titles(4, 1))
    late = decide(sessions)
    group_new(sessions)
    before = placed(sessions)
    assert not record(sessions, late)
    assert placed(sessions) == before

    [story] = before[0]
    put(sessions, titles(6, 1), feed="b")
    late = decide(sessions)
    with sessions.begin() as session:
        [hit] = session.scalars(select(HitRow.id).where(HitRow.story_id == story).limit(1))
        edits.split(session, story, [hit], who="ana", at=NOW, note=None)
    assert not record(sessions, late)
    assert placed(sessions)[1] == len(late.hits)
    assert group_new(sessions) == len(late.hits)


def test_two_processes_give_each_hit_one_story(empty_database, sessions):
    """Two processes that group the same hits at once make the stories that one would."""
    put(sessions, titles(900, 9))
    command = [sys.executable, "-c", PROCESS, empty_database]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    both = [subprocess.Popen(command, **pipes) for _ in range(2)]
    for one in both:
        assert one.stdout.readline() == "ready\n"
    for one in both:
        one.stdin.write("\n")
        one.stdin.flush()
    for one in both:
        one.communicate(timeout=120)
    assert [one.returncode for one in both] == [0, 0]

    found, left = placed(sessions)
    assert (sorted(found.values()), left) == ([100] * 9, 0)
    with sessions() as session:
        assert session.scalar(select(func.count()).select_from(StoryRow)) == 9


def test_a_story_of_many_is_known_by_few(sessions):
    """Grouping and telling read few hits of a story of many, and still tell of all of them."""
    put(sessions, titles(MANY, 1))
    group_new(sessions)
    put(sessions, ["Acme antitrust amberwork indigoshire amberton"], feed="b")
    with reading(sessions) as session:
        [hit] = candidates.ungrouped(session, limit=9)
        basis = candidates.basis(session, [hit], window=WINDOW)
    assert 0 < len(basis.speaking) <= candidates.MOST < MANY

    with sessions.begin() as session:
        official = update(ArticleRow).where(ArticleRow.title == hit.title)
        session.execute(official.values(url="https://www.samr.gov.cn/1", publisher="Authority"))
    group_new(sessions)
    with sessions() as session:
        [story] = stories.told(session, list(session.scalars(select(StoryRow.id)))).values()
        row = session.get_one(StoryRow, story.id)
    assert (story.hits, story.headline) == (MANY + 1, hit.title)
    assert (row.headline, row.head_hit_id) == (hit.title, hit.id)
    assert [it.publisher for it in story.sources] == ["Authority", "A"]
