"""Identity: is this entry an article we already have? Pure.

Nothing an entry says of itself can be trusted alone: feeds share one guid among all entries, reuse
a guid for new content, give every item the same link, change slugs, add tracking parameters, or
switch from one guid policy to another. So:

* With guid and link both given, an entry is a known article if two of guid, link and title agree.
* With only one of them given, that one decides, unless entries of one document share it.
* With neither, title and summary together decide.
* A link that a feed gives to several guids says nothing ("latest news" pages): the guid decides.
* A known article with other words than this feed showed before is a revision.

A wrong "new" costs a repeat, a wrong "known" loses an article for good: doubt means new.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

if TYPE_CHECKING:
    from collections.abc import Sequence

    from monitor.model.documents import Entry

TRACKING = frozenset(
    (
        *("fbclid", "gclid", "dclid", "msclkid", "yclid", "igshid", "mc_cid", "mc_eid", "_ga"),
        *("cmpid", "cmp", "ocid", "ncid", "spm", "scm", "guccounter", "guce_referrer", "taid"),
        *("at_medium", "at_campaign", "at_custom1", "feature_id", "feedtype", "feedname"),
    )
)
TRACKING_PREFIXES = ("utm_", "pk_", "mtm_", "hsa_", "at_bbc")
# Most addresses need no cleaning: a host in lower case without a port, a path, and no more.
_CLEAN = re.compile(r"https?://([a-z0-9-]+(?:\.[a-z0-9-]+)*)(/[^\s?#\x00-\x1f]*)")
TWO_OF_THREE = 2
LONGEST = 500  # characters of a guid or link that are compared as they are: databases index them


class Identity(NamedTuple):
    """What an entry says of itself, made comparable. *link* has no scheme; *title* is folded.

    A long guid or link is cut and ends in a digest of the whole. It is a tuple as an entry is.
    """

    guid: str
    link: str
    title: str
    content_hash: str


@dataclass(frozen=True, slots=True)
class KnownArticle:
    """An article in the store that may be meant.

    *sightings* maps the guids under which this feed showed it to the content hash it had then.
    """

    id: int
    link: str
    title: str
    sightings: dict[str, str]


@dataclass(frozen=True, slots=True)
class Verdict:
    """*article* is None for a new one; *revised* if this feed showed it with other words."""

    article: KnownArticle | None
    revised: bool = False


def clean_url(url: str) -> str:
    """Return *url* without tracking parameters, fragment and default port; host in lower case."""
    if _CLEAN.fullmatch(url):
        return url
    parts = urlsplit(url.strip())
    host = (parts.hostname or "").rstrip(".")
    if ":" in host:
        host = f"[{host}]"
    if parts.port and (parts.scheme, parts.port) not in {("http", 80), ("https", 443)}:
        host = f"{host}:{parts.port}"
    query = parts.query
    if query:
        kept = [
            (name, value)
            for name, value in parse_qsl(query, keep_blank_values=True)
            if name.lower() not in TRACKING and not name.lower().startswith(TRACKING_PREFIXES)
        ]
        query = urlencode(kept)
    return urlunsplit((parts.scheme.lower(), host, parts.path or "/", query, ""))


def link_key(url: str | None) -> str:
    """Return what two addresses of one article have in common, "" for none.

    Scheme, "www.", a trailing slash and the order of parameters do not count.
    """
    if not url:
        return ""
    if plain := _CLEAN.fullmatch(url):
        return plain[1].removeprefix("www.") + plain[2].rstrip("/")
    parts = urlsplit(clean_url(url))
    query = "&".join(sorted(parts.query.split("&"))) if parts.query else ""
    path = parts.path.rstrip("/")
    return parts.netloc.removeprefix("www.") + path + (f"?{query}" if query else "")


def comparable_link(url: str | None) -> str:
    """Return `link_key` of *url*, cut if it is long, as it is stored and looked up."""
    return _bounded(link_key(url))


def identity(entry: Entry) -> Identity:
    """Return the comparable form of *entry*."""
    return Identity(
        guid=comparable_guid(entry.guid),
        link=comparable_link(entry.link),
        title=title_key(entry.title),
        content_hash=digest(entry.title, entry.summary),
    )


def comparable_guid(given: str | None) -> str:
    """Return a feed's own id as it is stored and looked up, "" for none."""
    guid = (given or "").strip()
    if guid.startswith(("http://", "https://")):
        guid = _guid_key(guid)
    return _bounded(guid)


def _guid_key(guid: str) -> str:
    try:
        return link_key(guid)
    except ValueError:  # not an address after all: take it as it stands
        return guid


def _bounded(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[: LONGEST // 2]}~{digest(text)}"


def title_key(title: str) -> str:
    """Return *title* as it is compared: case and spaces do not count."""
    return " ".join(title.casefold().split())


def digest(*parts: str) -> str:
    """Return a short name for *parts*: equal for equal parts, in practice different otherwise."""
    return sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()[:32]


def article_key(feed_key: str, mine: Identity, *, generic: bool = False) -> str:
    """Return the key under which a new article is stored; the store holds it unique.

    Two workers that find one article in two feeds at once make the same key. *generic* says that
    the feed gives the link to several articles.
    """
    if mine.link and not generic:
        return digest("link", mine.link, mine.title)
    content = "" if mine.guid else mine.content_hash
    return digest("feed", feed_key, mine.guid, mine.link, mine.title, content)


def identify(entries: Sequence[Identity], known: Sequence[KnownArticle]) -> list[Verdict]:
    """Judge each of *entries*, which come from one document, against *known* articles.

    *known* must hold every stored article with the link of an entry, or seen in this feed under
    the guid of an entry.
    """
    if not known:
        return [Verdict(None)] * len(entries)
    by_link: dict[str, list[KnownArticle]] = {}
    by_guid: dict[str, list[KnownArticle]] = {}
    for article in known:
        by_link.setdefault(article.link, []).append(article)
        for guid in article.sightings:
            by_guid.setdefault(guid, []).append(article)
    shared = _shared(entries)
    generic = generic_links(entries, known)
    verdicts = []
    for mine in entries:
        usable = mine if mine.link not in generic else mine._replace(link="")
        candidates = by_guid.get(mine.guid, []) + (
            by_link.get(usable.link, []) if usable.link else []
        )
        verdicts.append(_judge(usable, candidates, shared=(mine.guid, mine.link) in shared))
    return _one_title_each(entries, verdicts)


def _one_title_each(entries: Sequence[Identity], verdicts: Sequence[Verdict]) -> list[Verdict]:
    """Let a known article stand for one title of this document; entries with others are new."""
    titles: dict[int, str] = {}
    for mine, verdict in zip(entries, verdicts, strict=True):
        if verdict.article is not None:
            if mine.title == title_key(verdict.article.title):
                titles[verdict.article.id] = mine.title
            else:
                titles.setdefault(verdict.article.id, mine.title)
    return [
        verdict
        if verdict.article is None or titles[verdict.article.id] == mine.title
        else Verdict(None)
        for mine, verdict in zip(entries, verdicts, strict=True)
    ]


def generic_links(entries: Sequence[Identity], known: Sequence[KnownArticle]) -> set[str]:
    """Return the links that this feed gives to articles under more than one guid."""
    links = [mine.link for mine in entries if mine.link]
    if not known and len(set(links)) == len(links):
        return set()
    guids: dict[str, set[str]] = {}
    contents: dict[str, set[str]] = {}
    for mine in entries:
        if mine.link and mine.guid:
            guids.setdefault(mine.link, set()).add(mine.guid)
            contents.setdefault(mine.link, set()).add(mine.content_hash)
    owners = Counter(article.link for article in known if any(article.sightings))
    return {
        link
        for link, found in guids.items()
        if (len(found) > 1 and len(contents[link]) > 1) or owners[link] > 1
    }


def _shared(entries: Sequence[Identity]) -> set[tuple[str, str]]:
    titles: dict[tuple[str, str], set[str]] = {}
    for mine in entries:
        titles.setdefault((mine.guid, mine.link), set()).add(mine.title)
    return {pair for pair, seen in titles.items() if len(seen) > 1}


def _judge(mine: Identity, candidates: Sequence[KnownArticle], *, shared: bool) -> Verdict:
    same = [article for article in candidates if _same(mine, article, shared=shared)]
    if not same:
        return Verdict(None)
    # Of several, the one that agrees most; of equals, the oldest.
    best = max(same, key=lambda article: (_agreement(mine, article), -article.id))
    before = best.sightings.get(mine.guid)
    if before is None:  # not seen in this feed, or under another guid: only its title is known
        return Verdict(best, revised=mine.title != title_key(best.title))
    return Verdict(best, revised=before != mine.content_hash)


def _same(mine: Identity, article: KnownArticle, *, shared: bool) -> bool:
    same_title = mine.title == title_key(article.title)
    if shared and not same_title:
        return False
    agreement = _agreement(mine, article)
    if mine.guid and mine.link:
        return agreement >= TWO_OF_THREE
    if mine.guid or mine.link:
        return agreement > same_title
    return same_title and mine.content_hash in article.sightings.values()


def _agreement(mine: Identity, article: KnownArticle) -> int:
    return (
        (mine.link != "" and mine.link == article.link)
        + (mine.guid != "" and mine.guid in article.sightings)
        + (mine.title == title_key(article.title))
    )
