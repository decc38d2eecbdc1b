"""Rounds of `rounds.py`: nothing that a 200 contained is lost, each gap is told once."""

import pytest
from promises.rounds import run


@pytest.mark.timeout(120)
def test_rounds(tmp_path):
    """Overflows, refusals, cut bodies and deaths: 0 lost, 0 doubled, the gaps told are the true."""
    report = run(tmp_path, rounds=60, number=9, seed=7)

    assert report.clean, report
    assert report.overflows > 10
    assert report.deaths > 3
    assert min(report.answers.values()) > 5, report.answers
