"""The reference reader: feedparser, without what it makes of authors and coordinates.

Nobody here needs either. Its pattern for mail addresses in an author takes hours over a long word
(github.com/kurtmckee/feedparser/issues/562), and odd coordinates end the reading of a document.
"""

from __future__ import annotations

from functools import cache
from io import BytesIO
from typing import Any

import feedparser
from feedparser import api


def read(text: str) -> dict[str, Any]:
    """Return the feed in *text*, which is decoded and has no XML declaration, as feedparser does.

    Raises whatever feedparser raises on odd input.
    """
    _tame()
    # Bytes in a stream: a string might be taken for a file name or an address. Without an
    # address of the document, ids stay as they are written.
    found: dict[str, Any] = feedparser.parse(
        BytesIO(text.encode("utf-8")),
        response_headers={"content-type": "application/xml; charset=utf-8"},
        sanitize_html=False,  # we turn all HTML into text ourselves
        resolve_relative_uris=False,
    )
    return found


@cache
def _tame() -> None:
    """Leave authors as they are written, and coordinates unread, in both of its readers."""
    for reader in (api.StrictFeedParser, api.LooseFeedParser):
        reader._sync_author_detail = lambda *_: None  # noqa: SLF001 - it has no switch for this
        reader._end_gml_pos = reader._end_gml_poslist = lambda self: self.pop("pos")  # noqa: SLF001
