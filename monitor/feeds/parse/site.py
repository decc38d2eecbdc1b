"""Site: a web page in, the addresses that may be its feeds out, as entries of a document.

An entry's id says how the page led there (`monitor.feeds.discovery.Found`), its title what the
page calls it. lxml is imported here, so this module is imported only for such a page.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urljoin

from monitor.feeds.discovery import Found, is_feedlike, names_feed
from monitor.feeds.parse.entries import make_entry, read_address, read_language
from monitor.feeds.parse.page import parse_html, words
from monitor.model.documents import Document
from monitor.text.html import one_line, to_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lxml.html import HtmlElement


def read(text: str, url: str, charset: str, flaws: list[str]) -> Document:
    """Return the feeds that the web page *text*, from *url*, leads to, in the page's order."""
    root = parse_html(text, flaws)
    bases = root.xpath("//base[@href]/@href")
    base = urljoin(url, bases[0]) if bases else url
    entries = []
    for found, href, title in _links(root):
        address = read_address(href, lambda: base)
        if address is not None:
            entry = make_entry(
                guid=found,
                link=address.partition("#")[0],
                title=title or address,
                summary="",
                published_at=None,
                flaws=flaws,
            )
            entries.append(entry)
    titles = root.xpath("//title")
    return Document(
        title=words(titles[0]) or None if titles else None,
        language=read_language(root.get("lang")),
        entries=tuple(entries),
        charset=charset,
        flaws=tuple(dict.fromkeys(flaws)),
        format="site",
    )


def _links(root: HtmlElement) -> Iterator[tuple[Found, str, str]]:
    for link in root.xpath("//link[@href]"):
        if names_feed(link.get("rel", ""), link.get("type", ""), link.get("href")):
            yield Found.NAMED, link.get("href"), one_line(to_text(link.get("title", "")))
    for anchor in root.xpath("//a[@href]"):
        if is_feedlike(anchor.get("href")):
            yield Found.LINKED, anchor.get("href"), words(anchor)
