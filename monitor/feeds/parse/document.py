"""One document: the bytes of a feed in, its entries out. It may take long: see `children`.

* RSS, RDF and Atom as feedparser knows them, JSON Feed (`jsonfeed`), sitemaps (`sitemap`), and web
  pages where the configuration says how (`page`). Anything else is a ParseError that says what it
  was instead. A feed without entries is a feed.
* Each entry is read by itself: one that cannot be read is rejected with its reason, the rest
  stay. Where feedparser gives up on a whole document, its entries are tried one by one.
* All text is plain (`monitor.text`), and bounded (`entries`).
* A usual feed takes the fast path (`fast`), which leaves all others to feedparser.
* The document is decoded before either sees it (`monitor.feeds.charset`). No entity or file
  outside it is ever read.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from monitor.errors import ParseError
from monitor.feeds.bundle import is_mailbox
from monitor.feeds.charset import decode, reads_as_utf8
from monitor.feeds.parse import fast, plain, raw
from monitor.feeds.parse.entries import (
    read_each,
    read_language,
    reason_of,
)
from monitor.feeds.prints import NOT_PRINTED, Printed, cut
from monitor.feeds.wishes import read_wishes
from monitor.model.documents import Document, Entry, WebPage
from monitor.text.html import one_line

if TYPE_CHECKING:
    from monitor.feeds.parse.raw import Raw
    from monitor.model.documents import Page

_START: Final = re.compile(r"<(?:\w{1,20}:)?(rss|feed|RDF)\b[^<>]*", re.IGNORECASE)
_VERSION: Final = re.compile(r"""\bversion\s*=\s*["']\s*([\w.]{1,10})""")
_NAMESPACES: Final = {
    "http://www.w3.org/2005/Atom": "Atom 1.0",
    "http://purl.org/atom/ns#": "Atom 0.3",
    "http://purl.org/rss/1.0/": "RSS 1.0",
    "http://my.netscape.com/rdf/simple/0.9/": "RSS 0.90",
}
# What may stand before a root: comments, and instructions such as a style sheet.
_SITEMAP: Final = re.compile(
    r"(?:<\?[^<>]*\?>\s*|<!--.*?-->\s*)*<(?:\w{1,20}:)?(?:urlset|sitemapindex)[\s>/]", re.DOTALL
)
_LOOKED_AT: Final = 5000  # characters in which a document says what it is, after comments
_ENTRY: Final = re.compile(r"<(item|entry)\b.*?</\1\s*>", re.DOTALL)


def parse(
    body: bytes,
    content_type: str | None,
    url: str,
    *,
    page: Page | WebPage | None = None,
    before: bytes = b"",
    fast_path: bool = True,
) -> Document:
    """Return the feed in *body*, which came from *url* under the header *content_type*.

    With *page* it is a web page, read as that says: the entries of a site are the feeds it leads
    to, that of an article is its text. *before* are the prints of what the feed showed before:
    entries that are still the same are not read again.
    Without *fast_path* feedparser reads it, whatever it is: the result is the same, later.
    Raises ParseError with a one-line reason if there is no feed in it.
    """
    if is_mailbox(url):
        from monitor.feeds.parse import mailbox

        return mailbox.read(body)
    if before and page is None:
        document = _since(body, content_type, url, Printed(before))
        if document is not None:
            return document
    text, charset, flaws = decode(body, content_type)
    if page is not None:
        return _read_page(text, url, page, charset, flaws)
    _refuse_other_formats(text)
    if text[0] == "{":
        from monitor.feeds.parse import jsonfeed

        return jsonfeed.read(text, url, charset, flaws)
    if _SITEMAP.match(text[:_LOOKED_AT]):
        from monitor.feeds.parse import sitemap

        return sitemap.read(text, url, charset, flaws)
    return _read_feed(text, url, charset, flaws, fast_path=fast_path)


def _read_page(
    text: str, url: str, page: Page | WebPage, charset: str, flaws: list[str]
) -> Document:
    """Read a web page; lxml and what builds on it are imported only for those who need them."""
    if page is WebPage.SITE:
        from monitor.feeds.parse import site

        return site.read(text, url, charset, flaws)
    if page is WebPage.ARTICLE:
        from monitor.feeds.parse import article

        return article.read(text, url, charset, flaws)
    from monitor.feeds.parse import page as listing

    return listing.read(text, url, page, charset, flaws)


def _read_feed(text: str, url: str, charset: str, flaws: list[str], *, fast_path: bool) -> Document:
    """Return the feed in *text*, by the fast path, or by feedparser, or entry by entry."""
    rejected: list[str] = []
    handed_over = None
    try:
        found, handed_over = _fast_or_feedparser(text) if fast_path else (_feedparser(text), None)
    except MemoryError:
        raise
    except Exception as error:  # noqa: BLE001 - feedparser fails on odd input in many ways
        flaws.append(f"read entry by entry: {reason_of(error)}")
        found = _entry_by_entry(text, rejected)
    if not (found["version"] or found["entries"] or rejected):
        raise ParseError("no feed: neither RSS nor Atom")
    if found["bozo"]:
        flaws.append(f"not well-formed: {reason_of(found['bozo_exception'])}")
        if not found["entries"]:
            raise ParseError(f"no entries, and {flaws[-1]}")
    entries = read_each(found["entries"], lambda it: _entry(it, url, flaws), rejected)
    prints = None
    if "prints" in found and not (rejected or flaws):
        prints = NOT_PRINTED.followed_by(found["prints"], entries)
    return Document(
        **_feed(found, text),
        entries=entries,
        rejected=tuple(rejected),
        charset=charset,
        flaws=tuple(dict.fromkeys(flaws)),
        handed_over=handed_over,
        prints=prints.kept if prints else b"",
    )


def _feed(found: Raw, text: str) -> dict[str, Any]:
    """Return what a document says of the feed itself."""
    return {
        "title": raw.line(found["feed"], "title") or None,
        "language": read_language(dict.get(found["feed"], "language")),
        "format": _format_of(text),
        "wishes": read_wishes(text),
    }


def _since(body: bytes, content_type: str | None, url: str, before: Printed) -> Document | None:
    """Return the feed with the entries only that are not as *before*; None if all must be read."""
    part = _without_known(body, content_type, before)
    if part is None:
        return None
    text, charset, whole = part
    flaws, rejected = list[str](), list[str]()
    try:
        found = fast.read(text, whole)
        entries = read_each(found["entries"], lambda it: _entry(it, url, flaws), rejected)
    except (fast.Unsure, ParseError):
        return None
    is_clean = "prints" in found and not (rejected or flaws)
    kept = before.followed_by(whole.prints, entries) if is_clean else None
    if kept is None:
        return None
    return Document(
        **_feed(found, text),
        entries=entries,
        charset=charset,
        prints=kept.kept,
        shown=kept.shown,
    )


def _without_known(
    body: bytes, content_type: str | None, before: Printed
) -> tuple[str, str, fast.Whole] | None:
    """Return a document without its known entries, its charset, and what to know of the whole.

    They are left out before anything is decoded, where the whole can only be UTF-8. None where
    that has a flaw, or cannot be cut.
    """
    charset = None
    if not reads_as_utf8(body, content_type):
        text, charset, flaws = decode(body, content_type)
        if flaws:
            return None
        body, content_type = text.encode(), "text/xml; charset=utf-8"
    whole = cut(body)
    if whole is None:
        return None
    prints = whole.prints()
    part = whole.without(before.places(), prints)
    text, utf8, flaws = decode(bytes(part), content_type)
    # Without entries the end of a long head, and what stands behind, might not be looked at.
    if flaws or (not part.entries and len(text) > _LOOKED_AT):
        return None
    return text, charset or utf8, fast.Whole(body, prints)


def _format_of(text: str) -> str:
    """Return what a feed calls itself, as its readers may not say: the name and the version."""
    root = _START.search(text[:_LOOKED_AT])
    if root is None:
        return "RSS" if "<item" in text else "Atom"
    if root[1] == "rss":
        version = _VERSION.search(root[0])
        return f"RSS {version[1]}" if version else "RSS"
    return next((name for mark, name in _NAMESPACES.items() if mark in root[0]), root[1])


def _refuse_other_formats(text: str) -> None:
    start = text[:1000].lower()
    if not start:
        raise ParseError("an empty body")
    if start.startswith(("<!doctype html", "<html")):
        raise ParseError("a web page, not a feed")
    if start[0] == "[":
        raise ParseError("JSON, but not a JSON Feed")
    if start[0] != "{" and "<" not in text:
        raise ParseError("no feed: no markup at all")


def _fast_or_feedparser(text: str) -> tuple[Raw, str | None]:
    """Return the feed, and why it was handed over to feedparser if it was."""
    try:
        return fast.read(text), None
    except fast.Unsure as reason:
        return _feedparser(text), one_line(str(reason))


def _feedparser(text: str) -> Raw:
    from monitor.feeds.parse import reference  # few feeds need it; it takes as long as all else

    return reference.read(text)


def _entry_by_entry(text: str, rejected: list[str]) -> Raw:
    """Read each entry of *text* as the only one of its feed; note the unreadable in *rejected*."""
    places = [found.span() for found in _ENTRY.finditer(text)]
    if not places:
        raise ParseError("cannot be read, and no entries stand out in it")
    head, tail = text[: places[0][0]], text[places[-1][1] :]
    whole: Raw = {"bozo": False, "entries": [], "feed": {}, "version": ""}
    for number, (start, end) in enumerate(places, 1):
        try:
            one = _feedparser(head + text[start:end] + tail)
        except MemoryError:
            raise
        except Exception as error:  # noqa: BLE001 - this is the bad one; the others go on
            rejected.append(f"entry {number}: {reason_of(error)}")
        else:
            whole["entries"] += one["entries"]
            whole["feed"], whole["version"] = one["feed"], one["version"]
    return whole


def _entry(it: plain.Plain | Raw, url: str, flaws: list[str]) -> Entry:
    if isinstance(it, plain.Plain):
        return plain.make(it, url, flaws)
    return raw.make(it, url, flaws)
