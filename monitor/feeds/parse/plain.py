"""Plain entries: those of the fast path, as little as their texts can be told by."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from monitor.feeds.parse.entries import both, make_entry, read_language
from monitor.feeds.parse.raw import address, line
from monitor.text.html import one_line, tidy, to_text

if TYPE_CHECKING:
    from datetime import datetime

    from monitor.model.documents import Entry


class Plain(NamedTuple):
    """An entry of the usual kind; a text stands with whether it is HTML."""

    guid: str | None
    link: str | None
    is_guid: bool  # the link is
    title: tuple[str, bool]
    described: tuple[str, bool] | None
    contents: tuple[tuple[str, bool], ...]
    published_at: datetime | None
    source: str | None
    language: str | None


def make(it: Plain, url: str, flaws: list[str]) -> Entry:
    """Return the entry; raises ParseError if there is nothing in it."""
    title, title_is_html = it.title
    if "<" in title or "&" in title:
        title = _text(title, title_is_html)
    return make_entry(
        guid=it.guid,
        link=address(it.link or "", it.guid if it.is_guid else None, url),
        title=one_line(title),
        summary=_summary(it),
        published_at=it.published_at,
        publisher=it.source and line({"title": it.source}, "title"),
        language=_language(it.language),
        flaws=flaws,
    )


def _summary(it: Plain) -> str:
    if not it.contents:
        return _text(*it.described) if it.described else ""
    # Alone it is taken for a description, too, which is HTML as long as nothing else is said.
    value, is_html = it.described or (it.contents[0][0], True)
    described = _text(value, is_html)
    if it.contents == ((value, is_html),):
        return described
    return both(described, "\n".join(filter(None, (_text(*content) for content in it.contents))))


def _text(value: str, is_html: bool) -> str:  # noqa: FBT001 - a pair that stands together
    return to_text(value) if is_html else tidy(value)


@lru_cache(maxsize=8)  # that of a feed is that of its entries
def _language(tag: str | None) -> str | None:
    return read_language(tag)
