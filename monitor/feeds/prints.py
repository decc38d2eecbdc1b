"""Prints: which entries of a feed are word for word those that it showed before. Pure.

* A print stands for everything in an entry's element, and for what is said of it outside. An entry
  with a known print is not read again: reading is most of what a feed costs, and nearly all its
  entries are old.
* It counts against the feed's own last answer only, and only if that was read without a flaw.
* Where entries share a guid or link, or one has neither, what one is depends on the others: then
  all are read.
* A print is 64 bits of BLAKE2b. That two entries of one feed share it by chance is less likely
  than a failing disk; a publisher who contrives it hides a text of his own.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from struct import Struct
from typing import TYPE_CHECKING, Final

from monitor.identity import comparable_guid, comparable_link

if TYPE_CHECKING:
    from collections.abc import Sequence
    from xml.etree.ElementTree import Element

    from monitor.model import Entry

MOST: Final = 2000  # entries of a feed whose prints are kept
_RECORD: Final = Struct("<8s8s8sq")  # print, guid, link; date in seconds since 1970
_NOTHING: Final = bytes(8)
_NO_DATE: Final = -(2**63)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_SECOND: Final = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Printed:
    """The prints of a feed's entries, in its order, as they are kept: 32 bytes for each.

    *shown* says of each its place among those shown before, None for one that was not.
    """

    kept: bytes = b""
    shown: tuple[int | None, ...] = ()

    def places(self) -> dict[bytes, int]:
        """Return print -> place of the entry."""
        found: dict[bytes, int] = {}
        for place, (print_, *_) in enumerate(_RECORD.iter_unpack(self.kept)):
            found.setdefault(print_, place)
        return found

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
        shown = tuple(places.get(print_) for print_ in prints)
        if len(prints) > MOST or shown.count(None) != len(new):
            return None
        records = list(_RECORD.iter_unpack(self.kept))
        entries = iter(new)
        kept: list[bytes] = []
        names: set[tuple[int, bytes]] = set()
        for print_, place in zip(prints, shown, strict=True):
            record = _record(print_, next(entries)) if place is None else records[place]
            mine = {named for named in enumerate(record[1:3]) if named[1] != _NOTHING}
            if not mine or not names.isdisjoint(mine):
                return None
            names |= mine
            kept.append(_RECORD.pack(*record))
        return Printed(b"".join(kept), shown)


NOT_PRINTED: Final = Printed()


def mark(element: Element, context: str) -> bytes:
    """Return the print of an entry's *element*; *context* is what else decides how it is read."""
    words = [context]
    for part in element.iter():
        words += (part.tag, str(len(part)), part.text or "")
        if part.attrib:
            words.append(repr(part.attrib))
    return blake2b("\0".join(words).encode("utf-8", "surrogatepass"), digest_size=8).digest()


def _record(print_: bytes, entry: Entry) -> tuple[bytes, bytes, bytes, int]:
    at = entry.published_at
    seconds = _NO_DATE if at is None else (at - _EPOCH) // _SECOND
    names = comparable_guid(entry.guid), comparable_link(entry.link)
    return print_, _short(names[0]), _short(names[1]), seconds


def _short(name: str) -> bytes:
    if not name:
        return _NOTHING
    return blake2b(name.encode("utf-8", "surrogatepass"), digest_size=8).digest()
