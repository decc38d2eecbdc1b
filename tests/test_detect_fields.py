"""Sums of money, days, the cutting of sentences, and the fields of a hit, as tables."""

from datetime import UTC, date, datetime
from decimal import Decimal
from itertools import pairwise
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from monitor.config.watchlist import bundled_lexicon
from monitor.detect.associate import Detector
from monitor.detect.days import days
from monitor.detect.fields import sums
from monitor.model import Role
from monitor.text.folding import fold
from monitor.text.sentences import Sentences

DATA = Path(__file__).with_name("data")
AMOUNTS, DAYS, FIELDS = (
    yaml.safe_load(DATA.joinpath(name).read_text("utf-8"))
    for name in ("amounts.yaml", "days.yaml", "fields.yaml")
)
MONDAY = datetime(2021, 4, 12, 6, tzinfo=UTC)
ENDS = datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, 23, tzinfo=UTC)
DETECTOR = Detector(bundled_lexicon())


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


def named(text, published):
    folded = fold(text)
    return [
        f"{day} {text[slice(*folded.span(start, end))]}"
        for start, end, day in days(folded.text, published)
    ]


@pytest.mark.parametrize("case", DAYS, ids=lambda case: case["text"])
def test_days(case):
    """Each day is read with the very words; without a day of publication only full dates are."""
    assert named(case["text"], MONDAY) == case["days"]
    assert named(case["text"], None) == case.get("alone", case["days"])


@pytest.mark.parametrize("published", [None, MONDAY, *ENDS])
@given(text=st.text(alphabet="0123 -/.,年月日周六上下今天昨mayonwilsturdeb", max_size=60))
def test_days_never_fail(published, text):
    """Whatever digits and names come, and whenever, each day lies in the text."""
    for start, end, day in days(text, published):
        assert 0 <= start < end <= len(text)
        assert isinstance(day, date)


def hit_of(case):
    published = case.get("published")
    at = datetime.fromisoformat(published) if published else None
    found = DETECTOR.find(case["title"], case.get("summary", ""), published=at)
    hits = {f"{hit.company}/{hit.topic}": hit for hit in found if hit.rejected is None}
    assert case["pair"] in hits
    return hits[case["pair"]]


@pytest.mark.parametrize("case", FIELDS, ids=lambda case: case["title"])
def test_fields_of_a_hit(case):
    """A hit says what the text says of its own company and topic, and nothing else."""
    hit = hit_of(case)

    assert hit.stage == case.get("stage")
    assert hit.regulator == case.get("regulator")
    assert [f"{it.value:f} {it.currency}" for it in hit.amounts] == case.get("amounts", [])
    assert hit.event_date == case.get("date")


@pytest.mark.parametrize("case", FIELDS, ids=lambda case: case["title"])
def test_each_field_has_its_quote(case):
    """What a hit says is quoted: one quote for each of stage, regulator, date and amount."""
    hit = hit_of(case)
    roles = [quote.role for quote in hit.evidence]

    for role, told in (
        (Role.STAGE, hit.stage),
        (Role.REGULATOR, hit.regulator),
        (Role.DATE, hit.event_date),
    ):
        assert roles.count(role) == (told is not None)
    quotes = [quote.text for quote in hit.evidence if quote.role is Role.AMOUNT]
    assert quotes == list(dict.fromkeys(amount.text for amount in hit.amounts))
    for quote in hit.evidence:
        text = {"title": case["title"], "summary": case.get("summary", "")}[quote.field]
        assert text[quote.start : quote.end] == quote.text


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
