"""`monitor feeds find`: which feeds a site has, each tried, nothing stored."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from monitor.cli import config_path
from monitor.cli.feeds_asked import ask_all
from monitor.cli.listing import chosen_format, show
from monitor.errors import FetchError, MonitorError
from monitor.text.counted import counted

if TYPE_CHECKING:
    import argparse
    from datetime import timedelta

    from monitor.app import App
    from monitor.feeds.discovery import Candidate
    from monitor.model import Document, WebPage

FOUND = ("url", "title", "format", "entries", "newest", "language", "found")
FOUND_SHOWN = ("format", "entries", "newest", "found", "title", "url")


def find_feeds(args: argparse.Namespace) -> int:
    """Print the feeds that a site has; return 1 if there are none."""
    from monitor.app import App

    with App.load(config_path(args)) as app:
        site = args.url if "://" in args.url else f"https://{args.url}"
        return _find(app, site, args)


def _find(app: App, site: str, args: argparse.Namespace) -> int:
    from monitor.feeds.discovery import Candidate, Found

    document = _ask(app, site, None, args.within)
    if isinstance(document, FetchError):
        raise document
    if not isinstance(document, MonitorError):
        rows = [_row(Candidate(site, Found.ITSELF), document)]
    else:
        rows = _try_all(app, _named_by(app, site, args.within), args)
    rows.sort(key=lambda row: list(Found).index(row["found"]))
    show(rows, FOUND, chosen_format(args), shown=FOUND_SHOWN)
    return 0 if rows else 1


def _ask(
    app: App,
    url: str,
    page: WebPage | None,
    within: timedelta | None,
) -> Document | MonitorError:
    from monitor.model import FeedToPoll

    [(_feed, document)] = ask_all(app, [FeedToPoll.once(0, url, url, page=page)], within)
    return document


def _named_by(app: App, site: str, within: timedelta | None) -> list[Candidate]:
    """Return what is worth a try: what the page of *site* leads to, and the usual places."""
    from monitor.feeds.discovery import MOST_LINKS, Candidate, Found, candidates
    from monitor.model import WebPage

    page = _ask(app, site, WebPage.SITE, within)
    if isinstance(page, MonitorError):
        print(f"{site}: {page}: only the usual places are tried", file=sys.stderr)
        return candidates(site, [])[0]
    links = [
        Candidate(entry.link, Found(entry.guid), entry.title)
        for entry in page.entries
        if entry.link and entry.guid
    ]
    chosen, left_out = candidates(site, links)
    if left_out:
        print(
            f"{site}: only the first {MOST_LINKS} links are tried, {left_out} are not",
            file=sys.stderr,
        )
    return chosen


def _try_all(app: App, tried: list[Candidate], args: argparse.Namespace) -> list[dict[str, Any]]:
    """Return the feeds among the candidates; two addresses of the same entries are one feed."""
    from rich.console import Console
    from rich.progress import Progress

    from monitor.feeds.discovery import Found
    from monitor.model import FeedToPoll

    asked = [FeedToPoll.once(number, it.url, it.url) for number, it in enumerate(tried)]
    documents: dict[int, Document] = {}
    console = Console(file=sys.stderr)
    with Progress(console=console, disable=not sys.stderr.isatty()) as progress:
        task = progress.add_task("trying addresses", total=len(asked))
        for feed, document in ask_all(app, asked, args.within):
            progress.advance(task)
            if not isinstance(document, MonitorError):
                documents[feed.id] = document
            elif tried[feed.id].found is Found.NAMED:
                print(f"{feed.url}: named by the page as a feed, but {document}", file=sys.stderr)
    answer = "answers" if len(documents) == 1 else "answer"
    tried_all = counted(len(asked), "address", "addresses")
    print(f"{tried_all} tried, {len(documents)} {answer} with a feed", file=sys.stderr)
    rows: list[dict[str, Any]] = []
    seen: list[tuple[object, ...]] = []
    for number, document in sorted(documents.items()):
        if document.entries and document.entries in seen:
            continue
        seen.append(document.entries)
        rows.append(_row(tried[number], document))
    return rows


def _row(candidate: Candidate, document: Document) -> dict[str, Any]:
    dates = [entry.published_at for entry in document.entries if entry.published_at]
    return {
        "url": candidate.url,
        "title": document.title or candidate.title,
        "format": document.format,
        "entries": len(document.entries),
        "newest": max(dates, default=None),
        "language": document.language,
        "found": candidate.found,
    }
