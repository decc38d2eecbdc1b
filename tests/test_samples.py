"""Samples: bad templates are refused before any digest is made with them."""

import re

import pytest

from monitor.digest.render import Renderer
from monitor.digest.samples import HOSTILE, empty, full, overflowing, proven
from monitor.errors import RenderError


def folder_with(tmp_path, name, source):
    path = tmp_path / "digest" / name
    path.parent.mkdir()
    path.write_text(source, encoding="utf-8")
    return path


def test_the_shipped_templates_hold():
    """What is shipped shows every sample, the hostile ones included."""
    proven(None)

    assert "onclick" not in re.sub(r">[^<]*<", "><", Renderer().render(full(HOSTILE)).html)


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("body.txt.j2", "one\n{% if %}"),
        ("body.txt.j2", "one\n{{ edition.nosuch }}"),
        ("entry.txt.j2", "one\n{{ entry.nosuch }}"),
        ("body.html.j2", "one\n{{ edition.high[0].story }}"),
        ("body.txt.j2", "one\n{{ 1 // (edition.stories - 2000) }}"),
        ("body.html.j2", "one\n{{ edition.date | safe }}"),
        ("body.html.j2", "one\n{{ edition.__class__.__mro__ }}"),
    ],
    ids=["syntax", "name", "entry", "empty day", "overflow", "safe", "inside"],
)
def test_a_bad_template(tmp_path, name, source):
    """A mistake shows at the start, with file and line, whichever edition it needs to show."""
    path = folder_with(tmp_path, name, source)

    with pytest.raises(RenderError, match=re.escape(f"{path}:2: ")):
        proven(tmp_path)


@pytest.mark.parametrize(
    "source",
    [
        "<p title={{ edition.high[0].publisher if edition.high }}>x</p>",
        "<a href='{{ edition.high[0].publisher if edition.high }}'>x</a>",
        "{% autoescape false %}{{ edition.high[0].publisher if edition.high }}{% endautoescape %}",
        "<p onclick='x()'>x</p>",
        "<script>x()</script>",
    ],
    ids=["unquoted", "link", "not escaped", "handler", "script"],
)
def test_a_template_that_lets_words_act(tmp_path, source):
    """A template in which a feed's words could become markup, or that runs anything, is refused."""
    folder_with(tmp_path, "body.html.j2", source)

    with pytest.raises(RenderError, match=r"words from a feed|does not belong"):
        proven(tmp_path)


@pytest.mark.parametrize("folder", ["absent", "."])
def test_a_folder_without_templates(tmp_path, folder):
    """A folder that is not there, or in which nothing has a template's name, is a mistake."""
    with pytest.raises(RenderError, match="holds no template"):
        proven(tmp_path / folder)


def test_a_template_of_ones_own(tmp_path):
    """A good template replaces the shipped one of its name; feed words in it are only words."""
    folder_with(tmp_path, "entry.html.j2", "<div>{{ entry.publisher }}</div>")

    html = proven(tmp_path).render(full("{{ 7*7 }}<b>")).html

    assert "<div>{{ 7*7 }}&lt;b&gt;</div>" in html


def test_samples_say_what_they_are_for():
    """The samples are an empty day, one with everything, and one too large for its mail."""
    assert (empty().stories, full().hidden, overflowing().file) == (0, 0, "hits.csv")
