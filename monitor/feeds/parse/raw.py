"""Raw: feedparser's dictionaries in, entries out."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, TypeAlias
from urllib.parse import urljoin

from monitor.feeds.parse.entries import believable, both, make_entry, read_address, read_language
from monitor.text.html import one_line, tidy, to_text

if TYPE_CHECKING:
    from time import struct_time

    from monitor.model.documents import Entry

Raw: TypeAlias = dict[str, Any]  # feedparser's dictionaries, without their old-name magic

_HTML_TYPES: Final = {"text/html", "application/xhtml+xml"}


def make(raw: Raw, url: str, flaws: list[str]) -> Entry:
    """Return the entry that feedparser calls *raw*; raises ParseError if there is nothing in it."""
    return make_entry(
        guid=dict.get(raw, "id"),
        link=_link(raw, url),
        title=line(raw, "title"),
        summary=_summary(raw),
        published_at=_published_at(raw),
        publisher=line(source, "title") if (source := dict.get(raw, "source")) else None,
        language=read_language((dict.get(raw, "title_detail") or {}).get("language")),
        flaws=flaws,
    )


def line(raw: Raw, key: str) -> str:
    """Return a text of *raw* as plain text in one line, "" if there is none."""
    detail = dict.get(raw, f"{key}_detail") or {"value": dict.get(raw, key)}
    value = detail.get("value") or ""
    return one_line(_plain(detail) if "<" in value or "&" in value else value)


def _summary(raw: Raw) -> str:
    described = _plain(dict.get(raw, "summary_detail") or {"value": dict.get(raw, "summary")})
    contents = dict.get(raw, "content")
    if not contents:
        return described
    return both(described, "\n".join(filter(None, map(_plain, contents))))


def _plain(detail: Raw) -> str:
    """Return feedparser's text construct as plain text; its type says whether it is HTML."""
    value = detail.get("value") or ""
    is_html = detail.get("type", "text/html") in _HTML_TYPES
    return to_text(value) if is_html else tidy(value)


def _link(raw: Raw, url: str) -> str | None:
    """Return the address of the article, absolute; only http and https lead anywhere."""
    base = (dict.get(raw, "title_detail") or {}).get("base") or ""
    guid = dict.get(raw, "id") if dict.get(raw, "guidislink") else None
    return address(dict.get(raw, "link") or "", guid, url, base)


def address(given: str, guid: str | None, url: str, base: str = "") -> str | None:
    """Return the address of an article; *guid* is the id that serves as a link, if it does."""
    # An id that may serve as a link must be one: "12345" is no page of the feed's site.
    if given == guid and "://" not in given:
        return None
    return read_address(given, lambda: urljoin(url, base))


def _published_at(raw: Raw) -> datetime | None:
    """Return when the entry says it was published, else last changed; None if unbelievable."""
    for key in ("published_parsed", "updated_parsed", "created_parsed"):
        if given := dict.get(raw, key):
            at = given if isinstance(given, datetime) else _instant(given)
            if believable(at):
                return at
    return None


def _instant(parts: struct_time) -> datetime | None:
    import calendar  # only feedparser tells dates in parts

    try:
        return datetime.fromtimestamp(0, UTC) + timedelta(seconds=calendar.timegm(parts))
    except (ValueError, OverflowError):
        return None
