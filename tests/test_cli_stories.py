"""`monitor stories show`, `split`, `merge` and `undo`, run as an analyst runs them."""

import json
import subprocess
import sys

import pytest
from stored import put

from monitor.pipeline.group import group_new
from monitor.store.engine import open_engine
from monitor.store.migrate import upgrade

TITLE = "Acme antitrust case moves to the appeal court today"


@pytest.fixture
def folder(tmp_path):
    """A folder with a configuration and a database that holds one story of two hits."""
    (tmp_path / "config.yaml").write_text("feeds: []\n", encoding="utf-8")
    engine = open_engine(f"sqlite:///{tmp_path}/monitor.db")
    upgrade(engine)
    put(engine, [TITLE], feed="a")
    put(engine, [f"{TITLE} again"], feed="b")
    group_new(engine)
    engine.dispose()
    return tmp_path


def run(folder, *args, code=0):
    done = subprocess.run(
        [sys.executable, "-m", "monitor", "stories", *args],
        cwd=folder,
        capture_output=True,
        encoding="utf-8",
        timeout=60,
        check=False,
    )
    assert done.returncode == code, (args, done.stdout, done.stderr)
    return done.stdout + done.stderr


def test_from_show_to_undo(folder):
    """A story tells why each hit is in it; what is split off is a story, and comes back."""
    story = json.loads(run(folder, "show", "1"))
    assert [report["title"] for report in story["reports"]] == [TITLE, f"{TITLE} again"]
    assert "headline" in story["reports"][1]["joined"]

    assert "moved from story 1 into the new story 2: hit " in run(
        folder, *("split", "1", "--hits", "2", "--who", "ana", "--note", "not the same")
    )
    parted = json.loads(run(folder, "show", "2", "--format", "json"))
    assert parted["reports"][0]["joined"] == "split by ana"
    assert parted["edits"][0]["note"] == "not the same"
    assert "split by ana: 1 hit from story 1 to story 2 (not the same)" in run(
        folder, "show", "2", "--format", "table"
    )
    assert "are back in story 1" in run(folder, "undo", "1", "--who", "ana")
    assert "the hits of story 2 are in story 1" in run(folder, "show", "2", code=1)
    assert len(run(folder).splitlines()) == 1


def test_merge(folder):
    """Two stories become one, which the list shows alone."""
    run(folder, "split", "1", "--hits", "2")
    run(folder, "merge", "2", "1")

    [listed] = [json.loads(line) for line in run(folder, "--format", "ndjson").splitlines()]
    assert (listed["story_id"], listed["hits"]) == (2, 2)


@pytest.mark.parametrize(
    ("args", "code", "message"),
    [
        (["show", "9"], 1, "story 9 does not exist"),
        (["split", "1", "--hits", "1,2"], 1, "all hits of story 1"),
        (["split", "1", "--hits", "one"], 2, "is no number"),
        (["split", "1"], 2, "--hits"),
        (["merge", "1", "1"], 1, "with itself"),
        (["undo", "4"], 1, "edit 4 does not exist"),
        (["undo", "4", "--who", " "], 2, "names nobody"),
    ],
)
def test_mistakes(folder, args, code, message):
    """What cannot be done is refused with a sentence, and the exit code tells whose fault it is."""
    assert message in run(folder, *args, code=code)
