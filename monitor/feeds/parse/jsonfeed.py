"""JSON Feed 1.0 and 1.1: a decoded document in, its entries out.

* The rules are those of https://www.jsonfeed.org/version/1.1/, read generously: an id may be a
  number, an entry may lack one, a text may be where only HTML should be.
* The summary is the entry's own, else its text, else its HTML; an address elsewhere
  (`external_url`) counts only where the entry has none of its own.
* Numbers are kept as they are written: an id of forty digits stays the same id.
"""

from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from monitor.errors import ParseError
from monitor.feeds.hublinks import web_address
from monitor.feeds.parse.entries import both, make_entry, read_address, read_each, read_language
from monitor.feeds.parse.instants import find_instant
from monitor.model.documents import Document, Wishes
from monitor.text.html import one_line, tidy, to_text

if TYPE_CHECKING:
    from datetime import datetime

    from monitor.model.documents import Entry

_VERSION: Final = "jsonfeed.org/version/"


def read(text: str, url: str, charset: str, flaws: list[str]) -> Document:
    """Return the JSON Feed in *text*, which came from *url* in *charset*.

    Raises ParseError if it is not JSON, or not a JSON Feed.
    """
    feed = _load(text)
    version = feed.get("version") if isinstance(feed, dict) else None
    if not isinstance(version, str) or _VERSION not in version:
        raise ParseError("JSON, but not a JSON Feed")
    items = feed.get("items")
    if not isinstance(items, list):
        raise ParseError("a JSON Feed without a list of items")
    if feed.get("expired") is True:
        flaws.append("the feed says that it has ended")
    rejected: list[str] = []
    entries = read_each(items, partial(_entry, url=url, flaws=flaws), rejected)
    return Document(
        title=one_line(_text(feed, "title")) or None,
        language=read_language(feed.get("language")),
        entries=entries,
        rejected=tuple(rejected),
        charset=charset,
        flaws=tuple(dict.fromkeys(flaws)),
        format=f"JSON Feed {version.rpartition('/')[2]}"[:20],
        wishes=_wishes(feed),
    )


def _wishes(feed: dict[str, Any]) -> Wishes:
    hubs = feed.get("hubs")
    named = [hub for hub in hubs if isinstance(hub, dict)] if isinstance(hubs, list) else []
    websub = (hub.get("url") for hub in named if str(hub.get("type")).lower() == "websub")
    topic = web_address(_text(feed, "feed_url"))
    return Wishes(hub=next(filter(None, map(web_address, map(str, websub))), None), topic=topic)


def _load(text: str) -> Any:  # noqa: ANN401 - JSON may be anything
    try:
        return json.loads(text, parse_int=str, parse_float=str, parse_constant=str)
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise ParseError(f"JSON that is cut short or broken in {place}: {error.msg}") from None
    except RecursionError:
        raise ParseError("JSON that is nested too deeply") from None


def _entry(item: object, *, url: str, flaws: list[str]) -> Entry:
    if not isinstance(item, dict):
        raise ParseError("not an object")
    link = None
    for key in ("url", "external_url"):
        link = link or read_address(_text(item, key), lambda: url)
    return make_entry(
        guid=_text(item, "id") or None,
        link=link,
        title=one_line(_text(item, "title")),
        summary=_summary(item),
        published_at=_published_at(item),
        language=read_language(item.get("language")),
        flaws=flaws,
    )


def _summary(item: dict[str, Any]) -> str:
    described, content = (tidy(_text(item, key)) for key in ("summary", "content_text"))
    return both(described, content or to_text(_text(item, "content_html")))


def _published_at(item: dict[str, Any]) -> datetime | None:
    dates = (find_instant(_text(item, key)) for key in ("date_published", "date_modified"))
    return next((at for at in dates if at is not None), None)


def _text(item: dict[str, Any], key: str) -> str:
    value = item.get(key)
    return value if isinstance(value, str) else ""
