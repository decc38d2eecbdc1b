"""Sums of money and the cutting of sentences, as tables."""

from decimal import Decimal
from itertools import pairwise
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from monitor.detect.fields import sums
from monitor.detect.sentences import Sentences
from monitor.text import fold

AMOUNTS = yaml.safe_load(
    Path(__file__).with_name("data").joinpath("amounts.yaml").read_text("utf-8")
)


@pytest.mark.parametrize("case", AMOUNTS, ids=lambda case: case["text"])
def test_sums(case):
    """Each sum is read with its value, its currency and the very words."""
    folded = fold(case["text"])

    found = [
        f"{value:f} {currency} {case['text'][slice(*folded.span(start, end))]}"
        for start, end, value, currency in sums(folded.text)
    ]

    assert found == case["sums"]


@given(st.text(alphabet="0123456789.,$€ 亿万元bnmrdeuo", max_size=60))
def test_sums_never_fail(text):
    """Whatever digits and marks come, each sum lies in the text and is no negative number."""
    for start, end, value, _ in sums(text):
        assert 0 <= start < end <= len(text)
        assert isinstance(value, Decimal)
        assert value >= 0


def cut(text):
    folded = fold(text)
    sentences = Sentences(folded.text)
    numbers = sorted({sentences.number(at) for at in range(len(folded.text))})
    spans = [folded.span(*sentences.span(number)) for number in numbers]
    return [text[start:end] for start, end in spans]


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("One. Two", ["One.", "Two"]),
        ("Acme Inc. of the U.S. won. It did!", ["Acme Inc. of the U.S. won.", "It did!"]),
        ("罚款。上市！真的？是；对", ["罚款。", "上市！", "真的？", "是；", "对"]),
        ("Fined 2.8bn at example.com/?a=1", ["Fined 2.8bn at example.com/?a=1"]),
        ("A headline\nAnother one", ["A headline", "Another one"]),
        ("wrapped to a\nwidth", ["wrapped to a\nwidth"]),
        ('He said "no." She left', ['He said "no." She left']),
        ('They "lost." We won', ['They "lost."', "We won"]),
    ],
)
def test_sentences(text, sentences):
    """A text is cut where a sentence ends, and nowhere else."""
    assert cut(text) == sentences


@given(st.text(alphabet="ab .!?;。\n\"')", max_size=60))
def test_sentences_cover_the_text(text):
    """No character but blanks is lost between sentences, and none is in two."""
    folded = fold(text).text
    sentences = Sentences(folded)
    numbers = sorted({sentences.number(at) for at in range(len(folded))})
    spans = [sentences.span(number) for number in numbers]

    assert (
        "".join(folded[start:end] for start, end in spans).split()
        == "".join(folded[start:end] for start, end in spans).split()
    )
    assert all(one[1] <= two[0] for one, two in pairwise(spans))
    covered = {at for start, end in spans for at in range(start, end)}
    assert all(folded[at].isspace() for at in range(len(folded)) if at not in covered)
