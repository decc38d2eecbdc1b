"""Finding a site's feeds, and trying feeds: real commands, real HTTP, nothing stored."""

import json
import subprocess
import sys

import pytest
from feedserver import FeedServer, answer

from monitor.errors import ParseError
from monitor.feeds.discovery import MOST_LINKS, Candidate, Found, candidates, is_feedlike
from monitor.feeds.parse.document import parse
from monitor.model import WebPage

RSS = """<rss version="2.0"><channel><title>{}</title><language>zh-CN</language>
<item><guid>{}</guid><title>市场监管总局通报</title><link>https://w.example/1</link>
<pubDate>Mon, 23 Nov 2026 08:00:00 GMT</pubDate></item></channel></rss>"""
PAGE = """<!doctype html><html lang="en"><head><title>Regulator</title>
<link rel="alternate" type="application/rss+xml" title="Press &amp; notices" href="/press">
<link rel="Alternate" type="application/atom+xml; charset=utf-8" href="gone.atom">
<link rel="alternate" hreflang="zh" href="/zh/"><link rel="stylesheet" href="/rss/style.css">
<link rel="alternate" type="application/json" href="/wp-json/wp/v2/pages/7">
</head><body><a href="/rss/decisions.xml">Decisions (RSS)</a><a href="/feed-the-birds">Birds</a>
<a href="http://127.0.0.9:1/feed">elsewhere</a><a href="javascript:feed">no</a></body></html>"""


@pytest.fixture
def server():
    with FeedServer() as server:
        yield server


@pytest.fixture
def run(tmp_path):
    def run(*args, config="feeds: []", code=0):
        text = f"network: {{allow_private: [127.0.0.1/32]}}\npolling: {{timeout: 2s}}\n{config}\n"
        (tmp_path / "config.yaml").write_text(text, "utf-8")
        done = subprocess.run(
            [sys.executable, "-m", "monitor", "feeds", *args],
            cwd=tmp_path,
            capture_output=True,
            encoding="utf-8",
            timeout=60,
            check=False,
        )
        assert done.returncode == code, (done.stdout, done.stderr)
        assert "Traceback" not in done.stderr
        assert not (tmp_path / "monitor.db").exists()
        return [json.loads(line) for line in done.stdout.splitlines()], done.stderr

    return run


def feed(name):
    return answer(RSS.format(name, name).encode(), content_type="application/rss+xml")


def test_a_sites_feeds_are_found(server, run):
    """Named, linked and usual places are tried; one feed under two addresses is told once."""
    server.put("/", answer(PAGE.encode(), content_type="text/html; charset=utf-8"))
    server.put("/press", feed("press"))
    server.put("/rss/decisions.xml", feed("decisions"))
    server.put("/feed", feed("press"))
    server.put("/atom.xml", feed("usual"))

    rows, said = run("find", server.url("/"))

    assert [(row["url"].removeprefix(server.url("/")), row["found"]) for row in rows] == [
        ("press", "named"),
        ("rss/decisions.xml", "linked"),
        ("atom.xml", "usual"),
    ]
    assert rows[0] == {
        "url": server.url("/press"),
        "title": "press",
        "format": "RSS 2.0",
        "entries": 1,
        "newest": "2026-11-23T08:00:00Z",
        "language": "zh-CN",
        "found": "named",
    }
    assert "gone.atom: named by the page as a feed, but HTTP 404" in said


def test_nothing_is_asked_in_a_private_network(server, run):
    """A page cannot lead the search to an address that polling would not go to."""
    with FeedServer("127.0.0.9") as inside:
        inside.put("/feed", feed("inside"))
        page = f'<html><a href="{inside.url("/feed", "127.0.0.9")}">feed</a></html>'
        server.put("/", answer(page.encode(), content_type="text/html"))

        rows, _ = run("find", server.url("/"), code=1)

        assert (rows, inside.requests) == ([], [])


def test_an_address_that_is_a_feed(server, run):
    """A feed's own address needs no search."""
    server.put("/x", feed("x"))
    rows, _ = run("find", server.url("/x"))
    assert [(row["url"], row["found"]) for row in rows] == [(server.url("/x"), "itself")]
    assert len(server.requests) == 1


def test_a_site_that_is_not_there(server, run):
    """A site that cannot be reached is a failure with its reason."""
    _, said = run("find", server.url("/none"), code=1)
    assert "HTTP 404" in said


def test_check_ends_though_half_hang(server, run):
    """Twenty feeds that never answer hang together: the rest are judged, and it ends in time."""
    for number in range(20):
        server.put(f"/good{number}", feed(f"good{number}"))
        server.put(f"/hangs{number}", [30.0])
    feeds = [
        f"  - {{id: {kind}{number}, url: '{server.url(f'/{kind}{number}')}', terms: open data}}"
        for number in range(20)
        for kind in ("hangs", "good")
    ]

    rows, _ = run("check", config="feeds:\n" + "\n".join(feeds), code=1)

    verdicts = [row["verdict"] for row in rows]
    assert (verdicts.count("ok"), verdicts.count("failed")) == (20, 20)
    assert {row["terms"] for row in rows} == {"open data"}
    assert {row["reason"] for row in rows[:20]} == {"no complete answer within 2 s"}


def test_check_keeps_to_its_time(server, run):
    """What is unfinished when the time is up is named as that."""
    server.put("/hangs", [30.0])
    config = f"feeds: [{{id: hangs, url: '{server.url('/hangs')}'}}]"
    rows, _ = run("check", "--within", "1s", config=config, code=1)
    assert rows[0]["reason"] == "unfinished after 1 s in all"


def test_check_some(server, run):
    """Feeds can be named, even those switched off; a name that is none is a wrong usage."""
    server.put("/a", feed("a"))
    config = f"feeds: [{{id: a, url: '{server.url('/a')}', enabled: false}}, {server.url('/b')}]"
    rows, _ = run("check", "a", config=config)
    assert [row["feed_id"] for row in rows] == ["a"]
    _, said = run("check", "c", config=config, code=2)
    assert "'c'" in said


def test_what_is_left_out_is_counted():
    """A page with very many links has the first of them tried, and says how many are not."""
    links = [Candidate(f"https://a.example/{n}.rss", Found.LINKED) for n in range(MOST_LINKS + 7)]
    chosen, left_out = candidates("https://a.example/x/y", [*links, *links])
    assert left_out == 7
    assert Candidate("https://a.example/feed", Found.USUAL) in chosen
    assert len({it.url for it in chosen}) == len(chosen)


@pytest.mark.parametrize(
    ("href", "is_one"),
    [
        ("/rss.xml", True),
        ("/news/feed/", True),
        ("/RSS/Press-releases", True),
        ("/service/rss.aspx?id=3", True),
        ("/?feed=rss2", True),
        ("/a/atom", True),
        ("/feedback", False),
        ("/a/rssues", False),
        ("http://[", False),
    ],
)
def test_addresses_that_look_like_feeds(href, is_one):
    """Links to feeds are told from other links by their address."""
    assert is_feedlike(href) is is_one


@pytest.mark.parametrize("body", [b"\x00\xff" * 99, b"<a href='http://[/rss.xml'>", b"<" * 9999])
def test_hostile_pages(body):
    """No page breaks the search: there are links in it, none, or a reason why not."""
    try:
        document = parse(body, "text/html", "https://a.example/", page=WebPage.SITE)
    except ParseError:
        return
    assert document.entries == ()
