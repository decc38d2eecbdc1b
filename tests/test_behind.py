"""What is worked out behind the pages: waited for a little, kept, made anew, bounded."""

import os
import signal
import time
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest
from test_aside import asides, config, gone  # noqa: F401 - one is a fixture
from test_web_proposals import site  # noqa: F401 - a fixture
from websites import PASSWORD

from monitor.errors import ProcessDied
from monitor.web import behind
from monitor.web.behind import Behind

NOW = datetime(2026, 11, 29, tzinfo=UTC)
LATER = NOW + timedelta(minutes=1)


# --- what is worked out here: functions with names, so that the process finds them ---------------


def said(_app, what):
    return what


def once(_app, path, what):
    """Return *what*, and leave a line in the file at *path*."""
    with Path(path).open("a", encoding="ascii") as told:
        told.write("done\n")
    return what


def after(_app, path, what):
    """Return *what* once there is a file at *path*."""
    until = time.monotonic() + 60
    while not Path(path).exists():
        assert time.monotonic() < until
        time.sleep(0.005)
    return what


def fail(_app):
    raise ValueError("no")


# -------------------------------------------------------------------------------------------------


@pytest.fixture
def made(config):  # noqa: F811
    worked_out = Behind(config)
    yield worked_out
    worked_out.close()


@pytest.fixture(autouse=True)
def _hasty(monkeypatch):
    monkeypatch.setattr(behind, "PATIENCE_S", 0.01)


def until_fresh(made, *args):
    """Ask until the outcome is there, as a page that is loaded again does."""
    end = time.monotonic() + 30
    while not (found := made.find(*args)).fresh:
        assert time.monotonic() < end
        time.sleep(0.005)
    return found


def started():
    """Return the process that works aside, once it was started."""
    end = time.monotonic() + 30
    while not (found := asides(os.getpid())):
        assert time.monotonic() < end
    (pid,) = found
    return pid


def test_an_outcome_is_kept_for_its_mark(made, tmp_path):
    """The same mark has the same outcome; the work is done once."""
    path = tmp_path / "done"
    first = until_fresh(made, "a", 1, NOW, partial(once, path=path, what="one"))
    again = made.find("a", 1, LATER, partial(once, path=path, what="two"))
    assert (first.outcome, again.outcome, again.at) == ("one", "one", NOW)
    assert path.read_text("ascii") == "done\n"


def test_the_former_outcome_stands_in(made, tmp_path):
    """While a newer one is on its way the former is shown, as of when it was made."""
    go = tmp_path / "go"
    until_fresh(made, "a", 1, NOW, partial(said, what="one"))
    found = made.find("a", 2, LATER, partial(after, path=go, what="two"))
    assert (found.outcome, found.at, found.fresh) == ("one", NOW, False)
    assert made.find("b", 1, LATER, partial(said, what="b")).outcome is None, "it waits its turn"
    go.touch()
    assert until_fresh(made, "a", 2, LATER, partial(said, what="three")).outcome == "two"
    assert until_fresh(made, "b", 1, LATER, partial(said, what="c")).outcome == "b"


def test_what_failed_is_told_and_tried_again(made):
    """Who asked is told that it failed; the next one has it tried again."""
    with pytest.raises(ValueError, match="no"):
        until_fresh(made, "a", 1, NOW, fail)
    assert until_fresh(made, "a", 1, NOW, partial(said, what="good")).outcome == "good"


def test_it_is_bounded(made, monkeypatch, tmp_path):
    """No more waits than may, and no more is kept; whoever did not get in gets in later.

    One process does it all.
    """
    monkeypatch.setattr(behind, "WAITING", 2)
    monkeypatch.setattr(behind, "KEPT", 2)
    go = tmp_path / "go"
    for key in "abc":
        assert made.find(key, 1, NOW, partial(after, path=go, what=key)).outcome is None
    assert started()
    go.touch()
    assert until_fresh(made, "c", 1, NOW, partial(said, what="late")).outcome == "late"
    assert until_fresh(made, "b", 1, NOW, partial(said, what="anew")).outcome == "b"
    assert until_fresh(made, "a", 1, NOW, partial(said, what="anew")).outcome == "anew"


def test_its_process_ends_after_a_while(made, monkeypatch):
    """With nothing to do the process ends; the next work starts another."""
    monkeypatch.setattr(behind, "LINGER_S", 0.05)
    assert until_fresh(made, "a", 1, NOW, partial(said, what="one")).outcome == "one"
    end = time.monotonic() + 30
    while asides(os.getpid()):
        assert time.monotonic() < end
        time.sleep(0.01)
    assert until_fresh(made, "b", 1, NOW, partial(said, what="two")).outcome == "two"


def test_closed_in_the_middle(made, tmp_path):
    """What is under way at the end is ended, and nothing is begun any more."""
    made.find("a", 1, NOW, partial(after, path=tmp_path / "never", what="a"))
    pid = started()
    made.close()
    assert gone(pid)
    assert made.find("b", 1, NOW, partial(said, what="b")).outcome is None
    assert not asides(os.getpid())


def test_killed_in_the_middle(made, tmp_path):
    """Who asks is told that the process was killed; whoever asks next has it tried again."""
    work = partial(after, path=tmp_path / "go", what="a")
    assert made.find("a", 1, NOW, work).outcome is None
    pid = started()
    os.kill(pid, signal.SIGKILL)
    with pytest.raises(ProcessDied, match="SIGKILL"):
        until_fresh(made, "a", 1, NOW, work)
    (tmp_path / "go").touch()
    assert until_fresh(made, "a", 1, NOW, work).outcome == "a"


def test_a_page_whose_work_was_killed(site, monkeypatch):  # noqa: F811
    """The page says that what works it out was ended; asked again, it is there."""
    cookie = site.log_in("ann", PASSWORD)
    monkeypatch.setattr(behind, "PATIENCE_S", 0)
    assert "worked out" in site.ask("/review/proposals", cookie=cookie).text
    pid = started()
    os.kill(pid, signal.SIGKILL)
    assert gone(pid)
    monkeypatch.setattr(behind, "PATIENCE_S", 60)
    shown = site.ask("/review/proposals", cookie=cookie)
    assert shown.status == 503
    assert "What works this out was ended" in shown.text
    assert site.ask("/review/proposals", cookie=cookie).status == 200


@pytest.mark.parametrize("path", ["/review/proposals", "/review/precision", "/subscriptions/daily"])
def test_a_page_that_waits(site, monkeypatch, path):  # noqa: F811
    """A page says that its content is being worked out, and loads itself again until it is."""
    cookie = site.log_in("ann", PASSWORD)
    monkeypatch.setattr(behind, "PATIENCE_S", 0)
    shown = site.ask(path, cookie=cookie)
    assert shown.status == 200
    end = time.monotonic() + 60
    while shown.headers["Refresh"]:
        assert "worked out" in shown.text
        assert time.monotonic() < end
        time.sleep(0.02)
        shown = site.ask(path, cookie=cookie)
    assert "worked out" not in shown.text
