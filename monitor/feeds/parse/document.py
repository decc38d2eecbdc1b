"""One document: the bytes of a feed in, its entries out. It may take long: see `children`.

* RSS, RDF and Atom as feedparser knows them; anything else is a ParseError that says what it was
  instead. A feed without entries is a feed.
* Each entry is read by itself: one that cannot be read is rejected with its reason, the rest
  stay. Where feedparser gives up on a whole document, its entries are tried one by one.
* All text is plain (`monitor.text`). Nothing is cut but fields beyond MAX_FIELD_LENGTH, and that
  is a flaw on record.
* A usual feed takes the fast path (`fast`), which leaves all others to feedparser.
* The document is decoded before either sees it (`monitor.feeds.charset`). No entity or file
  outside it is ever read.
"""

from __future__ import annotations

import calendar
import re
from datetime import UTC, datetime, timedelta
from html import escape
from io import BytesIO
from typing import Any, Final, TypeAlias
from urllib.parse import urljoin, urlsplit

import feedparser

from monitor.errors import ParseError
from monitor.feeds.charset import decode
from monitor.feeds.parse import fast
from monitor.model import Document, Entry
from monitor.text import one_line, to_text

_Raw: TypeAlias = dict[str, Any]  # feedparser's dictionaries, without their old-name magic

MAX_FIELD_LENGTH: Final = 100_000  # code points; a very long article has a fifth of it
MAX_REASON_LENGTH: Final = 200
EARLIEST: Final = datetime(1990, 1, 1, tzinfo=UTC)  # nothing was published on the web before

_HTML_TYPES: Final = {"text/html", "application/xhtml+xml"}
_ENTRY: Final = re.compile(r"<(item|entry)\b.*?</\1\s*>", re.DOTALL)
_PLAIN_ADDRESS: Final = re.compile(r"https?://[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*/[^\s\\]*")
_LANGUAGE: Final = re.compile(r"[A-Za-z]{2,3}([-_][A-Za-z0-9]{1,8})*")


def parse(body: bytes, content_type: str | None, url: str, *, fast_path: bool = True) -> Document:
    """Return the feed in *body*, which came from *url* under the header *content_type*.

    Without *fast_path* feedparser reads it, whatever it is: the result is the same, later.
    Raises ParseError with a one-line reason if there is no feed in it.
    """
    text, charset, flaws = decode(body, content_type)
    _refuse_other_formats(text)
    rejected: list[str] = []
    try:
        found = _fast_or_feedparser(text) if fast_path else _feedparser(text)
    except MemoryError:
        raise
    except Exception as error:  # noqa: BLE001 - feedparser fails on odd input in many ways
        flaws.append(f"read entry by entry: {_reason(error)}")
        found = _entry_by_entry(text, rejected)
    if not (found["version"] or found["entries"] or rejected):
        raise ParseError("no feed: neither RSS nor Atom")
    if found["bozo"]:
        flaws.append(f"not well-formed: {_reason(found['bozo_exception'])}")
        if not found["entries"]:
            raise ParseError(f"no entries, and {flaws[-1]}")
    entries: list[Entry] = []
    for number, raw in enumerate(found["entries"], 1):
        try:
            entries.append(_entry(raw, url, flaws))
        except Exception as error:  # noqa: BLE001 - one bad entry never costs the others
            rejected.append(f"entry {number}: {_reason(error)}")
    if rejected and not entries:
        raise ParseError(f"no entry can be read; {rejected[0]}")
    return Document(
        title=_line(found["feed"], "title") or None,
        language=_language(dict.get(found["feed"], "language")),
        entries=tuple(entries),
        rejected=tuple(rejected),
        charset=charset,
        flaws=tuple(dict.fromkeys(flaws)),
    )


def _refuse_other_formats(text: str) -> None:
    start = text[:1000].lstrip().lower()
    if not start:
        raise ParseError("an empty body")
    if start.startswith(("<!doctype html", "<html")):
        raise ParseError("a web page, not a feed")
    if start[0] in "{[":
        raise ParseError("JSON, not RSS or Atom")
    if "<" not in text:
        raise ParseError("no feed: no markup at all")


def _fast_or_feedparser(text: str) -> _Raw:
    try:
        return fast.read(text)
    except fast.Unsure:
        return _feedparser(text)


def _feedparser(text: str) -> _Raw:
    # Bytes in a stream: a string might be taken for a file name or an address. Without an
    # address of the document, ids stay as they are written.
    found: _Raw = feedparser.parse(
        BytesIO(text.encode("utf-8")),
        response_headers={"content-type": "application/xml; charset=utf-8"},
        sanitize_html=False,  # we turn all HTML into text ourselves
        resolve_relative_uris=False,
    )
    return found


def _entry_by_entry(text: str, rejected: list[str]) -> _Raw:
    """Read each entry of *text* as the only one of its feed; note the unreadable in *rejected*."""
    places = [found.span() for found in _ENTRY.finditer(text)]
    if not places:
        raise ParseError("cannot be read, and no entries stand out in it")
    head, tail = text[: places[0][0]], text[places[-1][1] :]
    whole: _Raw = {"bozo": False, "entries": [], "feed": {}, "version": ""}
    for number, (start, end) in enumerate(places, 1):
        try:
            one = _feedparser(head + text[start:end] + tail)
        except MemoryError:
            raise
        except Exception as error:  # noqa: BLE001 - this is the bad one; the others go on
            rejected.append(f"entry {number}: {_reason(error)}")
        else:
            whole["entries"] += one["entries"]
            whole["feed"], whole["version"] = one["feed"], one["version"]
    return whole


# --- entries -----------------------------------------------------------------------------------


def _entry(raw: _Raw, url: str, flaws: list[str]) -> Entry:
    link = _link(raw, url)
    summary = _summary(raw)
    guid = dict.get(raw, "id")
    title = _line(raw, "title") or summary.partition("\n")[0] or link or one_line(guid or "")
    if not title:
        raise ParseError("no title, text, link or id")
    return Entry(
        guid=_cut(guid, "id", flaws) if guid else None,
        link=link,
        title=_cut(title, "title", flaws),
        summary=_cut(summary, "summary", flaws),
        published_at=_published_at(raw),
        publisher=_line(dict.get(raw, "source") or {}, "title") or None,
        language=_language((dict.get(raw, "title_detail") or {}).get("language")),
    )


def _cut(text: str, field: str, flaws: list[str]) -> str:
    if len(text) <= MAX_FIELD_LENGTH:
        return text
    flaws.append(f"a {field} of more than {MAX_FIELD_LENGTH:,} characters was cut")
    return text[:MAX_FIELD_LENGTH]


def _line(raw: _Raw, key: str) -> str:
    return one_line(_plain(dict.get(raw, f"{key}_detail") or {"value": dict.get(raw, key)}))


def _summary(raw: _Raw) -> str:
    described = _plain(dict.get(raw, "summary_detail") or {"value": dict.get(raw, "summary")})
    if described:
        return described
    return "\n".join(filter(None, map(_plain, dict.get(raw, "content") or ())))


def _plain(detail: _Raw) -> str:
    """Return feedparser's text construct as plain text; its type says whether it is HTML."""
    value = detail.get("value") or ""
    is_html = detail.get("type", "text/html") in _HTML_TYPES
    return to_text(value if is_html else escape(value, quote=False))


def _link(raw: _Raw, url: str) -> str | None:
    """Return the address of the article, absolute; only http and https lead anywhere."""
    given = "".join((dict.get(raw, "link") or "").split())
    # An id that may serve as a link must be one: "12345" is no page of the feed's site.
    if not given or (dict.get(raw, "guidislink") and "://" not in given):
        return None
    if len(given) <= MAX_FIELD_LENGTH and _PLAIN_ADDRESS.fullmatch(given):
        return one_line(given)
    base = (dict.get(raw, "title_detail") or {}).get("base") or ""
    try:
        link = urljoin(urljoin(url, base), given)
        parts = urlsplit(link)
        parts.port  # noqa: B018 - raises where there is no such port
    except ValueError:
        return None
    web = parts.scheme in {"http", "https"} and parts.hostname
    return one_line(link) if web and len(link) <= MAX_FIELD_LENGTH else None


def _published_at(raw: _Raw) -> datetime | None:
    """Return when the entry says it was published, else last changed; None if unbelievable."""
    for key in ("published_parsed", "updated_parsed", "created_parsed"):
        if parts := dict.get(raw, key):
            try:
                seconds = calendar.timegm(parts)
                at = datetime.fromtimestamp(0, UTC) + timedelta(seconds=seconds)
            except (ValueError, OverflowError):
                continue
            if at >= EARLIEST:
                return at
    return None


def _language(tag: str | None) -> str | None:
    """Return a BCP 47 tag as written, if it is one at all."""
    tag = (tag or "").strip()
    return tag.replace("_", "-") if _LANGUAGE.fullmatch(tag) else None


def _reason(error: object) -> str:
    text = f"{error}" if isinstance(error, ParseError) else f"{type(error).__name__}: {error}"
    return one_line(text)[:MAX_REASON_LENGTH]
