"""Sitemaps: a decoded document in, the articles it lists out.

* A news sitemap gives each article's title, date, publisher and language; a plain one only
  addresses and when they last changed, so that the address stands for the title.
* An index of sitemaps lists no articles: it is refused, and the reason names the sitemap in it
  that changed last, which is what the operator wants to poll.
* Each entry is read by itself. Where the document as a whole is not well-formed, its entries are
  tried one by one.
* No document type is read, so there are no entities of the document's own.

Sources: https://www.sitemaps.org/protocol.html and Google's "news sitemap" extension.
"""

from __future__ import annotations

import re
from functools import partial
from typing import TYPE_CHECKING, Final
from xml.etree import ElementTree as ET
from xml.parsers.expat import ErrorString

from monitor.errors import ParseError
from monitor.feeds.parse.entries import (
    make_entry,
    read_address,
    read_each,
    read_language,
    reason_of,
)
from monitor.feeds.parse.instants import find_instant
from monitor.model.documents import Document
from monitor.text.html import one_line, to_text

if TYPE_CHECKING:
    from collections.abc import Iterator
    from xml.etree.ElementTree import Element

    from monitor.model.documents import Entry

_BLOCK: Final = re.compile(r"<url\s*>.*?</url\s*>", re.DOTALL)
# The prefixes in use, for a block that is read without its document.
_ALONE: Final = (
    '<urlset xmlns:news="n" xmlns:image="i" xmlns:video="v" xmlns:xhtml="x" xmlns:mobile="m">'
)


def read(text: str, url: str, charset: str, flaws: list[str]) -> Document:
    """Return the articles listed in *text*, which came from *url* in *charset*.

    Raises ParseError for an index of sitemaps, and where nothing can be read.
    """
    if "<!DOCTYPE" in text:
        raise ParseError("a sitemap with a document type, which is not read")
    rejected: list[str] = []
    try:
        root = _parse(text)
    except ET.ParseError as error:
        flaws.append(f"not well-formed: {reason_of(error)}")
        found = list(_one_by_one(text, rejected))
        if not (found or rejected):
            raise ParseError(f"no entries, and {flaws[-1]}") from None
    else:
        if _name(root) == "sitemapindex":
            raise ParseError(_explain_index(root, url))
        found = [child for child in root if _name(child) == "url"]
    entries = read_each(found, partial(_entry, url=url, flaws=flaws), rejected)
    is_news = any(_name(part) == "news" for entry in found for part in entry)
    return Document(
        title=None,
        language=None,
        entries=entries,
        rejected=tuple(rejected),
        charset=charset,
        flaws=tuple(dict.fromkeys(flaws)),
        format="news sitemap" if is_news else "sitemap",
    )


def _parse(text: str) -> Element:
    parser = ET.XMLParser(encoding="utf-8")  # noqa: S314 - no document type, no entities
    parser.feed(text.encode("utf-8", "replace"))
    root: Element = parser.close()
    return root


def _one_by_one(text: str, rejected: list[str]) -> Iterator[Element]:
    for number, block in enumerate(_BLOCK.findall(text), 1):
        try:
            yield _parse(f"{_ALONE}{block}</urlset>")[0]
        except ET.ParseError as error:
            # Where the mistake is, is said in a document that nobody has.
            rejected.append(f"entry {number}: {ErrorString(error.code)}")


def _entry(element: Element, *, url: str, flaws: list[str]) -> Entry:
    link = read_address(_text(element, "loc"), lambda: url)
    if link is None:
        raise ParseError("no address")
    news = _child(element, "news")
    publication = _child(news, "publication")
    dates = (_text(news, "publication_date"), _text(element, "lastmod"))
    return make_entry(
        guid=None,
        link=link,
        title=one_line(to_text(_text(news, "title"))),
        summary="",
        published_at=next(filter(None, map(find_instant, dates)), None),
        publisher=one_line(to_text(_text(publication, "name"))),
        language=read_language(_text(publication, "language")),
        flaws=flaws,
    )


def _explain_index(root: Element, url: str) -> str:
    """Return why an index is no feed, with the address that may be one.

    ISO 8601 instants of one sitemap have one form, so the last in the alphabet is the newest.
    """
    said = "an index of sitemaps, not a list of articles"
    children = [child for child in root if _name(child) == "sitemap"]
    dated = max(children, key=lambda child: _text(child, "lastmod"), default=None)
    newest = read_address(_text(dated, "loc"), lambda: url)
    return f"{said}; the newest of {len(children)} is {newest}" if newest else said


def _name(element: Element) -> str:
    return element.tag.rpartition("}")[2]


def _child(element: Element | None, name: str) -> Element | None:
    if element is None:
        return None
    return next((child for child in element if _name(child) == name), None)


def _text(element: Element | None, name: str) -> str:
    child = _child(element, name)
    return "" if child is None else "".join(child.itertext())
