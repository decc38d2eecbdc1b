"""Atom feeds of hits and stories (RFC 4287), for feed readers and other programs.

* An entry's id is made once from the database's own identity: it stays, whatever the address of the
  site becomes.
* A reader that has the newest feed already is told so (304), by ETag or by date.
* Words from feeds are text, never markup; only http and https links are given.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime
from hashlib import sha256
from typing import TYPE_CHECKING, Any
from uuid import NAMESPACE_OID, uuid5

from lxml import etree
from starlette.responses import Response

from monitor.digest.entries import language, link
from monitor.store import queries
from monitor.store.engine import reading
from monitor.text.html import one_line
from monitor.web.context import site_of
from monitor.web.etags import is_known

if TYPE_CHECKING:
    from collections.abc import Iterable

    from starlette.requests import Request

    from monitor.digest.names import Names

SHOWN = 100  # entries of a feed: the newest
NAMESPACE = "http://www.w3.org/2005/Atom"
LANG = "{http://www.w3.org/XML/1998/namespace}lang"
_NO_XML = re.compile("[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")  # XML 1.0, 2.2
_BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)  # when a feed without entries was updated


def hits(request: Request) -> Response:
    """Answer with the newest hits, of one company or topic if asked."""
    return _answer(request, "hit", queries.HITS)


def stories(request: Request) -> Response:
    """Answer with the stories that were told last, of one company or topic if asked."""
    return _answer(request, "story", queries.STORIES)


def _answer(request: Request, kind: str, listing: queries.Listing) -> Response:
    site = site_of(request)
    company = request.query_params.get("company") or None
    topic = request.query_params.get("topic") or None
    with reading(site.engine) as connection:
        wanted = queries.Filter(company=company, topic=topic, limit=SHOWN)
        rows = list(queries.rows(connection, listing, wanted))
    updated = max((row[listing.instant] for row in rows), default=_BEGINNING)
    here = f"{site.url or ''}{request.url.path}" + (
        f"?{request.url.query}" if request.url.query else ""
    )
    feed = etree.Element(f"{{{NAMESPACE}}}feed", nsmap={None: NAMESPACE})
    names = [
        site.names.company(company) if company else "",
        site.names.topic(topic) if topic else "",
    ]
    title = ": ".join(
        ["Regulatory Monitor", " ".join(filter(None, names)) or f"all {_plural(kind)}"]
    )
    _add(feed, "title", title)
    _add(feed, "id", _id(site.identity, f"{kind}/{company or ''}/{topic or ''}"))
    _add(feed, "updated", _instant(updated))
    _add(feed, "generator", "Regulatory Monitor")
    etree.SubElement(feed, f"{{{NAMESPACE}}}link", rel="self", href=here)
    for row in rows:
        _entry(feed, row, kind, site.identity, site.names, site.url)
    body = etree.tostring(feed, encoding="utf-8", xml_declaration=True)
    return _unless_known(request, body, updated)


def _entry(
    feed: etree._Element,
    row: dict[str, Any],
    kind: str,
    identity: str,
    names: Names,
    url: str | None,
) -> None:
    entry = etree.SubElement(feed, f"{{{NAMESPACE}}}entry")
    is_hit = kind == "hit"
    code = language(row.get("language"))
    if code is not None:
        entry.set(LANG, code)
    _add(entry, "title", row["title" if is_hit else "headline"])
    _add(entry, "id", _id(identity, f"{kind}/{row[f'{kind}_id']}"))
    _add(entry, "updated", _instant(row["found_at" if is_hit else "last_seen"]))
    published = row["published_at"] if is_hit else row["first_seen"]
    if published is not None:
        _add(entry, "published", _instant(published))
    author = etree.SubElement(entry, f"{{{NAMESPACE}}}author")
    _add(author, "name", (row["publisher"] if is_hit else None) or "Regulatory Monitor")
    address = link(row["url"]) if is_hit else f"{url or ''}/stories/{row['story_id']}"
    if address is not None:
        etree.SubElement(entry, f"{{{NAMESPACE}}}link", rel="alternate", href=address)
    for scheme, term, label in _facts(row, names):
        etree.SubElement(
            entry,
            f"{{{NAMESPACE}}}category",
            scheme=f"urn:monitor:{scheme}",
            term=term,
            label=label,
        )
    _add(entry, "content", row["sentence"] if is_hit else _told(row, names))


def _facts(row: dict[str, Any], names: Names) -> Iterable[tuple[str, str, str]]:
    for kind, named in (
        ("company", names.companies),
        ("topic", names.topics),
        ("stage", names.stages),
        ("regulator", names.regulators),
    ):
        if row[kind] is not None:
            yield kind, row[kind], named.get(row[kind], row[kind])


def _told(row: dict[str, Any], names: Names) -> str:
    said = ", ".join(label for _, _, label in _facts(row, names))
    return f"{said}; sources: {row['sources']}, hits: {row['hits']}"


def _unless_known(request: Request, body: bytes, updated: datetime) -> Response:
    tag = f'"{sha256(body).hexdigest()[:32]}"'
    headers = {"ETag": tag, "Last-Modified": format_datetime(updated, usegmt=True)}
    if "if-none-match" in request.headers:
        known = is_known(request, tag)
    else:
        known = _since(request.headers.get("if-modified-since"), updated)
    if known:
        return Response(status_code=304, headers=headers)
    return Response(body, media_type="application/atom+xml; charset=utf-8", headers=headers)


def _since(text: str | None, updated: datetime) -> bool:
    try:
        since = parsedate_to_datetime(text or "")
    except ValueError:
        return False
    return since.tzinfo is not None and updated.replace(microsecond=0) <= since


def _add(parent: etree._Element, name: str, text: str) -> None:
    etree.SubElement(parent, f"{{{NAMESPACE}}}{name}").text = _NO_XML.sub("", one_line(text))


def _id(identity: str, what: str) -> str:
    return f"urn:uuid:{uuid5(NAMESPACE_OID, f'{identity}/{what}')}"


def _instant(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def _plural(kind: str) -> str:
    return "stories" if kind == "story" else "hits"
