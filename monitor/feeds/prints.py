"""Prints: which entries of a feed are word for word those that it showed before. Pure.

* A print stands for an entry's element as it is written, and for what is said of it outside. An
  entry with a known print is not read again, not even as XML: reading is most of what a feed costs,
  and nearly all its entries are old.
* It counts against the feed's own last answer only, and only if that was read without a flaw.
* Where entries share a guid or link, or one has neither, what one is depends on the others: then
  all are read.
* A print is 64 bits of SHA-256. That two entries of one feed share it by chance is less likely
  than a failing disk; a publisher who contrives it hides a text of his own.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from itertools import starmap
from struct import Struct
from typing import TYPE_CHECKING, Final

from monitor.identity import comparable_guid, comparable_link

if TYPE_CHECKING:
    from collections.abc import Container, Sequence

    from monitor.model.documents import Entry

MOST: Final = 2000  # entries of a feed whose prints are kept
_RECORD: Final = Struct("<8s8s8sq")  # print, guid, link; date in seconds since 1970
_NOTHING: Final = bytes(8)
_NO_DATE: Final = -(2**63)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_UNREAD: Final = ((b"<!--", b"-->"), (b"<![CDATA[", b"]]>"))  # no tag in these is one
_START: Final = re.compile(rb"<(?:item|entry)[\s>]")
_SAID_OF_ALL: Final = re.compile(rb"<[\w:.-]+\s[^<>]*(?:xmlns|lang)[^<>]*>")
_END: Final = 2000  # bytes in which nearly every feed's last entry ends
_SECOND: Final = timedelta(seconds=1)
_DAY_S: Final = 86_400


@dataclass(frozen=True, slots=True)
class Printed:
    """The prints of a feed's entries, in its order, as they are kept: 32 bytes for each.

    *shown* says of each its place among those shown before, None for one that was not.
    """

    kept: bytes = b""
    shown: tuple[int | None, ...] = ()

    def places(self) -> dict[bytes, int]:
        """Return print -> place of the entry."""
        return {it[0]: place for place, it in enumerate(_RECORD.iter_unpack(self.kept))}

    def dates(self) -> list[datetime | None]:
        """Return when each entry was published, as it says."""
        return [
            None if seconds == _NO_DATE else _EPOCH + seconds * _SECOND
            for *_, seconds in _RECORD.iter_unpack(self.kept)
        ]

    def followed_by(self, prints: Sequence[bytes], new: Sequence[Entry]) -> Printed | None:
        """Return what is kept of the next answer, which has these *prints* in its order.

        *new* are its entries whose prints are not among those kept here. None if two entries go by
        one guid or link, or one has neither; or if there are too many.
        """
        places = self.places()
        shown = tuple(map(places.get, prints))
        if len(prints) > MOST or shown.count(None) != len(new):
            return None
        before = list(_RECORD.iter_unpack(self.kept))
        entries = iter(new)
        records = [
            _record(print_, next(entries)) if place is None else before[place]
            for print_, place in zip(prints, shown, strict=True)
        ]
        guids = [guid for _, guid, _, _ in records if guid != _NOTHING]
        links = [link for _, _, link, _ in records if link != _NOTHING]
        nameless = any(guid == link == _NOTHING for _, guid, link, _ in records)
        if nameless or len({*guids}) < len(guids) or len({*links}) < len(links):
            return None
        return Printed(b"".join(starmap(_RECORD.pack, records)), shown)


NOT_PRINTED: Final = Printed()


@dataclass(frozen=True, slots=True)
class Cut:
    """A document cut into what stands before, in, between and after its entries."""

    head: bytes
    entries: Sequence[bytes]
    tail: bytes

    def prints(self) -> list[bytes]:
        """Return the print of each entry; what is said around them decides how it is read, too."""
        start = sha256(b"".join(_SAID_OF_ALL.findall(self.head)))
        found = []
        for entry in self.entries:
            mine = start.copy()
            mine.update(entry)
            found.append(mine.digest()[:8])
        return found

    def without(self, known: Container[bytes], prints: Sequence[bytes]) -> Cut:
        """Return the same document without its *known* entries, given the *prints* of all."""
        pairs = zip(self.entries, prints, strict=True)
        return Cut(self.head, [entry for entry, print_ in pairs if print_ not in known], self.tail)

    def __bytes__(self) -> bytes:
        """Return the document."""
        return b"".join((self.head, *self.entries, self.tail))


def cut(document: bytes) -> Cut | None:
    """Return a *document* in UTF-8 cut up, None where it is not plain where its entries are.

    What is cut is one well-formed element each if the document is well-formed and has as many
    entries: an end tag in a comment or a CDATA section would be one too many.
    """
    late = document[-_END:]
    if b"</item>" not in late and b"</entry>" not in late:
        late = document
    end = b"</item>" if b"</item>" in late else b"</entry>"
    *parts, tail = document.split(end)
    if not parts:
        return None
    first = _START.search(parts[0])
    if first is None:
        return None
    head, parts[0] = parts[0][: first.start()], parts[0][first.start() :]
    if any(head.count(opened) != head.count(closed) for opened, closed in _UNREAD):
        return None
    entries = [part.lstrip() + end for part in parts]
    return Cut(head, entries, tail) if all(map(_START.match, entries)) else None


def _record(print_: bytes, entry: Entry) -> tuple[bytes, bytes, bytes, int]:
    at = entry.published_at
    since = at - _EPOCH if at else None
    seconds = _NO_DATE if since is None else since.days * _DAY_S + since.seconds
    names = comparable_guid(entry.guid), comparable_link(entry.link)
    return print_, _short(names[0]), _short(names[1]), seconds


def _short(name: str) -> bytes:
    if not name:
        return _NOTHING
    return sha256(name.encode("utf-8", "surrogatepass")).digest()[:8]
