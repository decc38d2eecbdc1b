"""What is worked out behind the pages: waited for a little, kept, made anew, bounded."""

import threading
import time
from datetime import UTC, datetime, timedelta

import pytest
from test_web_proposals import site  # noqa: F401 - a fixture
from websites import PASSWORD

from monitor.web import behind
from monitor.web.behind import Behind

NOW = datetime(2026, 11, 29, tzinfo=UTC)
LATER = NOW + timedelta(minutes=1)


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


def test_an_outcome_is_kept_for_its_mark():
    """The same mark has the same outcome; the work is done once."""
    made, done = Behind(), []
    first = until_fresh(made, "a", 1, NOW, lambda: done.append(1) or "one")
    again = made.find("a", 1, LATER, lambda: done.append(2) or "two")
    assert (first.outcome, again.outcome, again.at) == ("one", "one", NOW)
    assert done == [1]


def test_the_former_outcome_stands_in():
    """While a newer one is on its way the former is shown, as of when it was made."""
    made, go = Behind(), threading.Event()
    until_fresh(made, "a", 1, NOW, lambda: "one")
    found = made.find("a", 2, LATER, lambda: go.wait(30) and "two")
    assert (found.outcome, found.at, found.fresh) == ("one", NOW, False)
    assert made.find("b", 1, LATER, lambda: "b").outcome is None, "it waits its turn"
    go.set()
    assert until_fresh(made, "a", 2, LATER, lambda: "three").outcome == "two"
    assert until_fresh(made, "b", 1, LATER, lambda: "c").outcome == "b"


def test_what_failed_is_told_and_tried_again():
    """Who asked is told that it failed; the next one has it tried again."""
    made = Behind()

    def fail():
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        until_fresh(made, "a", 1, NOW, fail)
    assert until_fresh(made, "a", 1, NOW, lambda: "good").outcome == "good"


def test_it_is_bounded(monkeypatch):
    """No more waits than may, and no more is kept; whoever did not get in gets in later."""
    monkeypatch.setattr(behind, "WAITING", 2)
    monkeypatch.setattr(behind, "KEPT", 2)
    made, go = Behind(), threading.Event()
    for key in "abc":
        assert made.find(key, 1, NOW, lambda key=key: go.wait(30) and key).outcome is None
    go.set()
    assert until_fresh(made, "c", 1, NOW, lambda: "late").outcome == "late"
    assert until_fresh(made, "b", 1, NOW, lambda: "anew").outcome == "b"
    assert until_fresh(made, "a", 1, NOW, lambda: "anew").outcome == "anew"


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
