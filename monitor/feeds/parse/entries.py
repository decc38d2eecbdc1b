"""Entries: what all formats have in common once their own words for things are known. Pure.

* An entry is made by `make_entry` whatever the format was, so that titles, addresses, lengths and
  dates mean the same everywhere.
* Each entry is read by itself: one that cannot be read is rejected with its reason, the others
  stay. Only where every one is rejected has the document failed.
* Nothing is cut but fields beyond MAX_FIELD_LENGTH, and that is a flaw on record.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, TypeVar
from urllib.parse import urljoin, urlsplit

from monitor.errors import ParseError
from monitor.model.documents import Entry
from monitor.text.html import one_line

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

MAX_FIELD_LENGTH: Final = 100_000  # code points; a very long article has a fifth of it
MAX_REASON_LENGTH: Final = 200
EARLIEST: Final = datetime(1990, 1, 1, tzinfo=UTC)  # nothing was published on the web before

_PLAIN_ADDRESS: Final = re.compile(r"https?://[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*/[^\s\\]*")
_CUT_SHORT: Final = " .…[]"  # how an excerpt ends
_LANGUAGE: Final = re.compile(r"[A-Za-z]{2,3}([-_][A-Za-z0-9]{1,8})*")
# What no database takes: XML cannot hold it, but JSON can.
_UNSTORABLE: Final = dict.fromkeys([0, *range(0xD800, 0xE000)])

_Raw = TypeVar("_Raw")


def read_each(
    raws: Iterable[_Raw], read: Callable[[_Raw], Entry], rejected: list[str]
) -> tuple[Entry, ...]:
    """Return what *read* makes of each of *raws*; note those it fails on in *rejected*.

    Raises ParseError if there are entries and none of them can be read.
    """
    entries: list[Entry] = []
    for number, raw in enumerate(raws, 1):
        try:
            entries.append(read(raw))
        except Exception as error:  # noqa: BLE001 - one bad entry never costs the others
            rejected.append(f"entry {number}: {reason_of(error)}")
    if rejected and not entries:
        raise ParseError(f"no entry can be read; {rejected[0]}")
    return tuple(entries)


def make_entry(
    *,
    guid: str | None,
    link: str | None,
    title: str,
    summary: str,
    published_at: datetime | None,
    flaws: list[str],
    publisher: str | None = None,
    language: str | None = None,
) -> Entry:
    """Return the entry of these fields, which are plain text already; *title* may be empty.

    Without a title the first line of the text is one, then the link, then the id. What is too long
    is cut and noted in *flaws*. Raises ParseError if there is nothing at all.
    """
    title = title or summary.partition("\n")[0] or link or one_line(guid or "")
    if not title:
        raise ParseError("no title, text, link or id")
    return Entry(
        guid=_cut(_storable(guid), "id", flaws) if guid else None,
        link=link,
        title=_cut(title, "title", flaws),
        summary=_cut(summary, "summary", flaws),
        published_at=published_at,
        publisher=publisher or None,
        language=language,
    )


def both(described: str, content: str) -> str:
    """Return a description and the content it stands beside as one text, what they share once.

    Feeds that give both tell in the content what the description leaves out.
    """
    if content in described:
        return described
    if described.rstrip(_CUT_SHORT) in content:
        return content
    return f"{described}\n{content}"


def read_address(given: str, base: Callable[[], str]) -> str | None:
    """Return the web address *given*, relative to *base* if it is; None if it leads nowhere.

    Only http and https lead anywhere; blanks in an address do not count. *base* is asked for only
    where it matters.
    """
    if len(given) <= MAX_FIELD_LENGTH and _PLAIN_ADDRESS.fullmatch(given):
        return one_line(given)
    given = "".join(given.split())
    if not given or len(given) > MAX_FIELD_LENGTH:
        return None
    try:
        link = urljoin(base(), given)
        parts = urlsplit(link)
        parts.port  # noqa: B018 - raises where there is no such port
    except ValueError:
        return None
    web = parts.scheme in {"http", "https"} and parts.hostname
    return one_line(link) if web and len(link) <= MAX_FIELD_LENGTH else None


def believable(at: datetime | None) -> datetime | None:
    """Return *at* unless it is too early to be true: year 1, the epoch."""
    return at if at is not None and at >= EARLIEST else None


def read_language(tag: object) -> str | None:
    """Return a BCP 47 tag as written, if it is one at all."""
    tag = tag.strip() if isinstance(tag, str) else ""
    if not tag:
        return None
    return tag.replace("_", "-") if _LANGUAGE.fullmatch(tag) else None


def reason_of(error: object) -> str:
    """Return why something cannot be read, in one line that is not long."""
    text = f"{error}" if isinstance(error, ParseError) else f"{type(error).__name__}: {error}"
    return one_line(text)[:MAX_REASON_LENGTH]


def _storable(guid: str) -> str:
    return guid if guid.isprintable() else guid.translate(_UNSTORABLE)


def _cut(text: str, field: str, flaws: list[str]) -> str:
    if len(text) <= MAX_FIELD_LENGTH:
        return text
    flaws.append(f"a {field} of more than {MAX_FIELD_LENGTH:,} characters was cut")
    return text[:MAX_FIELD_LENGTH]
