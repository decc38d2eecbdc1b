"""Killed with -9 while it works, the service loses nothing and doubles nothing."""

import pytest
from promises import errands
from promises.lives import run
from promises.soak import soak


@pytest.mark.timeout(180)
def test_kill(tmp_path):
    """Four kills in twenty seconds of publishing: every article, hit and mail exactly once."""
    report = soak(tmp_path, seconds=20, kills=4, feeds=8, seed=7, final_digest=True)
    assert report.clean, report


@pytest.mark.timeout(120)
def test_short_lives(tmp_path):
    """Polling that is killed thirty times in fifteen seconds loses nothing and doubles nothing."""
    report = run(tmp_path, kills=30, seed=7)

    assert report.clean, report
    assert report.hits > 20


@pytest.mark.timeout(300)
def test_errands(tmp_path):
    """Three kills in twenty seconds: no alert, page, hub's call or heartbeat is lost or doubled."""
    report = errands.run(tmp_path, seconds=20, kills=3, seed=7)

    assert report.clean, report
    assert report.alerts > 0
    assert report.hub_calls > 0
