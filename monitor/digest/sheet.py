"""Sheet: the list of all hits of a digest, as a CSV file that goes with a mail too small for them.

* A line for each hit, in the order of consequence. UTF-8 with a byte-order mark and CRLF, as
  spreadsheets want it.
* No cell is a formula, whatever a feed says (OWASP, CSV injection).
* It is packed only if it would be too large otherwise, and has fewer columns only if it is too
  large even so.
"""

from __future__ import annotations

import zipfile
import zlib
from datetime import UTC, datetime
from io import BytesIO
from typing import TYPE_CHECKING, Any, Final

from monitor.model import Attachment
from monitor.text.cells import safe_cell
from monitor.text.html import one_line

if TYPE_CHECKING:
    from collections.abc import Sequence

NAME: Final = "hits.csv"
PACKED: Final = "hits.zip"
_MARK: Final = b"\xef\xbb\xbf"
_EPOCH: Final = (1980, 1, 1, 0, 0, 0)  # of the file in the archive: the same hits, the same bytes
_SAMPLE: Final = 50_000  # octets that tell how well the rest packs
_GLANCE: Final = 8_000  # octets that tell when it is far too much
_OVERHEAD: Final = 700  # octets of an attachment's headers and of its edges


def line(cells: Sequence[Any]) -> bytes:
    """Return one line of the file."""
    return (",".join(_cell(cell) for cell in cells) + "\r\n").encode("utf-8", "replace")


def sheet(
    columns: Sequence[str], lines: Sequence[bytes], few: Sequence[bytes], room: int
) -> Attachment | None:
    """Return the list that takes at most *room* octets of a mail, None if none does.

    *lines* are under *columns*; *few* are the same hits in the fewest columns, header included.
    """
    whole = _MARK + line(columns) + b"".join(lines)
    if encoded(len(whole)) <= room:
        return Attachment(NAME, "text/csv", whole)
    for content in (whole, _MARK + b"".join(few)):
        if _may_fit(content, room):
            packed = _pack(content)
            if encoded(len(packed)) <= room:
                return Attachment(PACKED, "application/zip", packed)
    return None


def encoded(octets: int) -> int:
    """Return how many octets of a mail an attachment of that size takes (base64, with breaks)."""
    return (octets + 2) // 3 * 4 * 78 // 76 + _OVERHEAD


def _may_fit(content: bytes, room: int) -> bool:
    """Return whether *content* may pack into *room*: packing takes time, and a sample tells."""
    if len(content) <= 3 * _SAMPLE and encoded(len(content) // 8) <= room:
        return True
    return encoded(_guess(content, _GLANCE) // 2) <= room and encoded(_guess(content)) <= room


def _guess(content: bytes, octets: int = _SAMPLE) -> int:
    """Return at least about how many octets *content* packs to, by as many *octets* of it."""
    sample = content[:octets]
    return len(zlib.compress(sample, level=6)) * len(content) // len(sample) * 9 // 10


def _pack(content: bytes) -> bytes:
    packed = BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
        member = zipfile.ZipInfo(NAME, _EPOCH)
        member.compress_type = zipfile.ZIP_DEFLATED
        archive.writestr(member, content, compresslevel=6)
    return packed.getvalue()


def _cell(value: Any) -> str:  # noqa: ANN401 - whatever a column holds
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    if not isinstance(value, str):
        return str(value)
    text = safe_cell(one_line(value))
    if any(char in text for char in '",;'):
        return '"' + text.replace('"', '""') + '"'
    return text
