"""Explaining a text: everything that stands in it, with the reason where it does not count."""

import pytest
from test_detect import DETECTOR, made

from monitor.detect.explain import ACROSS, INSIDE, explain
from monitor.model import Role


def told(explanation):
    return {(it.role.value, it.quote.text): it.problem for it in explanation.standing}


def test_what_counts_is_told_without_a_problem():
    """Each term of a hit is named, with its own quote."""
    title = "Alibaba fined $2.8 billion in antitrust probe"
    found = explain(DETECTOR, title, "")

    assert found.silence is None
    assert found.matches == DETECTOR.find(title, "")
    assert told(found)["company", "Alibaba"] is None
    assert told(found)["topic", "antitrust"] is None
    for it in found.standing:
        assert title[it.quote.start : it.quote.end] == it.quote.text


@pytest.mark.parametrize(
    ("title", "missing"),
    [
        ("Alibaba opens an office", "no spelling of a topic that is watched stands in the text"),
        ("Bakery planning an IPO", "no spelling of a company that is watched stands in the text"),
        ("Rain", "no spelling of a company that is watched and no spelling of a topic that is"),
    ],
)
def test_silence_is_explained(title, missing):
    """A text without a match says what it lacks."""
    assert explain(DETECTOR, title, "").silence.startswith(missing)


def test_a_bound_feed_lacks_no_company():
    """Where the feed says whom it is about, only the topic can be missing."""
    assert "company" not in (explain(DETECTOR, "Rain", "", company="baidu").silence or "")


@pytest.mark.parametrize(
    ("title", "company", "quote", "problem"),
    [
        ("Acme cave antitrust", {"name": "Acme", "unless": ["Acme cave"]}, "Acme", "Acme cave"),
        ("Acme Sound antitrust", {"name": "Acme", "aliases": ["Acme Sound"]}, "Acme", INSIDE),
        (
            "Ace antitrust",
            {"name": "Acme", "aliases": [{"text": "Ace", "strength": "context", "needs": ["x9"]}]},
            "Ace",
            "context",
        ),
        ("Acme. Works antitrust", {"name": "Acme ... Works"}, "Acme. Works", ACROSS),
    ],
)
def test_what_does_not_count_says_why(title, company, quote, problem):
    """A term that was found and set aside is told with the reason."""
    detector = made({"acme": company})

    assert problem in told(explain(detector, title, ""))["company", quote]


def test_everything_found_is_told():
    """No term that stands in a text is left out, wherever it stands."""
    summary = "Tencent was named. The regulator approved the IPO of Ant Group."
    roles = {it.role for it in explain(DETECTOR, "腾讯音乐", summary).standing}

    assert roles >= {Role.COMPANY, Role.TOPIC}
