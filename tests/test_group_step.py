"""The step of grouping: it decides unlocked, records what still holds, and reads few of many."""

import subprocess
import sys
import threading
import time

import pytest
from sqlalchemy import event, func, select, text, update
from stored import NOW, put

from monitor.pipeline.group import WORTH, decide, group_new, grouping_beside, record
from monitor.store import candidates, edits, stories
from monitor.store import schema as t
from monitor.store.engine import reading
from monitor.store.rows import row_of
from monitor.stories.group import WINDOW

MANY = 260
PLACES = ["amber", "birch", "cedar", "dahlia", "elder", "fennel", "ginger", "hazel", "indigo"]
PROCESS = """
import sys
from monitor.pipeline.group import group_new
from monitor.store.engine import open_engine
engine = open_engine(sys.argv[1])
print("ready", flush=True)
sys.stdin.readline()
group_new(engine)
"""


def titles(hits, happenings):
    """Return headlines of a few happenings, many of each."""
    words = [f"{PLACES[at]}work {PLACES[-at - 1]}shire {PLACES[at]}ton" for at in range(happenings)]
    return [f"Acme antitrust {words[at % happenings]} item{at}" for at in range(hits)]


def placed(engine):
    """Return how many hits each story has, and how many hits have none."""
    with engine.connect() as connection:
        query = select(t.hits.c.story_id, func.count()).group_by(t.hits.c.story_id)
        found = dict(connection.execute(query).all())
    return found, found.pop(None, 0)


def test_it_dies_between_reading_and_recording(engine):
    """What was decided and not recorded leaves no trace; the next run groups all of it."""
    put(engine, titles(12, 3))

    assert decide(engine) is not None
    found, left = placed(engine)
    assert (found, left) == ({}, 12)

    assert group_new(engine) == 12
    found, left = placed(engine)
    assert (sorted(found.values()), left) == ([4, 4, 4], 0)


def test_it_dies_while_recording(engine):
    """A death before the commit takes the stories back with the hits."""
    put(engine, titles(12, 3))
    decision = decide(engine)
    with engine.connect() as connection:
        stories.record(connection, decision.hits, decision.grouping)
        connection.rollback()

    assert placed(engine) == ({}, 12)
    assert group_new(engine) == 12
    with engine.connect() as connection:
        assert connection.scalar(select(func.count()).select_from(t.stories)) == 3


def test_a_decision_that_others_overtook_is_not_recorded(engine):
    """If others grouped the hits meanwhile, or an analyst moved some, nothing is written."""
    put(engine, titles(4, 1))
    late = decide(engine)
    group_new(engine)
    before = placed(engine)
    assert not record(engine, late)
    assert placed(engine) == before

    [story] = before[0]
    put(engine, titles(6, 1), feed="b")
    late = decide(engine)
    with engine.begin() as connection:
        [hit] = connection.scalars(select(t.hits.c.id).where(t.hits.c.story_id == story).limit(1))
        edits.split(connection, story, [hit], who="ana", at=NOW, note=None)
    assert not record(engine, late)
    assert placed(engine)[1] == len(late.hits)
    assert group_new(engine) == len(late.hits)


def test_two_processes_give_each_hit_one_story(empty_database, engine):
    """Two processes that group the same hits at once make the stories that one would."""
    put(engine, titles(900, 9))
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

    found, left = placed(engine)
    assert (sorted(found.values()), left) == ([100] * 9, 0)
    with engine.connect() as connection:
        assert connection.scalar(select(func.count()).select_from(t.stories)) == 9


def test_what_was_read_of_a_hit_is_kept_for_the_next(engine):
    """Hits that others are compared with are read once in a run, and say the same as read anew."""
    put(engine, titles(12, 3))
    kept = {}
    record(engine, decide(engine, kept))
    assert len(kept) == 12

    put(engine, titles(4, 2), feed="b")
    statements = []
    event.listen(engine, "before_cursor_execute", lambda *it: statements.append(it[2]))
    again = decide(engine, kept)
    assert len(kept) == 16
    with_kept = len(statements)
    assert decide(engine).grouping == again.grouping
    assert len(statements) - with_kept == with_kept + 1  # in which the twelve are read


def test_what_comes_is_grouped_beside(engine):
    """Hits are grouped while others come once there are many, and all of them at the end."""
    with grouping_beside(engine):
        put(engine, titles(300, 3))
        deadline = time.monotonic() + 30
        while placed(engine)[1] >= WORTH and time.monotonic() < deadline:
            time.sleep(0.02)
        waiting = placed(engine)[1]  # those that came after the thread had looked
        assert waiting < WORTH

        put(engine, titles(9, 3), feed="b")
        time.sleep(0.5)  # few are read ahead, and wait for more
        assert placed(engine)[1] == waiting + 9

    found, left = placed(engine)
    assert (sorted(found.values()), left) == ([103, 103, 103], 0)
    assert "group" not in {thread.name for thread in threading.enumerate()}


def test_a_failure_of_the_polls_groups_nothing(engine):
    """What the block raises comes out, the thread ends, and the hits wait for the next run."""
    put(engine, titles(9, 3))
    with pytest.raises(KeyboardInterrupt), grouping_beside(engine):
        raise KeyboardInterrupt
    assert placed(engine)[1] == 9
    assert "group" not in {thread.name for thread in threading.enumerate()}


def test_a_failure_of_the_grouping_comes_out_if_it_lasts(engine, monkeypatch):
    """What fails beside is done at the end, which raises what fails again."""
    usual, calls = candidates.basis, []

    def fail(*those, **named):
        calls.append(threading.current_thread().name)
        if calls == ["group"] or lasts:
            raise RuntimeError("no")
        return usual(*those, **named)

    monkeypatch.setattr(candidates, "basis", fail)
    put(engine, titles(9, 3))
    lasts = True
    with pytest.raises(RuntimeError, match="no"), grouping_beside(engine):
        time.sleep(0.5)
    assert placed(engine)[1] == 9

    calls.clear()
    lasts = False
    with grouping_beside(engine):
        time.sleep(0.5)
        assert calls == ["group"]
    assert placed(engine)[1] == 0


@pytest.mark.parametrize("empty_database", ["postgresql"], indirect=True)
def test_connections_that_are_cut_lose_no_grouping(engine):
    """PostgreSQL ends every session while hits are grouped beside: at the end all have a story."""
    others = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = "
    cut = text(f"{others} current_database() AND pid <> pg_backend_pid()")
    with grouping_beside(engine):
        for round_ in range(8):
            put(engine, titles(300, 3), feed=f"f{round_}")
            time.sleep(0.05)
            with engine.connect() as connection:
                connection.execute(cut)
    found, left = placed(engine)
    assert (sum(found.values()), left) == (2400, 0)


def test_a_story_of_many_is_known_by_few(engine):
    """Grouping and telling read few hits of a story of many, and still tell of all of them."""
    put(engine, titles(MANY, 1))
    group_new(engine)
    put(engine, ["Acme antitrust amberwork indigoshire amberton"], feed="b")
    with reading(engine) as connection:
        [hit] = candidates.ungrouped(connection, limit=9)
        basis = candidates.basis(connection, [hit], window=WINDOW)
    assert 0 < len(basis.speaking) <= candidates.MOST < MANY

    with engine.begin() as connection:
        official = update(t.articles).where(t.articles.c.title == hit.title)
        connection.execute(official.values(url="https://www.samr.gov.cn/1", publisher="Authority"))
    group_new(engine)
    with engine.connect() as connection:
        [story] = stories.told(
            connection, list(connection.scalars(select(t.stories.c.id)))
        ).values()
        row = row_of(connection, t.stories, story.id)
    assert (story.hits, story.headline) == (MANY + 1, hit.title)
    assert (row.headline, row.head_hit_id) == (hit.title, hit.id)
    assert [it.publisher for it in story.sources] == ["Authority", "A"]
