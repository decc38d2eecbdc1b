"""The fast path: a well-formed feed of the usual kind in, what feedparser would say of it out.

* It gives feedparser's own dictionaries, as far as `document` reads them, some thirty times
  faster; `document` cannot tell who made them. Whatever is unusual raises Unsure, and the feed
  goes to feedparser: a nested title, two links, a relative address, markup where text should be.
* It never guesses. What it knows of an element is in `elements`; an element it has not heard of is
  passed over only where feedparser, too, would do nothing with it.
* The same expat reads the XML here and in feedparser, so both agree on what is well-formed.
"""

from __future__ import annotations

import re
from contextlib import suppress
from functools import partial
from html.entities import entitydefs
from types import MappingProxyType
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
from monitor.feeds.prints import cut

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from xml.etree.ElementTree import Element

_Raw: TypeAlias = dict[str, Any]
NONE_KNOWN: Final[Mapping[bytes, int]] = MappingProxyType({})


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


def read(text: str, known: Mapping[bytes, int] = NONE_KNOWN) -> _Raw:
    """Return the feed in *text*, a decoded document, as `feedparser.parse` would.

    Entries whose print is *known* are left out. "prints" has the prints of all entries, in order,
    where it is plain what they are of. Raises Unsure, with the reason, where anything else is not
    certain.
    """
    reader = _Reader(text)
    if "<!DOCTYPE" in text or (reader.has_base and "xml:base" in text):
        raise Unsure("a document type or a base address")
    whole = cut(text)
    if whole is None:
        return reader.feed(text)
    prints = whole.prints(f"{reader.has_base}")
    part = whole.without(known, prints) if known else whole
    raw = reader.feed(str(part) if known else text)
    return raw | {"prints": prints} if len(raw["entries"]) == len(part.entries) else raw


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

    def __init__(self, text: str) -> None:
        self._text = text
        self.has_base = "base" in text  # looked for once: a feed may have thousands of ids
        self._is_settled = False  # whether `_settled` can change nothing
        self._names: dict[str, str] = {}
        # By tag, and of the class: bound ones would keep this reader, and the text, until the
        # next collection of garbage.
        self._readers: dict[str, Callable[[_Reader, Element, _Raw], None]] = {}
        self._atom = False
        self._language: str | None = None

    def feed(self, part: str) -> _Raw:
        """Return the feed in *part*, which has all of the text's entries or some."""
        try:
            document = part.encode()
        except UnicodeEncodeError as error:
            raise Unsure("half a character") from error
        # What it looks for has one of the characters from U+0080 to U+00BF, and they this byte.
        self._is_settled = b"\xc2" not in document and b"&#" not in document
        root = _parse(document)
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
        elif name == "rdf:rdf" and "www.w3.org/2005/atom" not in self._text.lower():
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
                feed["title"] = self._value(child)
                feed["title_detail"] = self._construct(child, feed["title"], "text/plain")
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
            name = self._name(inner.tag)
            unknown = name.startswith("?:")
            if name in PASSED_OVER or name.startswith(HARMLESS_PREFIXES):
                continue
            if not unknown or name[2:] in MEANINGFUL:
                raise Unsure(f'the element "{name[:40]}"')

    # --- entries -------------------------------------------------------------------------------

    def _entry(self, item: Element) -> _Raw:
        raw: _Raw = {}
        if item.attrib:
            raw |= self._about(item)
        for child in item:
            reader = self._readers.get(child.tag) or self._reader_of(child.tag)
            reader(self, child, raw)
        if not raw.get("title"):
            raise Unsure("no title")
        return raw

    def _reader_of(self, tag: str) -> Callable[[_Reader, Element, _Raw], None]:
        name = self._name(tag)
        kind = KINDS.get(name)
        if kind is None and (name in PASSED_OVER or name.startswith(HARMLESS_PREFIXES)):
            reader = _Reader._read_passed_over
        elif kind is None:
            reader = _Reader._read_other
        elif kind in {"published", "updated", "created"}:
            reader = partial(_Reader._read_date, key=f"{kind}_parsed")
        else:
            reader = getattr(_Reader, f"_read_{kind}")
        self._readers[tag] = reader
        return reader

    def _read_other(self, element: Element, _raw: _Raw) -> None:
        self._pass_over(element)

    def _read_passed_over(self, element: Element, _raw: _Raw) -> None:
        if len(element):
            self._pass_over(element)

    def _read_nothing(self, element: Element, raw: _Raw) -> None:
        pass

    def _read_date(self, element: Element, raw: _Raw, key: str) -> None:
        try:
            self._once(raw, key, read_date(self._value(element)))
        except ValueError as error:
            raise Unsure(str(error)) from error

    def _about(self, item: Element) -> _Raw:
        if item.attrib.keys() != {_RDF_ABOUT}:
            raise Unsure("an entry with attributes")
        return {"id": item.attrib[_RDF_ABOUT]}

    def _once(self, raw: _Raw, key: str, value: object) -> None:
        if key in raw:
            raise Unsure(f"two of {key}")
        raw[key] = value

    def _read_title(self, element: Element, raw: _Raw) -> None:
        value = self._value(element)
        self._once(raw, "title", value)
        raw["title_detail"] = self._construct(element, value, "text/plain")

    def _read_link(self, element: Element, raw: _Raw) -> None:
        if not element.attrib:
            href = self._value(element)
            if self._atom or not href or ("&" in href and _REFERENCE.search(href)):
                raise Unsure("a link without an address")
        else:
            if element.attrib.keys() & {"url", "uri", "base", "HREF"} or len(element):
                raise Unsure("an unusual link")
            rel, kind = element.get("rel", "alternate"), element.get("type", "text/html")
            href = element.get("href", "")
            if not href:
                raise Unsure("a link without an address")
            if rel != "alternate" or kind.lower() not in {"text/html", "application/xhtml+xml"}:
                return
        if not _ADDRESS.fullmatch(href):
            raise Unsure("a link that is not a plain address")
        if raw.get("link") and not raw.get("guidislink"):
            raise Unsure("two links")
        raw["link"] = href if self._is_settled else _settled(href)
        raw["guidislink"] = False

    def _read_id(self, element: Element, raw: _Raw) -> None:
        if "id" in raw or (element.attrib and element.attrib.keys() != {"isPermaLink"}):
            raise Unsure("two ids")
        value = self._value(element)
        is_link = element.get("isPermaLink", "true") == "true"
        if is_link and not _SCHEME.match(value) and (self.has_base or "/" in value):
            raise Unsure("an id that is a relative address")
        raw["id"] = value
        if is_link and "link" not in raw:
            raw["link"], raw["guidislink"] = value, True

    def _read_description(self, element: Element, raw: _Raw) -> None:
        if self._atom or element.attrib:
            raise Unsure("an unusual description")
        self._once(raw, "summary_detail", self._construct(element, None, "text/html"))

    def _read_summary(self, element: Element, raw: _Raw) -> None:
        if not self._atom or ("summary" in raw and not raw.get("content")):
            raise Unsure("a summary outside Atom, or two")
        self._once(raw, "summary_detail", self._construct(element, None, "text/plain"))

    def _read_content(self, element: Element, raw: _Raw) -> None:
        if not self._atom or "src" in element.attrib:
            raise Unsure("content outside Atom, or elsewhere")
        self._add_content(raw, self._construct(element, None, "text/plain"))

    def _read_encoded(self, element: Element, raw: _Raw) -> None:
        if element.attrib:
            raise Unsure("encoded content with attributes")
        self._add_content(raw, self._construct(element, None, "text/html"))

    def _add_content(self, raw: _Raw, detail: _Raw) -> None:
        raw.setdefault("content", []).append(detail)
        raw.setdefault("summary", detail["value"])

    def _read_source(self, element: Element, raw: _Raw) -> None:
        if self._atom or len(element):
            raise Unsure("a source with elements")
        value = self._value(element)
        self._once(raw, "source", {"title": value} if value else {})

    # --- text ----------------------------------------------------------------------------------

    def _value(self, element: Element) -> str:
        if len(element):
            raise Unsure("markup inside text")
        value = text.strip() if (text := element.text) else ""
        return value if self._is_settled else _settled(value)

    def _construct(self, element: Element, value: str | None, default: str) -> _Raw:
        """Return a text with its type, which says whether it is HTML; RSS leaves one to guess."""
        given = element.attrib
        kind: str | None = default
        if given:
            kind = _TYPES.get(given.get("type", default).lower())
            if given.keys() - {"type"} or kind is None or not self._atom:
                raise Unsure("a text of an unusual type")
        if value is None:
            value = self._value(element)
        if kind == "text/plain" and not self._atom and _looks_like_html(value):
            kind = "text/html"
        return {"value": value, "type": kind, "language": self._language, "base": ""}


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
