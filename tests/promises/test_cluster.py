"""Replicas that die or freeze lose nothing, double nothing, and their work is soon taken up."""

import pytest
from promises.cluster import Plan, run


@pytest.mark.timeout(280)
@pytest.mark.usefixtures("postgres")  # which says it if there is none
def test_replicas_that_die_or_freeze(tmp_path):
    """One of three is killed, one frozen until it counts as dead, and then goes on."""
    plan = Plan(replicas=3, feeds=90, interval=10, kills=(5,), freeze=8, frozen=45, seconds=75)

    report = run(tmp_path, plan)

    assert report.clean, report
    assert report.hits > 20
