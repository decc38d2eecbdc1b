"""Odd documents and lying servers of `hostile.py`: nothing crashes, nothing is hidden."""

import pytest
from promises.hostile import run
from promises.liars import WAYS


@pytest.mark.timeout(240)
def test_hostile(tmp_path, empty_database):
    """Every failure is told with its reason, and healthy feeds between them are stored."""
    report, fates = run(
        tmp_path,
        feeds=150,
        endpoints=len(WAYS),
        seed=7,
        database=empty_database,
        patient=True,
        timeout="3s",
    )

    assert report.clean, report
    assert len(fates) == 150 + report.endpoints + 20
    assert report.peak_mb <= 400
