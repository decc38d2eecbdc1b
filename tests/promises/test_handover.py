"""Two processes that compose and deliver, killed again and again: `handover.py`."""

import pytest
from promises.handover import run


@pytest.mark.timeout(240)
def test_handover(tmp_path, empty_database):
    """Ten kills: each hit in one message to each recipient, none lost, repeats only in doubt."""
    report = run(tmp_path, empty_database, rounds=6, seed=7)

    assert report.clean, report
    assert (report.kills, report.hits) == (10, 18)
