"""Documents: the words of the model for what is read from a feed, and how.

They stand apart since a process that reads feeds needs no others; `monitor.model` has them, too.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from datetime import datetime, timedelta

    from monitor.model.detection import Match


@dataclass(frozen=True, slots=True)
class Page:
    """How to read a web page that lists articles, for a site without a feed: CSS selectors.

    *items* finds each article's part of the page; the others look within that part. Without
    *title* and *link* its first link gives both. *zone* is that of dates that name none.
    """

    items: str
    title: str | None = None
    link: str | None = None
    date: str | None = None
    summary: str | None = None
    zone: str = "UTC"


class WebPage(StrEnum):
    """What a web page is read for that lists no articles."""

    SITE = "site"  # for the feeds it names
    ARTICLE = "article"  # for its text


@dataclass(frozen=True, slots=True)
class Wishes:
    """How a feed itself asks to be polled.

    *ttl* is how long a copy may be kept; *skip_hours* (0 to 23) and *skip_days* (0 is Monday) are
    times in UTC at which nobody need ask. *hub* calls when the feed, which it knows as *topic*,
    changes (`monitor.feeds.websub`).
    """

    ttl: timedelta | None = None
    skip_hours: frozenset[int] = frozenset()
    skip_days: frozenset[int] = frozenset()
    hub: str | None = None
    topic: str | None = None


class Entry(NamedTuple):
    """One entry of a feed, cleaned: plain text, an http(s) link or none, an aware UTC instant.

    *guid* is the feed's own id for it, verbatim. *title* is one line, never empty. *summary* may
    hold line breaks between blocks. It is a tuple since thousands are made, and sent, at once.
    """

    guid: str | None
    link: str | None
    title: str
    summary: str
    published_at: datetime | None
    publisher: str | None = None
    language: str | None = None


@dataclass(frozen=True, slots=True)
class Document:
    """A parsed feed: its entries in the feed's order, and each rejected entry's reason.

    *format* is what the feed calls itself: "RSS 2.0", "Atom 1.0", "JSON Feed 1.1", "page".
    *handed_over* is why the fast path left it to feedparser, None if it did not. *prints* is what
    to hold the next answer against. With *shown*, *entries* are only those that are not as they
    were: it says of each entry its place among those shown before, None for one of *entries*.
    *matches* are what detection found in the first of *entries*, if the reader was asked to look;
    words in place of them say why it failed. *words* are those of the same entries for the search
    index (`monitor.text.index`), None where it takes the texts as they are.
    """

    title: str | None
    language: str | None
    entries: tuple[Entry, ...]
    rejected: tuple[str, ...] = ()
    charset: str = "utf-8"
    flaws: tuple[str, ...] = ()  # what was wrong but could be read: "not well-formed", ...
    format: str = ""
    wishes: Wishes = Wishes()
    handed_over: str | None = field(default=None, compare=False)  # how, not what, was read
    prints: bytes = field(default=b"", compare=False)
    shown: tuple[int | None, ...] | None = None
    matches: tuple[tuple[Match, ...] | str, ...] = field(default=(), compare=False)
    words: tuple[str | None, ...] = field(default=(), compare=False)
