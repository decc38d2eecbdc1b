"""Detection, as a table: the cases live in data/match.yaml; add yours there."""

from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from monitor.config.watchlist import bundled_lexicon
from monitor.detect.associate import FIRST, Detector
from monitor.detect.definitions import read_company, read_label, read_topic
from monitor.detect.lexicon import make_lexicon
from monitor.detect.score import POSSIBLE, THRESHOLD
from monitor.model import Role

CASES = yaml.safe_load(Path(__file__).with_name("data").joinpath("match.yaml").read_text("utf-8"))


DETECTOR = Detector(bundled_lexicon())


def made(companies, topics=("antitrust",), **more):
    """Return a detector for companies given as their data, and topics with one keyword each."""
    return Detector(
        make_lexicon(
            [read_company(key, data) for key, data in companies.items()],
            [read_topic(key, {"name": key, "keywords": [key]}) for key in topics],
            **more,
        )
    )


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_cases(case):
    """The text gives exactly the hits the table says, with their facts, and the reasons why not."""
    matches = DETECTOR.find(case["title"], case.get("summary", ""))
    hits = [match for match in matches if match.rejected is None]
    reasons = {f"{match.company}/{match.topic}": match.rejected for match in matches}

    assert [f"{hit.company}/{hit.topic}" for hit in hits] == case["hits"]
    for pair, reason in case.get("rejected", {}).items():
        assert reasons[pair] == reason
    for fact in {"stage", "regulator", "sentence"} & set(case):
        assert getattr(hits[0], fact) == case[fact]
    if "amounts" in case:
        told = [f"{amount.value} {amount.currency}" for amount in hits[0].amounts]
        assert told == case["amounts"]


WORDS = st.sampled_from(
    [
        "Alibaba",
        "阿里巴巴",
        "ANT",
        "Ant",
        "蚂蚁",
        "IPO",
        "IPOs",
        "antitrust",
        "反垄断",
        "ﬁned",
        "fined",
        "港交所",
        "上市",
        "$ 2.8 billion",
        "182.28亿元",
        "ＩＰＯ",
        "İ",
        "é",
        "a\u0301",
        "\u200b",
        "\u202e",
        "…",
        "㎡",
        "½",
        "😀",
        "。",
        ". ",
        "\n",
        "\r\n",
        "  ",
        "\t",
        " ",
        "\ud800",
        "퟿",
        "각",
    ]
)
MIXED = st.lists(WORDS | st.text(max_size=3), max_size=25).map("".join)


@given(title=MIXED, summary=MIXED)
def test_evidence_is_quoted_from_the_text(title, summary):
    """Every quote of every match is the very text at its span, whatever the text holds."""
    texts = {"title": title, "summary": summary}

    for match in DETECTOR.find(title, summary):
        assert 0 <= match.score <= 1
        assert (match.rejected is None) <= (match.score >= THRESHOLD)
        assert match.rejected in {None, FIRST} or match.score < THRESHOLD
        for quote in match.evidence:
            assert texts[quote.field][quote.start : quote.end] == quote.text != ""


@given(title=MIXED, summary=MIXED)
def test_evidence_of_a_hit_is_whole(title, summary):
    """A hit quotes its company and its topic, and shows the sentence of the topic."""
    for match in DETECTOR.find(title, summary):
        if match.rejected is None:
            assert {Role.COMPANY, Role.TOPIC} <= {quote.role for quote in match.evidence}
            [topic] = [quote for quote in match.evidence if quote.role is Role.TOPIC]
            assert topic.text in match.sentence


@given(title=MIXED, summary=MIXED)
def test_the_score_is_the_sum_of_its_parts(title, summary):
    """What is told as parts of a score adds up to it, held between 0 and 1."""
    for match in DETECTOR.find(title, summary):
        parts = sum(part.value for part in match.parts)
        assert match.score == pytest.approx(min(max(parts, 0), 1))
        possible = match.rejected not in {None, FIRST} and match.score >= POSSIBLE
        assert match.possible == possible


def test_amount_evidence_has_its_amount():
    """Each amount of a hit is quoted, so that a reader can see where it stands."""
    [hit] = DETECTOR.find("Alibaba fined RMB 18.2bn (US$2.8bn) in antitrust case", "")

    quotes = [quote.text for quote in hit.evidence if quote.role is Role.AMOUNT]
    assert quotes == [amount.text for amount in hit.amounts] == ["RMB 18.2bn", "US$2.8bn"]


def test_a_company_in_place_needs_little():
    """A name and two aliases are a company: each of the three spellings is found."""
    detector = made({"acme": {"id": "acme", "name": "Acme", "aliases": ["Ajax Corp", "艾克米"]}})

    for text in ("Acme antitrust", "Ajax Corp: antitrust", "艾克米antitrust"):
        [hit] = detector.find(text, "")
        assert (hit.company, hit.rejected) == ("acme", None)


def test_bound_company_need_not_be_named():
    """In a feed about one company every topic is that company's, named or not."""
    lexicon = {"acme": {"name": "Acme"}, "zeta": {"name": "Zeta"}}
    detector = made(lexicon)

    [unnamed] = detector.find("Notice of antitrust hearing", "", company="acme")
    both = detector.find("Zeta answers antitrust notice", "", company="acme")

    assert (unnamed.company, unnamed.rejected) == ("acme", None)
    assert [quote.role for quote in unnamed.evidence] == [Role.TOPIC]
    assert [hit.company for hit in both if hit.rejected is None] == ["acme", "zeta"]


def test_stage_stands_by_its_topics_only():
    """A stage that belongs to some topics is never told of another."""
    fine = read_label("fine", {"name": "Fine", "terms": ["fined"], "topics": ["antitrust"]})
    detector = made({"acme": {"name": "Acme"}}, topics=("antitrust", "merger"), stages=[fine])

    antitrust, merger = detector.find("Acme fined in antitrust row over merger", "")

    assert (antitrust.stage, merger.stage) == ("fine", None)


def test_another_company_between_weakens():
    """Of two companies in a sentence the topic is first of all the nearer one's."""
    detector = made({"acme": {"name": "Acme"}, "zeta": {"name": "Zeta"}})

    far, near = detector.find("Weekly", "Acme says Zeta should answer for its antitrust record")

    assert far.score < near.score
    assert far.rejected == "another company stands between"


@pytest.mark.parametrize(
    "text",
    [
        "Alibaba IPO " * 20_000,
        "阿里上市垄断" * 30_000,
        "abuse dominance " * 15_000,
        "Alibaba " * 30_000 + "IPO",
        "fined Tencent-backed $1 IPO " * 9_000,
    ],
    ids=["pairs", "han", "gaps", "names", "mixed"],
)
def test_hostile_text_is_read(text):
    """A text made to have as many places as can be is read in one piece; time grows with length."""
    matches = DETECTOR.find("", text)

    assert all(
        quote.text == text[quote.start : quote.end] for it in matches for quote in it.evidence
    )


def test_a_delisting_is_no_first_listing():
    """What only listed shares can have keeps its topic without a listing; a listing does not."""
    told = {
        topic: [(it.company, it.topic) for it in DETECTOR.find(title, "") if it.rejected is None]
        for topic, title in {
            "listing": "Regulators question Ant Group over a delisting",
            "ipo": "Ant Group plans a Hong Kong listing",
        }.items()
    }
    assert told == {topic: [("ant", topic)] for topic in told}
