"""Pages without a feed: cases in data/feeds/pages.yaml; nothing found is never a success."""

import subprocess
import sys
from datetime import UTC, timedelta
from pathlib import Path

import pytest
import yaml

from monitor.errors import ParseError
from monitor.feeds.parse.children import BoundedParser
from monitor.feeds.parse.document import parse
from monitor.model import Answer, Document, FeedToPoll, Page

CASES = yaml.safe_load(
    Path(__file__).with_name("data").joinpath("feeds", "pages.yaml").read_text("utf-8")
)
URL = "https://site.example/news/index.html"
LIST = Page("li")


def read(body, page=LIST, content_type="text/html"):
    return parse(body, content_type, URL, page=page)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_page(case):
    """A page gives the entries the table says, or fails for the reason it says."""
    body, page = case["body"].encode(), Page(**case["page"])
    if "fails" in case:
        with pytest.raises(ParseError) as refused:
            read(body, page)
        assert str(refused.value) == case["fails"]
        return

    document = read(body, page)

    found = [
        {name: getattr(entry, name) for name in wanted}
        for entry, wanted in zip(document.entries, case["out"], strict=True)
    ]
    expected = [
        {
            name: at.astimezone(UTC) if name == "published_at" and at else at
            for name, at in it.items()
        }
        for it in case["out"]
    ]
    assert found == expected
    assert list(document.rejected) == case.get("rejected", [])
    assert list(document.flaws) == case.get("flaws", [])


@pytest.mark.parametrize(
    ("head", "content_type", "charset"),
    [
        ("<meta charset=gb2312>", "text/html", "gb18030"),
        ("", "text/html; charset=GBK", "gb18030"),
        ("<meta charset=gb2312>", "text/html; charset=utf-8", "gb18030"),
        ('<meta http-equiv="Content-Type" content="text/html; charset=utf-8">', None, "utf-8"),
    ],
)
def test_charset(head, content_type, charset):
    """Chinese comes out right whatever page and server call its charset, and no mark is left."""
    words = "国家市场监督管理总局依法对某平台企业作出行政处罚决定"
    html = f"<html lang=zh-CN><head>{head}<title>新闻</title></head><li><a href=/1>{words}</a></li>"

    document = read(html.encode(charset), content_type=content_type)

    assert [entry.title for entry in document.entries] == [words]
    assert (document.charset, document.title, document.language) == (charset, "新闻", "zh-CN")
    assert (document.format, document.flaws) == ("page", ())


def test_deep_page():
    """A page nested beyond what is read gives what was read, and says so."""
    html = f"<li><a href=/1>Good</a></li>{'<div>' * 100_000}<li><a href=/2>Lost</a></li>"

    document = read(html.encode())

    assert [entry.title for entry in document.entries] == ["Good"]
    assert document.flaws == ("a page nested so deeply that the rest of it was not read",)


@pytest.mark.parametrize(
    "html",
    [
        "<li>" * 300_000,
        "<table>" * 50_000 + "<li><a href=/1>x</a>",
        "<a " * 100_000,
        "<!--" * 100_000,
        "<select><option>" * 20_000,
        "&#x110000;" * 100_000,
    ],
    ids=lambda html: html[:20],
)
def test_hostile_page(parser, html):
    """A page made to keep a reader busy ends within its limit, and costs no other page."""
    jobs = [job(html.encode(), 0), *(job(b"<li><a href=/1>Good</a>", number) for number in (1, 2))]

    outcomes = {feed.id: outcome for feed, _, outcome in parser.parse_all(jobs)}

    assert isinstance(outcomes.pop(0), Document | ParseError)
    assert [[entry.title for entry in it.entries] for it in outcomes.values()] == [["Good"]] * 2


@pytest.fixture(scope="module")
def parser():
    with BoundedParser(workers=1, timeout=timedelta(seconds=5), memory_bytes=300_000_000) as it:
        yield it


def job(body, number=1):
    feed = FeedToPoll(
        number, f"f{number}", URL, "F", None, None, None, None, None, None, 0, page=LIST
    )
    return feed, Answer(200, URL, body, "text/html")


def test_no_page_costs_no_import():
    """Who has no page never loads the library for pages, in service or child."""
    program = (
        "import sys; from monitor.config import load;"
        "from monitor.feeds.parse.document import parse;"
        "parse(b'<rss version=\"2.0\"><channel/></rss>', None, 'https://a.example/');"
        "load('tests/data/config/minimal.yaml', {});"
        "print([name for name in ('lxml', 'cssselect') if name in sys.modules])"
    )

    ended = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[1],
    )

    assert ended.stdout == "[]\n"
