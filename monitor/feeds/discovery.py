"""Discovery: where a site may have feeds, by its page and by what is usual. Pure.

* A page names its feeds by `<link rel="alternate">`; many link them in their text alone.
* Whether an address is a feed is for whoever fetches it: nothing here knows.
* What is worth a try is limited, and how much was left out is told.

Source: https://html.spec.whatwg.org/multipage/links.html#rel-alternate
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final
from urllib.parse import urljoin, urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterable

MOST_LINKS: Final = 50  # of one page that are tried
FEED_TYPES: Final = frozenset(
    {
        "application/rss+xml",
        "application/atom+xml",
        "application/rdf+xml",
        "application/feed+json",
        "application/json",
        "application/xml",
        "text/xml",
    }
)
_JSON_API: Final = "/wp-json/"  # named as an alternate by every WordPress page, and never a feed
WELL_KNOWN: Final = (
    *("/feed", "/rss", "/rss.xml", "/feed.xml", "/atom.xml", "/index.xml", "/feeds"),
    *("/feed.json", "/news/rss", "/news/feed", "/news-sitemap.xml", "/sitemap-news.xml"),
)
_FEEDLIKE: Final = re.compile(
    r"(?:[./](?:rss|atom|rdf)|[./]xml|feeds?(?:\.xml|\.json)?|rss\w*\.(?:aspx?|php|jsp))/?$"
    r"|/(?:rss|feeds?)/",
    re.IGNORECASE,
)


class Found(StrEnum):
    """How a site led to an address."""

    ITSELF = "itself"  # the address that was given is a feed
    NAMED = "named"  # by <link rel="alternate">
    LINKED = "linked"  # in the text of the page
    USUAL = "usual"  # a place where many sites have theirs


@dataclass(frozen=True, slots=True)
class Candidate:
    """An address that may be a feed; *title* is what the page calls it, "" if nothing."""

    url: str
    found: Found
    title: str = ""


def is_feedlike(href: str) -> bool:
    """Return whether an address in the text of a page looks like that of a feed."""
    try:
        parts = urlsplit(href)
    except ValueError:
        return False
    return bool(_FEEDLIKE.search(parts.path)) or parts.query.startswith("feed=")


def names_feed(rel: str, kind: str, href: str) -> bool:
    """Return whether a `<link>` with these attributes names a feed of its page."""
    is_alternate = "alternate" in rel.lower().split()
    kind = kind.partition(";")[0].strip().lower()
    return is_alternate and kind in FEED_TYPES and _JSON_API not in href


def candidates(site: str, links: Iterable[Candidate]) -> tuple[list[Candidate], int]:
    """Return what to try, named ones first, each address once; and how many links are left out.

    The usual places are those of the site's host.
    """
    order = [Found.NAMED, Found.LINKED]
    ranked = sorted(links, key=lambda it: order.index(it.found))
    distinct = list({it.url: it for it in reversed(ranked)}.values())[::-1]
    tried = distinct[:MOST_LINKS]
    known = {it.url.rstrip("/") for it in tried}
    usual = (urljoin(site, path) for path in WELL_KNOWN)
    more = [Candidate(url, Found.USUAL) for url in usual if url not in known]
    return [*tried, *more], len(distinct) - len(tried)
