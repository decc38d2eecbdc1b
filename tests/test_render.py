"""Rendering: subject, text and HTML that read well and in which no feed's words do anything."""

import re
from dataclasses import replace
from html.parser import HTMLParser
from urllib.parse import urlsplit

import pytest
from editions import NAMES, TROUBLED, busy_edition, coverage, edition, hit
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from monitor.digest.names import Names
from monitor.digest.render import SUBJECT_COLUMNS, Renderer
from monitor.digest.wrap import WIDTH, wrap
from monitor.errors import RenderError
from monitor.resources import shipped

RENDERER = Renderer()

VOID = {"meta", "br", "hr"}
ALLOWED = {
    *("html", "head", "meta", "title", "style", "body", "table", "tbody", "tr", "td", "div"),
    *("p", "h1", "h2", "h3", "span", "a", "b", "mark", "bdi", "th"),
}
HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "</title></style></head><iframe src=//evil.example>",
    "{{ 7*7 }}{% raw %}${7*7}",
    "line\r\nBcc: victim@example.com\r\n\r\n<b>body</b>",
    "\x1b[2J\x1b]0;owned\x07red",
    "\u202egnp.exe\u2066\u200f end",
    "nul\x00byte and \ud800 surrogate",
    "&lt;script&gt;&#60;script&#62;",
    "' style='background:url(https://evil.example/)' x='",
    "*stars* [brackets] _under_",
    "長" * 5000,
    "a" * 5000,
]
CONTACT = "desk@example.com"
BAD_LINKS = ["javascript:alert(1)", "data:text/html,<script>", "https://x/\r\nBcc: y", "vbscript:x"]


class Structure(HTMLParser):
    """Notes every element and attribute, and checks that elements nest."""

    def __init__(self):
        super().__init__()
        self.elements, self.attributes, self.open, self.words = [], [], [], []

    def handle_starttag(self, tag, attrs):
        self.elements.append(tag)
        self.attributes += [(tag, name, value) for name, value in attrs]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.words.append(data)


def structure(html):
    parsed = Structure()
    parsed.feed(html)
    parsed.close()
    assert parsed.open == []
    return parsed


def assert_inert(html):
    parsed = structure(html)
    assert set(parsed.elements) <= ALLOWED
    for tag, name, value in parsed.attributes:
        assert not name.startswith("on")
        assert name not in {"src", "srcset", "background", "action", "srcdoc", "ping"}
        if name == "href":
            assert tag == "a"
            assert urlsplit(value).scheme in {"http", "https"} or value == f"mailto:{CONTACT}"
        if name == "style":
            assert "url(" not in value
            assert "expression" not in value
    assert "@import" not in html
    assert "url(" not in "".join(re.findall(r"<style.*?</style>", html, re.DOTALL))
    return parsed


# --- subject -----------------------------------------------------------------------------------


def test_subject_of_a_busy_day():
    """The subject says the day, how much, the gravest story, and that a feed is down."""
    rendered = RENDERER.render(busy_edition())

    assert rendered.subject == (
        "[Monitor] Tue 24 Nov: 2 high - Alibaba fine (SAMR) - 4 items - 1 feed down"
    )


@pytest.mark.parametrize(
    ("covered", "subject"),
    [
        (coverage(), "[Monitor] Tue 24 Nov: no new events (46/46 feeds ok)"),
        (coverage(TROUBLED), "[Monitor] Tue 24 Nov: no new events (45/46 feeds ok)"),
        (coverage(polls=0), "[Monitor] Tue 24 Nov: no new events - nothing polled"),
        (coverage(feeds=0, feeds_ok=0), "[Monitor] Tue 24 Nov: no new events - nothing polled"),
    ],
)
def test_subject_of_an_empty_day(covered, subject):
    """An empty day says so, and never calls a day unwatched a quiet one."""
    assert RENDERER.render(edition(covered=covered)).subject == subject


def test_one_story_and_a_silent_service():
    """One story is "1 story"; a digest of old hits from an unpolled day says so."""
    rendered = RENDERER.render(edition(hit(), covered=coverage(polls=0)))

    assert rendered.subject == (
        "[Monitor] Tue 24 Nov: 1 high - Alibaba fine (SAMR) - 1 item - nothing polled"
    )


@pytest.mark.parametrize("length", [10, 30, 45, 60, 500])
def test_long_names_fit(length):
    """However long the names are, count, day and troubles stay within the visible subject."""
    names = Names(
        companies={"alibaba": "C" * length},
        topics={"antitrust": "T" * 20},
        stages=NAMES.stages,
        regulators=NAMES.regulators,
    )

    subject = RENDERER.render(edition(hit(), names=names, covered=coverage(TROUBLED))).subject

    assert cell_len(subject) <= SUBJECT_COLUMNS
    assert subject.startswith("[Monitor] Tue 24 Nov: 1 item - C")
    assert subject.endswith("- 1 feed down")


# --- hostile words -----------------------------------------------------------------------------


@pytest.mark.parametrize("words", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_words(words):
    """Whatever a feed says, wherever it can say it, it is shown as words and does nothing."""
    hits = [
        hit(
            number,
            "alert",
            story_id=1,
            title=words,
            headline=f"story {words}",
            summary=f"{words} alert {words}",
            sentence=words,
            publisher=words,
            amount_text=words,
            feed=words,
            language=words,
            url=BAD_LINKS[number % 4] if number else "https://news.example/?a=1&b='\"<x>",
        )
        for number in range(5)
    ]
    broken = coverage(TROUBLED, TROUBLED.__class__(words, TROUBLED.state, None, words))

    rendered = RENDERER.render(edition(*hits, covered=broken))

    parsed = assert_inert(rendered.html)
    assert [value for _, name, value in parsed.attributes if name == "href"] == [
        "https://news.example/?a=1&b='\"<x>"
    ]
    assert rendered.subject == (
        "[Monitor] Tue 24 Nov: 1 high - Alibaba fine (SAMR) - 1 item - 2 feeds down"
    )
    for line in rendered.text.split("\n"):
        assert line.isprintable()
        assert not line.startswith(("Bcc:", "\t"))
    assert "javascript:" not in rendered.text
    assert "49" not in "".join(parsed.words)


@given(st.text(max_size=200), st.text(max_size=200))
def test_any_words(title, summary):
    """Any text at all gives inert HTML, a printable text and one line of subject."""
    rendered = RENDERER.render(edition(hit(1, title=title, summary=summary)))

    assert_inert(rendered.html)
    assert all(line.isprintable() or not line.isascii() for line in rendered.text.split("\n"))
    assert rendered.subject.isprintable()


def test_names_are_escaped_too():
    """Names from the configuration are words as well."""
    names = Names(companies={"alibaba": "<b>A&B</b>\r\nBcc: x"})

    rendered = RENDERER.render(edition(hit(), names=names))

    assert_inert(rendered.html)
    assert "&lt;b&gt;A&amp;B" in rendered.html
    assert "\n" not in rendered.subject


# --- HTML --------------------------------------------------------------------------------------


def test_html_is_inert_and_whole():
    """The HTML is well nested and loads, runs and posts nothing."""
    parsed = assert_inert(RENDERER.render(busy_edition()).html)

    assert parsed.elements.count("h1") == 1
    assert parsed.elements.count("h3") == 4
    assert parsed.elements.count("table") == 3
    assert ("table", "role", "presentation") in parsed.attributes


def test_charset_comes_first():
    """The charset stands within the first 1,024 bytes, where a browser looks for it."""
    assert b'<meta charset="utf-8">' in RENDERER.render(busy_edition()).html.encode()[:1024]


def test_styles_are_in_the_elements():
    """Elements carry their style; rules for dark mode and narrow screens stay rules."""
    html = RENDERER.render(busy_edition()).html

    assert re.search(r'<h1 style="[^"]*font-size:28px', html)
    assert "@media (prefers-color-scheme: dark)" in html
    assert "@media (max-width: 480px)" in html


def test_language_of_each_entry():
    """A headline says its language, so that Chinese is shown and spoken as Chinese."""
    html = RENDERER.render(busy_edition()).html

    assert re.search(r'<h3 [^>]*lang="zh-Hans"[^>]*>', html)
    assert re.search(r'<h3 [^>]*lang="en"[^>]*>', html)


def test_marks():
    """Matched words are marked in the excerpt, and in the headline only without one."""
    parsed = structure(RENDERER.render(busy_edition()).html)

    assert parsed.elements.count("mark") == 3 + 2 + 2 + 2


# --- text --------------------------------------------------------------------------------------


def test_text():
    """The text part says everything the HTML says, within 72 columns, links on their own line."""
    text = RENDERER.render(busy_edition()).text
    lines = text.split("\n")

    assert "! Harbour Business Post failing since 22 Nov 14:05 (HTTP 403, 61 tries)." in lines
    assert "https://news.example/1" in lines
    assert "    https://news.example/2" in lines
    assert "Alibaba | Antitrust | Fine | SAMR | $2.8 billion" in lines
    assert "pay *$2.8 billion*, equal" in text
    assert "(published 3 days ago)" in text
    assert "\n\n\n\n" not in text
    assert all(cell_len(line) <= WIDTH for line in lines if "https://" not in line)


def test_troubles_come_first():
    """What is not well stands above the first story, in both parts."""
    rendered = RENDERER.render(busy_edition())

    for part in (rendered.text, rendered.html):
        assert part.index("failing since 22 Nov 14:05") < part.index("must pay record")


def test_empty_day():
    """A day without news is a whole mail: it says so, and what was watched."""
    rendered = RENDERER.render(edition())

    assert_inert(rendered.html)
    for part in (rendered.text, rendered.html):
        assert "Nothing new" in part
        assert "1,284 polls" in part
        assert "1f3a5b7c9d0e" in part


@pytest.mark.parametrize(
    ("permalink", "contact", "told"),
    [
        (None, None, False),
        ("https://monitor.example.com/d/1", None, True),
        (None, "desk@example.com", True),
    ],
)
def test_how_to_leave(permalink, contact, told):
    """How to leave the list is said where the mail has a way to, and only there."""
    rendered = RENDERER.render(replace(edition(), permalink=permalink, contact=contact))

    for part in (rendered.text, rendered.html):
        assert ("To leave this list" in part) is told
        assert ("desk@example.com" in part) is (contact is not None)


def test_same_edition_same_bytes():
    """Rendering is a function: a second renderer gives the very same subject, text and HTML."""
    assert Renderer().render(busy_edition()) == RENDERER.render(busy_edition())


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("aaa bb c", ["aaa", "bb c"]),
        ("", [""]),
        ("abcdefgh", ["abcd", "efgh"]),
        ("中文字符", ["中文", "字符"]),
        ("中文。中", ["中", "文。", "中"]),
        ("中《文", ["中", "《文"]),
        ("ab中 cd", ["ab中", "cd"]),
        ("IPO中文", ["IPO", "中文"]),
        ("a\n  b", ["a b"]),
    ],
)
def test_wrap(text, lines):
    """Text folds at blanks and between Han, of which two fill four columns."""
    assert wrap(text, width=4).split("\n") == lines


@given(st.text(alphabet="ab 中。《,x", max_size=80), st.integers(8, 30))
def test_wrap_loses_nothing(text, width):
    """Folding only adds line breaks, and no line is too wide."""
    folded = wrap(text, "> ", "  ", width)

    assert "".join(folded[2:].split()) == "".join(text.split())
    assert all(cell_len(line) <= width for line in folded.split("\n"))


# --- templates ---------------------------------------------------------------------------------


def own_template(tmp_path, name, source):
    path = tmp_path / "digest" / name
    path.parent.mkdir()
    path.write_text(source, encoding="utf-8")
    return path


def test_own_template(tmp_path):
    """A template of the operator's takes the place of the shipped one of its name, alone."""
    own_template(tmp_path, "subject.txt.j2", "Ours: {{ edition.stories }}")

    rendered = Renderer(tmp_path).render(busy_edition())

    assert rendered.subject == "Ours: 4"
    assert rendered.html == RENDERER.render(busy_edition()).html


def test_broken_template_stops_the_start(tmp_path):
    """A template that does not compile is refused at once, with its file and line."""
    path = own_template(tmp_path, "body.html.j2", "<p>\n{% if %}\n</p>")

    with pytest.raises(RenderError, match=re.escape(f"{path}:2: ")):
        Renderer(tmp_path)


def test_unreadable_template(tmp_path):
    """A template that is no UTF-8 is refused at once, by its name."""
    own_template(tmp_path, "body.txt.j2", "x").write_bytes(b"\xff\xfe")

    with pytest.raises(RenderError, match=r"digest/body\.txt\.j2"):
        Renderer(tmp_path)


@pytest.mark.parametrize(
    "source", ["one\n{{ edition.nosuch }}", "one\n{{ 1 // 0 }}", "one\n{{ edition.__class__.x }}"]
)
def test_template_that_cannot_be_filled(tmp_path, source):
    """What goes wrong while filling names the template and the line."""
    path = own_template(tmp_path, "body.txt.j2", source)

    with pytest.raises(RenderError, match=re.escape(f"{path}:2: ")):
        Renderer(tmp_path).render(busy_edition())


def test_styles_are_never_fetched(tmp_path):
    """A style sheet a template links to is not loaded, from nowhere."""
    secret = tmp_path / "secret.css"
    secret.write_text("p { color: rebeccapurple }", encoding="utf-8")
    source = (shipped("templates") / "digest/body.html.j2").read_text("utf-8")
    linked = source.replace("<style>", f'<link rel="stylesheet" href="file://{secret}"><style>', 1)
    own_template(tmp_path, "body.html.j2", linked)

    assert "rebeccapurple" not in Renderer(tmp_path).render(busy_edition()).html
