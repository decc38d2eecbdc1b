"""Article: the web page of an article in, its text out, as the one entry of a document.

trafilatura is imported here alone, in a child that reads such pages: menus, links to other
articles and comments are what it leaves out.
"""

from __future__ import annotations

import logging
import re
from typing import Final

from monitor.errors import ParseError
from monitor.feeds.parse.entries import make_entry
from monitor.model.documents import Document
from monitor.text.html import one_line

_CELLS: Final = re.compile(r"\s*\|\s*")
_RULE: Final = re.compile(r"[\s|:-]*\|[\s|:-]*")
_BULLET: Final = re.compile(r"^\s*[-*•]\s+")


def read(text: str, url: str, charset: str, flaws: list[str]) -> Document:
    """Return the text of the article on the web page *text*, one line a paragraph.

    Raises ParseError if there is none.
    """
    import trafilatura

    logging.getLogger("trafilatura").setLevel(logging.CRITICAL)  # what it tells, we tell
    found = trafilatura.bare_extraction(
        text, url=url, include_comments=False, include_tables=True, with_metadata=False
    )
    body = _tidy(getattr(found, "text", None) or "")
    if not body:
        raise ParseError("no text of an article can be found in the page")
    entry = make_entry(guid=None, link=url, title=url, summary=body, published_at=None, flaws=flaws)
    return Document(
        title=None,
        language=None,
        entries=(entry,),
        charset=charset,
        flaws=tuple(dict.fromkeys(flaws)),
        format="article",
    )


def _tidy(text: str) -> str:
    """Return lines of words, without the marks by which trafilatura draws tables and lists."""
    lines = []
    for line in text.split("\n"):
        if "|" in line and _RULE.fullmatch(line):
            continue
        if line.lstrip().startswith("|"):
            line = _CELLS.sub(" ", line)  # noqa: PLW2901 - the same line, without its rules
        lines.append(one_line(_BULLET.sub("", line)))
    return "\n".join(filter(None, lines))
