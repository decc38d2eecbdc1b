"""The mail in a real browser: it fits a phone, can be read in the dark, and asks for nothing."""

import pytest
from browsers import COLOURS, chromium, luminance
from editions import busy_edition, edition, hit

from monitor.digest.render import Renderer

WIDTHS = (320, 390, 800)


@pytest.fixture(scope="module")
def browser():
    with chromium() as launched:
        yield launched


@pytest.fixture
def show(browser, tmp_path):
    """Return a function that opens an edition as a mail program would, noting all requests."""
    pages = []

    def opened(content, width=390, scheme="light"):
        page = browser.new_page(
            viewport={"width": width, "height": 800}, color_scheme=scheme, java_script_enabled=True
        )
        pages.append(page)
        page.wanted, page.failures = [], []
        page.on("request", lambda request: page.wanted.append(request.url))
        page.on("pageerror", lambda error: page.failures.append(str(error)))
        page.on("dialog", lambda dialog: page.failures.append(dialog.message))
        file = tmp_path / "mail.html"
        file.write_text(Renderer().render(content).html, encoding="utf-8")
        page.goto(file.as_uri())
        return page

    yield opened
    for page in pages:
        page.close()


@pytest.mark.parametrize("width", WIDTHS)
def test_nothing_sticks_out(show, width):
    """At the width of a small phone, a phone and a desk no word needs scrolling sideways."""
    long = hit(9, title="Überwachungsgesetz" * 12, publisher="p" * 90, url="https://x.example/1")

    for content in (busy_edition(), edition(), edition(long)):
        page = show(content, width)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_all_words_can_be_read(show, scheme):
    """All words keep a contrast of 4.5 to 1 to what is behind them, by day and by night (AA)."""
    page = show(busy_edition(), scheme=scheme)

    colours = page.evaluate(COLOURS)

    assert len(colours) > 25
    for name, ink, paper in colours:
        light, dark = sorted((luminance(ink), luminance(paper)), reverse=True)
        assert (light + 0.05) / (dark + 0.05) >= 4.5, (name, ink, paper)


def test_dark_mode(show):
    """A reader who asked for dark gets a dark page."""
    paper = "getComputedStyle(document.querySelector('.page')).backgroundColor"

    assert luminance(show(busy_edition()).evaluate(paper)) > 0.9
    assert luminance(show(busy_edition(), scheme="dark").evaluate(paper)) < 0.05


def test_outline(show):
    """The date, the companies and the headlines make an outline a screen reader can walk."""
    page = show(busy_edition())

    outline = page.locator("h1, h2, h3").all_inner_texts()

    assert outline[:5] == [
        "Tuesday 24 November 2026",
        "Coverage is not complete",
        "What changed",
        "High",
        "Alibaba must pay record antitrust fine, China's market regulator decides",
    ]
    assert outline[5:7] == ["蚂蚁集团IPO被暂缓,监管部门约谈其实际控制人", "Alibaba"]
    assert outline[-2:] == ["Possible matches", "Coverage"]


def test_it_asks_for_nothing(show):
    """Opening the mail makes no request beyond the mail itself, and runs nothing."""
    nasty = hit(
        9,
        title="<img src=https://evil.example/a onerror=alert(1)><script>alert(2)</script>",
        summary="<style>@import url(https://evil.example/b)</style>",
        url="javascript:alert(3)",
    )

    page = show(edition(nasty))

    assert [url for url in page.wanted if not url.startswith("file:")] == []
    assert len(page.wanted) == 1
    assert page.failures == []
    assert page.locator("h3").inner_text() == nasty.title
