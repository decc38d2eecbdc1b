"""Pages: a web page that lists articles in, its entries out, for sites without a feed.

* The operator's CSS selectors say where things stand (`monitor.model.Page`). A selector that finds
  nothing is a failure with its name, never an empty success: sites change their pages.
* An item whose title or link cannot be found is rejected, the others stay. Dates and summaries
  may be missing here and there; where no item has one, that is a flaw on record.
* A title that the page itself cuts short ("...") is taken from the link's `title` attribute, where
  it is whole.
* lxml is imported here and nowhere else, and this module only for a page: it costs some
  megabytes. It gives up beyond 2,048 levels of nesting; that is a flaw on record.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Final
from urllib.parse import urljoin
from zoneinfo import ZoneInfo

from cssselect import HTMLTranslator
from lxml import etree
from lxml.html import HtmlElement, HTMLParser, document_fromstring

from monitor.errors import ParseError
from monitor.feeds.parse.entries import make_entry, read_address, read_each, read_language
from monitor.feeds.parse.instants import find_instant
from monitor.model.documents import Document, Page
from monitor.text.html import one_line, to_text

if TYPE_CHECKING:
    from datetime import datetime

    from monitor.model.documents import Entry

_CUT_SHORT: Final = ("...", "…", "⋯")


def read(text: str, url: str, page: Page, charset: str, flaws: list[str]) -> Document:
    """Return the articles that the web page *text*, from *url*, lists where *page* says.

    Raises ParseError if the selector of items finds nothing, or nothing can be read of any.
    """
    root = parse_html(text, flaws)
    items = _select(root, page.items)
    if not items:
        raise ParseError(f'the selector of `items`, "{page.items}", finds nothing')
    bases = root.xpath("//base[@href]/@href")
    listing = _Listing(page, urljoin(url, bases[0]) if bases else url, flaws)
    rejected: list[str] = []
    entries = read_each(items, listing.entry, rejected)
    if page.date and not any(entry.published_at for entry in entries):
        flaws.append(f'no date can be read in what the selector of `date`, "{page.date}", finds')
    if page.summary and not any(entry.summary for entry in entries):
        flaws.append(f'no words are in what the selector of `summary`, "{page.summary}", finds')
    titles = root.xpath("//title")
    return Document(
        title=words(titles[0]) or None if titles else None,
        language=read_language(root.get("lang")),
        entries=entries,
        rejected=tuple(rejected),
        charset=charset,
        flaws=tuple(dict.fromkeys(flaws)),
        format="page",
    )


def parse_html(text: str, flaws: list[str]) -> HtmlElement:
    """Return the root of the web page *text*; raise ParseError if there is nothing in it."""
    parser = HTMLParser(encoding="utf-8", no_network=True, huge_tree=True)
    try:
        root = document_fromstring(text.encode("utf-8", "replace"), parser=parser)
    except etree.ParserError:
        raise ParseError("a page without any content") from None
    if any(error.type == etree.ErrorTypes.ERR_RESOURCE_LIMIT for error in parser.error_log):
        flaws.append("a page nested so deeply that the rest of it was not read")
    return root


@dataclass(frozen=True, slots=True)
class _Listing:
    """The page that items stand on: its selectors, and the *base* of its addresses."""

    page: Page
    base: str
    flaws: list[str]

    def entry(self, item: HtmlElement) -> Entry:
        """Return the article that *item* is about."""
        anchor = self._anchor(item)
        title = self._title(item, anchor)
        if not title:
            raise ParseError("no words where the title should be")
        summaries = _select(item, self.page.summary) if self.page.summary else []
        return make_entry(
            guid=None,
            link=self._link(anchor),
            title=title,
            summary="\n".join(filter(None, map(_text, summaries))),
            published_at=self._date(item),
            flaws=self.flaws,
        )

    def _anchor(self, item: HtmlElement) -> HtmlElement | None:
        """Return the link to the article: what is selected, or the first in it."""
        if self.page.link is None:
            return next(iter(item.xpath("descendant-or-self::a[@href]")), None)
        found = self._one(item, "link")
        inside = found.xpath("descendant-or-self::*[@href]")
        if not inside:
            raise ParseError(f'what the selector of `link`, "{self.page.link}", finds is no link')
        return inside[0]

    def _link(self, anchor: HtmlElement | None) -> str | None:
        href = "" if anchor is None else str(anchor.get("href"))
        # A place on this very page would be the same address for each item.
        return None if href.strip().startswith("#") else read_address(href, lambda: self.base)

    def _title(self, item: HtmlElement, anchor: HtmlElement | None) -> str:
        named = anchor if self.page.title is None else self._one(item, "title")
        if named is None:
            raise ParseError("no link")
        title = words(named)
        if title and not title.endswith(_CUT_SHORT):
            return title
        attributes = [part.get("title") for part in (named, anchor) if part is not None]
        whole = one_line(to_text(next(filter(None, attributes), "")))
        return whole if whole.startswith(title.rstrip(".…⋯ ")) else title

    def _date(self, item: HtmlElement) -> datetime | None:
        if self.page.date is None:
            return None
        written = [
            text
            for element in _select(item, self.page.date)
            for text in (*element.xpath("descendant-or-self::*/@datetime"), words(element))
        ]
        zone = ZoneInfo(self.page.zone)
        dates = (find_instant(text, zone) for text in written)
        return next((date for date in dates if date is not None), None)

    def _one(self, item: HtmlElement, field: str) -> HtmlElement:
        selector = getattr(self.page, field)
        found = _select(item, selector)
        if not found:
            raise ParseError(f'the selector of `{field}`, "{selector}", finds nothing')
        return found[0]


def _select(element: HtmlElement, selector: str) -> list[HtmlElement]:
    found: list[HtmlElement] = _compiled(selector)(element)
    return found


@lru_cache(maxsize=1000)
def _compiled(selector: str) -> etree.XPath:
    return etree.XPath(HTMLTranslator().css_to_xpath(selector))


def words(element: HtmlElement) -> str:
    """Return the words of *element* in one line."""
    return one_line(_text(element))


def _text(element: HtmlElement) -> str:
    html = etree.tostring(element, encoding="unicode", method="html", with_tail=False)
    return to_text(html)
