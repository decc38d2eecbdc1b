"""Window: a feed that overflowed is noticed, and one that did not raises no false alarm."""

import pytest

from monitor.feeds.window import Comparison, compare, is_comfortable, same_titles


@pytest.mark.parametrize(
    ("before", "now", "whole", "expected"),
    [
        ([], [1, 2], True, Comparison(None)),
        ([1, 2, 3], [4, 5, 6], True, Comparison(0, gap=True)),
        ([1, 2, 3], [4, 5, 3], True, Comparison(1)),
        ([1, 2, 3], [3, 2, 1], True, Comparison(3)),
        ([1, 2, 3], [4], True, Comparison(0, gap=True)),
        ([1], [2, 3], True, Comparison(0, gap=True)),
        ([1], [2], True, Comparison(0)),
        ([1, 2, 3], [], True, Comparison(None, remember=False)),
        ([1, 2, 3], [4, 5], False, Comparison(0, remember=False)),
        ([1, 2, 3], [4, 5, 6], False, Comparison(0, gap=True)),
        ([1, 2, 3], [4, 3], False, Comparison(1, remember=False)),
    ],
    ids=[
        "the first poll",
        "all new: a gap",
        "one is left",
        "another order",
        "all new, fewer",
        "all new, more",
        "one entry at a time",
        "nothing shown",
        "cut short",
        "flawed, and as full as before: a gap",
        "cut short, one is left",
    ],
)
def test_compare(before, now, whole, expected):
    """Only a full window that shares nothing with the one before is a gap."""
    assert compare(before, now, whole=whole) == expected


@pytest.mark.parametrize(
    ("titles", "same"),
    [(["a", "B "], True), (["A", "x"], True), (["A", "x", "y"], False), (["x"], False)],
)
def test_the_same_feed_under_other_ids(titles, same):
    """A feed whose titles are mostly those it showed before has moved, not overflowed."""
    assert same_titles(["A", "b", "c"], titles) is same


def test_comfortable():
    """With half of a window known the next poll can wait; without a comparison nobody knows."""
    assert is_comfortable(Comparison(5), 10)
    assert not is_comfortable(Comparison(4), 10)
    assert not is_comfortable(Comparison(None), 10)
