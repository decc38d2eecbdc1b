"""The fast path: a well-formed feed of the usual kind in, what feedparser would say of it out.

* It makes of each entry what `document` would make of feedparser's dictionaries, some thirty times
  faster. Whatever is unusual raises Unsure, and the feed goes to feedparser: a nested title, two
  links, a relative address, markup where text should be.
* It never guesses. What it knows of an element is in `elements`; an element it has not heard of is
  passed over only where feedparser, too, would do nothing with it.
* The same expat reads the XML here and in feedparser, so both agree on what is well-formed.
"""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass
from html.entities import entitydefs
from typing import TYPE_CHECKING, Any, Final, TypeAlias
from xml.etree import ElementTree as ET

from monitor.feeds.parse.dates import read_date
from monitor.feeds.parse.elements import (
    HARMLESS_PREFIXES,
    IN_IMAGE,
    IN_TEXT_INPUT,
    KINDS,
    MEANINGFUL,
    PASSED_OVER,
    PREFIXES,
)
from monitor.feeds.parse.entries import believable
from monitor.feeds.parse.plain import Plain
from monitor.feeds.prints import cut

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime
    from xml.etree.ElementTree import Element

_Raw: TypeAlias = dict[str, Any]


class Unsure(Exception):
    """The feed is not of the usual kind, for the reason given."""


_XML: Final = "{http://www.w3.org/XML/1998/namespace}"
_RDF_ABOUT: Final = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}about"
_LANGUAGES: Final = (f"{_XML}lang", "lang")
_ADDRESS: Final = re.compile(r"https?://[^\s<>\"'/][^\s<>\"']*")
_SCHEME: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:(?!//+/)")
_REFERENCE: Final = re.compile(r"&#?\w+;")
_NAMED: Final = re.compile(r"&(\w+);")
_C1: Final = re.compile("[\x80-\x9f]")
_TYPES: Final = {"text": "text/plain", "plain": "text/plain", "text/plain": "text/plain"} | {
    "html": "text/html",
    "text/html": "text/html",
}


_ODD_IN_LINK: Final = frozenset({"url", "uri", "base", "HREF"})
_PAGES: Final = frozenset({"text/html", "application/xhtml+xml"})
_DATES: Final = ("published", "updated", "created")


@dataclass(frozen=True, slots=True)
class Whole:
    """What is known of a document of which only a part is read: the prints of all its entries.

    *document* is all of it, in UTF-8.
    """

    document: bytes
    prints: Sequence[bytes]


def read(text: str, whole: Whole | None = None) -> _Raw:
    """Return the feed in *text*, a decoded document, as `feedparser.parse` would, but its entries.

    With *whole*, *text* is that document without entries that need not be read. "prints" has the
    prints of all entries, in order, where it is plain what they are of. Raises Unsure, with the
    reason, where anything else is not certain.
    """
    try:
        document = text.encode()
    except UnicodeEncodeError as error:
        raise Unsure("half a character") from error
    parts = cut(document)
    head = parts.head if parts else document
    if b"<!DOCTYPE" in head or b"xml:base" in document:
        raise Unsure("a document type or a base address")
    raw = _Reader(document, whole.document if whole else document).feed()
    if len(raw["entries"]) != (len(parts.entries) if parts else 0):
        return raw
    if whole:
        return raw | {"prints": whole.prints}
    return raw | {"prints": parts.prints()} if parts else raw


def _parse(document: bytes) -> Element:
    parser = ET.XMLParser(encoding="utf-8")  # noqa: S314 - no document type, no entities
    try:
        parser.feed(document)
        root: Element = parser.close()
    except ET.ParseError as error:
        raise Unsure("not well-formed") from error
    return root


class _Reader:
    """Reads one document."""

    def __init__(self, document: bytes, whole: bytes) -> None:
        self._document = document
        self._whole = whole  # of which the document may be a part
        # What is settled has one of the characters from U+0080 to U+00BF, and they this byte.
        numbers = b"#" in document and b"&#" in document
        self._is_settled = b"\xc2" not in document and not numbers
        self._names: dict[str, str] = {}
        self._kinds: dict[str, str] = {}  # by tag
        self._atom = False
        self._language: str | None = None

    def feed(self) -> _Raw:
        """Return the feed."""
        root = _parse(self._document)
        name = self._name(root.tag)
        self._atom = name == "feed"
        given = [root.attrib[key] for key in _LANGUAGES if key in root.attrib]
        if "base" in root.attrib or len(given) > 1:
            raise Unsure("a base address")
        self._language = (given[0] if given else "").replace("_", "-") or None
        entries: list[Element] = []
        feed: _Raw = {}
        if self._language and name in {"feed", "rss"}:
            feed["language"] = self._language
        if name == "rss":
            channels = [child for child in root if self._name(child.tag) == "channel"]
            if len(channels) != 1 or len(root) != 1:
                raise Unsure("not one channel")
            entries = self._channel(channels[0], feed, "item")
        elif name == "feed":
            entries = self._channel(root, feed, "entry")
        elif name == "rdf:rdf" and b"www.w3.org/2005/atom" not in self._document.lower():
            entries = self._rdf(root, feed)
        else:
            raise Unsure(f'the root is "{name[:40]}"')
        return {
            "bozo": False,
            "version": "atom" if self._atom else "rss",
            "feed": feed,
            "entries": [self._entry(entry) for entry in entries],
        }

    def _name(self, tag: str) -> str:
        """Return a name like "dc:date"; "?:name" for one of a namespace we do not know."""
        name = self._names.get(tag)
        if name is None:
            uri, _, local = tag[1:].rpartition("}") if tag[0] == "{" else ("", "", tag)
            prefix = PREFIXES.get(uri.lower(), "?:")
            name = self._names[tag] = prefix + local.lower()
        return name

    # --- the feed ------------------------------------------------------------------------------

    def _channel(self, channel: Element, feed: _Raw, kind: str) -> list[Element]:
        entries = []
        if channel.attrib.keys() & {*_LANGUAGES, "base", "lastmod", "href"} and kind != "entry":
            raise Unsure("a channel with attributes")
        for child in channel:
            name = self._name(child.tag)
            if name == kind:
                entries.append(child)
            elif name == "title":
                if "title" in feed:
                    raise Unsure("two titles")
                value = self._value(child)
                kind_ = (
                    "text/html"
                    if self._is_html(value, child.attrib, "text/plain")
                    else "text/plain"
                )
                feed["title"], feed["title_detail"] = value, {"value": value, "type": kind_}
            elif name in {"language", "dc:language"}:
                feed["language"] = self._value(child)
            else:
                self._beside_entries(child, name)
        return entries

    def _rdf(self, root: Element, feed: _Raw) -> list[Element]:
        entries = []
        for child in root:
            name = self._name(child.tag)
            if name == "channel":
                if self._channel(child, feed, "item"):
                    raise Unsure("items inside and outside the channel")
            elif name == "item":
                entries.append(child)
            else:
                self._beside_entries(child, name)
        return entries

    def _beside_entries(self, child: Element, name: str) -> None:
        if name in {"image", "textinput"}:
            allowed = IN_IMAGE if name == "image" else IN_TEXT_INPUT
            for inner in child:
                if self._name(inner.tag) not in allowed or len(inner):
                    raise Unsure(f"an unusual {name}")
        elif name not in {"link", "description", "id", "updated", "modified", "pubdate", "info"}:
            self._pass_over(child)
        elif len(child):
            raise Unsure(f"elements inside a {name}")

    def _pass_over(self, element: Element) -> None:
        """Make sure that feedparser does nothing with *element* and its children that we keep."""
        for inner in element.iter():
            _be_passed_over(self._name(inner.tag))

    # --- entries -------------------------------------------------------------------------------

    def _entry(self, item: Element) -> Plain:
        about = self._about(item) if item.attrib else None
        found: dict[str, Element] = {}
        contents: list[Element] = []
        for child in item:
            kind = self._kinds.get(child.tag)
            if kind is None:
                kind = self._kinds[child.tag] = _kind_of(self._name(child.tag))
            if not kind:
                if len(child):
                    self._pass_over(child)
            elif kind in {"content", "encoded"}:
                contents.append(child)
            elif kind == "link" and _leads_elsewhere(child):
                pass
            elif kind in found:
                raise Unsure(f"two of {kind}")
            else:
                found[kind] = child
        return self._plain(found, contents, about)

    def _plain(
        self, found: dict[str, Element], contents: list[Element], about: str | None
    ) -> Plain:
        title = self._value(found["title"]) if "title" in found else ""
        if not title:
            raise Unsure("no title")
        guid, link, is_guid = about, None, False
        if "id" in found:
            if guid is not None:
                raise Unsure("two ids")
            guid, is_guid = self._id(found["id"])
        if "link" in found:
            link, is_guid = self._link(found["link"]), False
        elif is_guid:
            link = guid
        if "description" in found and "summary" in found:
            raise Unsure("a description and a summary")
        described = found.get("summary", found.get("description"))
        published_at = None
        for kind in _DATES:
            if kind in found:
                at = self._date(found[kind])  # whether it counts or not, it has to be a usual one
                published_at = published_at or believable(at)
        return Plain(
            guid,
            link,
            is_guid,
            (title, self._is_html(title, found["title"].attrib, "text/plain")),
            None if described is None else self._prose(described),
            tuple(map(self._prose, contents)) if contents else (),
            published_at,
            self._source(found["source"]) if "source" in found else None,
            self._language,
        )

    def _about(self, item: Element) -> str:
        if item.attrib.keys() != {_RDF_ABOUT}:
            raise Unsure("an entry with attributes")
        return item.attrib[_RDF_ABOUT]

    def _id(self, element: Element) -> tuple[str, bool]:
        """Return an id, and whether it may serve as a link."""
        if element.attrib and element.attrib.keys() != {"isPermaLink"}:
            raise Unsure("an unusual id")
        value = self._value(element)
        is_link = element.get("isPermaLink", "true") == "true"
        if is_link and not _SCHEME.match(value) and ("/" in value or b"base" in self._whole):
            raise Unsure("an id that is a relative address")
        return value, is_link

    def _link(self, element: Element) -> str:
        if not element.attrib:
            href = self._value(element)
            if self._atom or not href or ("&" in href and _REFERENCE.search(href)):
                raise Unsure("a link without an address")
        else:
            href = element.get("href", "")
            if len(element) or not href or element.attrib.keys() & _ODD_IN_LINK:
                raise Unsure("an unusual link")
        if not _ADDRESS.fullmatch(href):
            raise Unsure("a link that is not a plain address")
        return href if self._is_settled else _settled(href)

    def _date(self, element: Element) -> datetime | None:
        try:
            return read_date(self._value(element))
        except ValueError as error:
            raise Unsure(str(error)) from error

    def _source(self, element: Element) -> str | None:
        if self._atom:
            raise Unsure("a source in Atom")
        return self._value(element) or None

    def _prose(self, element: Element) -> tuple[str, bool]:
        """Return a description or content, and whether it is HTML."""
        kind, given = self._kinds[element.tag], element.attrib
        if kind == "encoded" or not self._atom:
            if given or kind in {"summary", "content"}:
                raise Unsure(f"an unusual {kind}")
            return self._value(element), True
        if kind == "description" or "src" in given:
            raise Unsure(f"an unusual {kind}")
        value = self._value(element)
        return value, self._is_html(value, given, "text/plain")

    # --- text ----------------------------------------------------------------------------------

    def _value(self, element: Element) -> str:
        if len(element):
            raise Unsure("markup inside text")
        value = text.strip() if (text := element.text) else ""
        return value if self._is_settled else _settled(value)

    def _is_html(self, value: str, given: Mapping[str, str], default: str) -> bool:
        """Return whether a text is HTML by its type; RSS leaves one to guess."""
        kind: str | None = default
        if given:
            kind = _TYPES.get(given.get("type", default).lower())
            if given.keys() - {"type"} or kind is None or not self._atom:
                raise Unsure("a text of an unusual type")
        if kind == "text/plain" and not self._atom:
            return _looks_like_html(value)
        return kind == "text/html"


def _leads_elsewhere(link: Element) -> bool:
    """Return whether a link is none to the article, and of a usual form."""
    given = link.attrib
    if not given.get("href") or given.keys() & _ODD_IN_LINK or len(link):
        return False
    kind = given.get("type", "text/html").lower()
    return given.get("rel", "alternate") != "alternate" or kind not in _PAGES


def _kind_of(name: str) -> str:
    """Return what elements of that *name* mean to us, "" for nothing."""
    if name not in KINDS:
        _be_passed_over(name)
    return KINDS.get(name, "")


def _be_passed_over(name: str) -> None:
    """Raise Unsure unless feedparser does nothing with an element of that name that we keep."""
    if name in PASSED_OVER or name.startswith(HARMLESS_PREFIXES):
        return
    if not name.startswith("?:") or name[2:] in MEANINGFUL:
        raise Unsure(f'the element "{name[:40]}"')


def _looks_like_html(value: str) -> bool:
    """Say of a text that is nominally plain whether it is HTML, as feedparser does."""
    if "<" in value and "</" in value:
        raise Unsure("markup in a plain text")
    if "&" not in value or not _REFERENCE.search(value):
        return False
    if "<" in value:
        raise Unsure("markup in a plain text")
    return all(name in entitydefs for name in _NAMED.findall(value))


def _settled(value: str) -> str:
    """Return *value* with UTF-8 undone that was taken for Latin-1, as feedparser does."""
    if value.isascii():
        return value
    with suppress(UnicodeError):  # it was no such mistake
        value = value.encode("iso-8859-1").decode("utf-8")
    if _C1.search(value):
        raise Unsure("characters of Windows-1252")
    return value
