"""OPML: the lists of feeds that feed readers exchange, in and out. Pure.

* No document type is read, so there are no entities of the document's own; no address is opened.
* What is left out is named with its line: an outline without an address, a link that is no feed.
* A commented outline is a feed that is switched off. A page without a feed goes out as a link,
  which other programs leave alone, since they would not find a feed there.

Source: http://opml.org/spec2.opml
"""

from __future__ import annotations

from dataclasses import dataclass, field
from email.utils import format_datetime
from typing import TYPE_CHECKING, Final
from xml.etree import ElementTree as ET
from xml.parsers import expat

from monitor.errors import InputError
from monitor.feeds.bundle import is_mailbox
from monitor.feeds.charset import decode
from monitor.text.html import one_line

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from monitor.model import Feed

MAX_BYTES: Final = 10_000_000
_LONGEST_NAME: Final = 200
_LONGEST_ADDRESS: Final = 2000
_DECLARATION: Final = '<?xml version="1.0" encoding="UTF-8"?>\n'


@dataclass(frozen=True, slots=True)
class Outline:
    """A feed of the list: its address as written, its name if it has one, the folders round it."""

    line: int
    url: str
    name: str | None
    folders: tuple[str, ...]
    enabled: bool


@dataclass(slots=True)
class Outlines:
    """What a list holds, in its order; *left_out* gives line and reason for what is no feed.

    *mistakes* gives line and reason for what should be one.
    """

    feeds: list[Outline] = field(default_factory=list)
    left_out: list[tuple[int, str]] = field(default_factory=list)
    mistakes: list[tuple[int, str]] = field(default_factory=list)


def read(content: bytes) -> Outlines:
    """Return the feeds that the OPML document *content* lists.

    Raises InputError, with the line where there is one, if it is no OPML that can be read.
    """
    if len(content) > MAX_BYTES:
        raise InputError(f"more than {MAX_BYTES:,} bytes")
    text, _, _ = decode(content, None)
    # A declaration and blanks before the root are gone by now, and their lines with them.
    gone = max(0, content.count(b"\n") - text.count("\n"))
    reading = _Reading(gone)
    try:
        reading.parser.Parse(text.encode("utf-8", "replace"), True)  # noqa: FBT003 - expat's own
    except expat.ExpatError as error:
        reason = expat.errors.messages.get(error.code, "not well-formed")
        raise InputError(f"line {error.lineno + gone}: not well-formed XML: {reason}") from None
    return reading.found


class _Reading:
    """One walk over the elements, with the folders it is in."""

    def __init__(self, gone: int) -> None:
        self.found = Outlines()
        self.parser = expat.ParserCreate("utf-8")
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.StartDoctypeDeclHandler = self._refuse
        self._gone = gone
        self._depth = 0
        self._folders: list[tuple[int, str]] = []  # depth and name
        self._empty: tuple[int, str] | None = None  # an outline in which nothing was found yet

    @property
    def _line(self) -> int:
        return self.parser.CurrentLineNumber + self._gone

    def _refuse(self, *_: object) -> None:
        raise InputError(f"line {self._line}: a document type, which is not read")

    def _start(self, name: str, given: dict[str, str]) -> None:
        self._depth += 1
        if self._depth == 1 and name.lower() != "opml":
            raise InputError(f"line {self._line}: no OPML: the document is <{name[:40]}>")
        if name.lower() != "outline":
            return
        attributes = {key.lower(): value for key, value in given.items()}
        self._empty = None
        called = _name(attributes.get("title") or attributes.get("text") or "")
        kind = attributes.get("type", "").strip().lower()
        url = attributes.get("xmlurl") or (attributes.get("url", "") if kind in _FEEDS else "")
        if url.strip():
            self._feed(url, called, enabled=attributes.get("iscomment", "").lower() != "true")
        elif kind in _FEEDS:
            self.found.mistakes.append((self._line, f'"{called}" has no address (xmlUrl)'))
        elif kind:
            self.found.left_out.append((self._line, f'"{called}" is of type {kind[:20]}, no feed'))
        else:
            self._folders.append((self._depth, called))
            self._empty = (self._line, f'"{called}" is neither a feed nor a folder with feeds')

    def _feed(self, url: str, called: str, *, enabled: bool) -> None:
        url = "".join(url.split())
        if url.lower().startswith("feed:"):
            rest = url[len("feed:") :]
            url = f"http:{rest}" if rest.startswith("//") else rest
        if len(url) > _LONGEST_ADDRESS:
            self.found.mistakes.append((self._line, f'the address of "{called}" is too long'))
            return
        folders = tuple(name for _, name in self._folders if name)
        self.found.feeds.append(Outline(self._line, url, called or None, folders, enabled))

    def _end(self, name: str) -> None:
        if name.lower() == "outline" and self._folders and self._folders[-1][0] == self._depth:
            self._folders.pop()
            if self._empty:
                self.found.left_out.append(self._empty)
                self._empty = None
        self._depth -= 1


_FEEDS: Final = {"rss", "atom", "rdf", "feed", "json"}


def _name(text: str) -> str:
    return "".join(char for char in one_line(text) if char.isprintable())[:_LONGEST_NAME].strip()


def write(feeds: Iterable[Feed], *, now: datetime) -> str:
    """Return *feeds*, in their order, as an OPML 2.0 document made at *now*."""
    root = ET.Element("opml", version="2.0")
    head = ET.SubElement(root, "head")
    ET.SubElement(head, "title").text = "Feeds of Regulatory Monitor"
    ET.SubElement(head, "dateCreated").text = format_datetime(now)
    body = ET.SubElement(root, "body")
    for feed in feeds:
        if is_mailbox(feed.url):  # nobody else can read it
            continue
        name = _name(feed.name)
        attributes = {"text": name, "title": name}
        if feed.page:
            attributes |= {"type": "link", "url": feed.url}
        else:
            attributes |= {"type": "rss", "xmlUrl": feed.url}
        if feed.language:
            attributes["language"] = feed.language
        if not feed.enabled:
            attributes["isComment"] = "true"
        ET.SubElement(body, "outline", attributes)
    ET.indent(root)
    return f"{_DECLARATION}{ET.tostring(root, encoding='unicode')}\n"
