"""Formats: each gives the same kind of document, with cases in data/feeds/formats.yaml."""

from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
import yaml

from monitor.errors import ParseError
from monitor.feeds.parse.document import parse
from monitor.feeds.parse.instants import find_instant

DATA = Path(__file__).with_name("data") / "feeds"
CASES = yaml.safe_load((DATA / "formats.yaml").read_text("utf-8"))
INSTANTS = yaml.safe_load((DATA / "instants.yaml").read_text("utf-8"))
URL = "https://feeds.example/news/feed"


def read(body):
    return parse(body.encode("utf-8", "surrogatepass"), None, URL)


@pytest.mark.parametrize("case", [it for it in CASES if "out" in it], ids=lambda it: it["name"])
def test_format(case):
    """A document of each format gives the entries the table says, and says what it is."""
    document = read(case["body"])

    found = [
        {name: getattr(entry, name) for name in wanted}
        for entry, wanted in zip(document.entries, case["out"], strict=True)
    ]
    assert found == case["out"]
    assert list(document.rejected) == case.get("rejected", [])
    if "flawed" in case:
        assert case["flawed"] in "; ".join(document.flaws)
    else:
        assert list(document.flaws) == case.get("flaws", [])
    for field in {"format", "title", "language"} & set(case):
        assert getattr(document, field) == case[field]


@pytest.mark.parametrize("case", [it for it in CASES if "fails" in it], ids=lambda it: it["name"])
def test_no_articles(case):
    """What lists no articles fails, and the reason says what it is instead."""
    with pytest.raises(ParseError) as refused:
        read(case["body"])

    assert str(refused.value).startswith(case["fails"])


def test_every_case_is_used():
    """A case without an outcome would promise nothing."""
    assert [case["name"] for case in CASES if ("out" in case) == ("fails" in case)] == []


def test_deep_json():
    """JSON nested beyond all reason is refused, and nothing breaks."""
    with pytest.raises(ParseError, match="nested too deeply"):
        read('{"version": "https://jsonfeed.org/version/1.1", "items": ' + "[" * 200_000)


@pytest.mark.parametrize(("text", "at"), INSTANTS)
def test_instant(text, at):
    """A date is read as people mean it; where they could mean two things, or none, there is none.

    The zone is that of a publisher in Shanghai.
    """
    found = find_instant(text, ZoneInfo("Asia/Shanghai"))

    assert found == (at.astimezone(UTC) if isinstance(at, datetime) else None)


@pytest.mark.parametrize(
    "text", ["9" * 100_000, "2026 " * 50_000, " " * 100_000, "1 jan " * 50_000]
)
def test_long_text_for_a_date(text):
    """A text made to keep the patterns busy is no date, and is told so at once."""
    assert find_instant(text) is None
