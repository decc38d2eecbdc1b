"""Scores: counted by hand on small sets."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.detect.evaluate import (
    FieldCase,
    Judged,
    b_cubed,
    pairs_across,
    score,
    score_by,
    score_field,
    without_context,
)

A, B, C = ("acme", "antitrust"), ("acme", "ipo"), ("zeta", "ipo")


def item(wanted=(), found=(), optional=(), **more):
    sets = {"wanted": wanted, "found": found, "optional": optional}
    named = {name: frozenset(pairs) for name, pairs in sets.items()}
    return Judged(id="1", title="", lang=more.pop("lang", "en"), **named, **more)


ITEMS = [
    item([A, B], [A]),  # one right, one missed
    item([], [C], lang="zh"),  # one extra
    item([C], [C, B], optional=[B], lang="zh"),  # one right; the optional one is not counted
    item([], []),
]


def test_counts_and_ratios():
    """Right, extra and missed pairs are counted once an item; ratios follow from them."""
    scores = score(ITEMS)

    assert (scores.true_positives, scores.false_positives, scores.false_negatives) == (2, 1, 1)
    assert scores.items == 4
    assert scores.precision == scores.recall == scores.f1 == pytest.approx(2 / 3)


def test_nothing_is_zero():
    """Without items every ratio is 0, not an error."""
    scores = score([])

    assert (scores.precision, scores.recall, scores.f1, scores.items) == (0, 0, 0, 0)


def test_optional_is_neither_rewarded_nor_punished():
    """Found or not, an optional pair changes nothing."""
    assert score([item([A], [A, B], [B])]) == score([item([A], [A], [B])])


@pytest.mark.parametrize(
    ("by", "items"),
    [
        ("company", {"acme": 2, "zeta": 2}),
        ("topic", {"antitrust": 1, "ipo": 3}),
        ("lang", {"en": 2, "zh": 2}),
    ],
)
def test_groups(by, items):
    """Each company, topic or language has its own scores, over the items it occurs in."""
    assert {key: scores.items for key, scores in score_by(ITEMS, by).items()} == items


def test_groups_add_up():
    """The counts of all companies together are the counts of the whole."""
    groups = score_by(ITEMS, "company").values()

    assert sum(scores.true_positives for scores in groups) == 2
    assert sum(scores.false_positives for scores in groups) == 1
    assert sum(scores.false_negatives for scores in groups) == 1


def test_without_context():
    """A flagged item is left out; a flagged label becomes optional."""
    items = [
        item([A], [], needs_context=True),
        item([A, C], [C], context=frozenset([A])),
    ]

    assert score(items).false_negatives == 2
    scores = score(without_context(items))
    assert (scores.true_positives, scores.false_negatives, scores.items) == (1, 0, 1)


def case(told, *needed, allowed=()):
    choices = tuple(frozenset(choice.split("|")) for choice in needed)
    return FieldCase(frozenset(told), choices, frozenset(allowed))


def test_fields_by_hand():
    """Values told are right or wrong, values needed found or missed; allowed ones do not count."""
    scores = score_field(
        [
            case(["fine"], "fine"),  # right
            case(["fine"], "decision|fine"),  # either would be right
            case(["probe"], "fine"),  # wrong, and missed
            case([], "fine"),  # missed
            case(["plan"], allowed=["plan"]),  # neither rewarded nor punished
            case(["plan"]),  # wrong: nothing is there to tell
            case(["1 USD", "2 EUR"], "1 USD", "2 EUR"),
        ]
    )

    assert (scores.told, scores.right, scores.needed, scores.found) == (6, 4, 6, 4)
    assert scores.precision == scores.recall == scores.f1 == pytest.approx(2 / 3)


def test_fields_without_labels_are_zero():
    """Where nothing was told and nothing is needed every ratio is 0, not an error."""
    scores = score_field([])

    assert (scores.precision, scores.recall, scores.f1) == (0, 0, 0)


def test_pairs_across_languages():
    """Pairs of one story in two languages are counted, and those of them that are together."""
    items = [("a", 1, "en"), ("a", 1, "zh"), ("a", 1, "zh"), ("a", None, "fr"), ("b", 1, "fr")]

    assert pairs_across(items) == (5, 2)


def test_b_cubed_by_hand():
    """The worked example: two true stories, found as one and a half."""
    pairs = [("x", 1), ("x", 1), ("y", 1), ("y", None)]

    grouped = b_cubed(pairs)

    assert grouped.precision == pytest.approx((2 / 3 + 2 / 3 + 1 / 3 + 1) / 4)
    assert grouped.recall == pytest.approx((1 + 1 + 1 / 2 + 1 / 2) / 4)


@given(st.lists(st.integers(0, 5)))
def test_b_cubed_of_the_truth(stories):
    """A grouping that is right scores 1 and 1; names do not matter."""
    grouped = b_cubed([(story, f"s{story}") for story in stories])

    assert (grouped.precision, grouped.recall) == ((1, 1) if stories else (0, 0))
