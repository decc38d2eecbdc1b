"""Samples: editions that every template has to show before it is trusted with a real one.

* Templates of an operator's are filled with a full, an empty and an overflowing edition: what goes
  wrong stops the start, with file and line, not a digest in the night.
* They are filled with harmless and with hostile words alike. Both must come out as the same
  elements with the same attributes: else words from a feed could become markup.
"""

from __future__ import annotations

from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from monitor.digest.edition import (
    Bar,
    Change,
    Edition,
    Entry,
    Line,
    Past,
    Possible,
    Reason,
    Section,
    Source,
)
from monitor.digest.excerpt import Piece
from monitor.digest.render import TEMPLATES, Renderer
from monitor.errors import RenderError

HARMLESS: Final = "Words of a feed"
HOSTILE: Final = "x onclick=alert(1) '\" ><script>alert(2)</script><img src=x onerror=y>{{ 7*7 }}"
LINK: Final = "javascript:alert(3)"
_URL: Final = "https://news.example/1"
_SCHEMES: Final = frozenset({"", "http", "https", "mailto"})
_LIVE: Final = frozenset({"script", "iframe", "object", "embed", "form", "base"})


def proven(folder: str | Path | None) -> Renderer:
    """Return the renderer with the templates of *folder*, having shown all samples.

    Raises RenderError, which names file and line, or what became of hostile words.
    """
    if folder is not None:
        _refuse_unused(Path(folder))
    renderer = Renderer(folder)
    for sample in (full, overflowing):
        outlines = [
            _outline(renderer.render(sample(words)).html) for words in (HARMLESS, HOSTILE, LINK)
        ]
        if any(outline != outlines[0] for outline in outlines):
            raise RenderError(f"templates in {folder}: words from a feed can become markup")
        _refuse_live(outlines[0], folder)
    renderer.render(empty())
    return renderer


def _refuse_unused(folder: Path) -> None:
    """Refuse a folder in which nothing has the name of a template."""
    names = [name for name in TEMPLATES if (folder / name).is_file()]
    if not names:
        wanted = ", ".join(TEMPLATES)
        raise RenderError(f"{folder}: holds no template; one of {wanted} is needed")


def _refuse_live(outline: list[tuple[str, ...]], folder: str | Path | None) -> None:
    for tag, *attributes in outline:
        handlers = [name for name in attributes if name.startswith("on")]
        if tag in _LIVE or handlers:
            named = ", ".join([f"<{tag}>", *handlers])
            raise RenderError(f"templates in {folder}: {named} does not belong into a mail")


class _Elements(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, ...]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = [name for name, _ in attrs]
        schemes = [
            f"{name}:{urlsplit(value or '').scheme}"
            for name, value in attrs
            if name in {"href", "src"} and urlsplit(value or "").scheme not in _SCHEMES
        ]
        self.found.append((tag, *names, *schemes))


def _outline(html: str) -> list[tuple[str, ...]]:
    elements = _Elements()
    elements.feed(html)
    elements.close()
    return elements.found


def full(words: str = HARMLESS) -> Edition:
    """Return an edition with everything in it, *words* wherever a feed may have put them."""
    entry = Entry(
        story=1,
        hit=1,
        hits=(1, 2),
        company="Company",
        unit=words,
        topic="Antitrust",
        stage="Fine",
        rank=90,
        regulator="SAMR",
        amount=words,
        headline=(Piece(words), Piece(words, marked=True)),
        url=_URL,
        publisher=words,
        language="zh-Hans",
        published="24 Nov 04:30",
        found="24 Nov 05:30",
        late="published 3 days ago",
        badges=("official",),
        steps=(Past("Probe", "2 Mar"),),
        excerpt=(Piece(words), Piece(words, marked=True)),
        why=(Reason("company", words, "company.en.name"),),
        sources=3,
        others=(Source(words, words, _URL, "en"), Source(words, words, None, None)),
        unlisted=1,
    )
    lesser = replace(entry, rank=0, stage=None, url=None, excerpt=(), others=(), unlisted=0)
    change = Change("retitled", "Company", "IPO", "New title", words, _URL, "en", words)
    return replace(
        empty(),
        stories=2,
        articles=3,
        hits=3,
        leads=("Company fine (SAMR)", "Company"),
        troubles=(words,),
        notes=(words,),
        changed=(change, replace(change, kind="sources", url=None, before=None)),
        changed_more=1,
        high=(entry,),
        high_count=1,
        sections=(Section("Company", (lesser,)),),
        possible=(Possible("Company", "IPO", words, _URL, words, "en"),),
        possible_more=2,
        chart=(Bar("23 Nov", 0, 0), Bar("24 Nov", 3, 1)),
        table=(Line(words, "failing", 1, 2, 3, 4), Line("1 other feed", "ok", 1, 2, 3, 4)),
        permalink="https://monitor.example/digests/1",
        contact="desk@example.com",
    )


def overflowing(words: str = HARMLESS) -> Edition:
    """Return an edition that is too large for its mail."""
    return replace(
        full(words), stories=2000, hits=3000, hidden=1998, hidden_hits=2997, file="hits.csv"
    )


def empty() -> Edition:
    """Return an edition of a day on which nothing happened."""
    return Edition(
        subscription="daily",
        slot="2026-11-23T23:30+00:00",
        day="Tue 24 Nov",
        date="Tuesday 24 November 2026",
        period="23 Nov 07:30 to 24 Nov 07:30, Hong Kong time",
        stories=0,
        articles=0,
        hits=0,
        leads=(),
        troubles=(),
        notes=(),
        feeds=46,
        feeds_ok=45,
        polls=1284,
        changed=(),
        changed_more=0,
        high=(),
        high_count=0,
        sections=(),
        hidden=0,
        hidden_hits=0,
        file=None,
        possible=(),
        possible_more=0,
        chart=(),
        coverage="45 of 46 feeds answer.",
        table=(),
        rules="Rules 1f3a5b7c9d0e, unchanged since the last digest.",
        fingerprint="1f3a5b7c9d0e",
        permalink=None,
        contact=None,
    )
