"""`monitor feeds check`: fetch feeds now, judge each, store nothing."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from monitor.cli import config_path
from monitor.cli.feeds_asked import ask_all
from monitor.cli.listing import chosen_format, show
from monitor.errors import FetchError, ParseError, UsageError

if TYPE_CHECKING:
    import argparse

    from monitor.app import App
    from monitor.model import Document, Feed, FeedToPoll

CHECKED = ("feed_id", "verdict", "entries", "newest", "reason", "terms", "url")
CHECKED_SHOWN = ("feed_id", "verdict", "entries", "newest", "terms", "reason")


def check_feeds(args: argparse.Namespace) -> int:
    """Print a verdict on each feed; return 0 if all are well."""
    from monitor.app import App

    with App.load(config_path(args)) as app:
        return _check(app, _chosen(app, args.feeds), args)


def _chosen(app: App, keys: list[str]) -> list[Feed]:
    """Return the feeds so named, even those switched off; all that are switched on if none is."""
    configured = {feed.key: feed for feed in app.config.model_feeds()}
    unknown = [key for key in keys if key not in configured]
    if unknown:
        raise UsageError(f"no feed is called {unknown[0]!r}; `monitor feeds` lists them")
    if keys:
        return [configured[key] for key in dict.fromkeys(keys)]
    return [feed for feed in configured.values() if feed.enabled]


def _check(app: App, feeds: list[Feed], args: argparse.Namespace) -> int:
    from rich.console import Console
    from rich.progress import Progress

    from monitor.model import FeedToPoll

    asked = [
        FeedToPoll.once(number, feed.key, feed.url, page=feed.page)
        for number, feed in enumerate(feeds)
    ]
    terms = {feed.key: feed.terms for feed in feeds}
    found = []
    console = Console(file=sys.stderr)
    with Progress(console=console, disable=not sys.stderr.isatty()) as progress:
        task = progress.add_task("checking feeds", total=len(asked))
        for feed, document in ask_all(app, asked, args.within):
            found.append({**judge(feed, document), "terms": terms[feed.key]})
            progress.advance(task)
    found.sort(key=lambda row: (row["verdict"] == "ok", row["feed_id"]))
    show(found, CHECKED, chosen_format(args), shown=CHECKED_SHOWN)
    return 0 if all(row["verdict"] == "ok" for row in found) else 1


def judge(feed: FeedToPoll, found: Document | FetchError | ParseError) -> dict[str, Any]:
    """Return the verdict on what was read of *feed*, or on why nothing was."""
    about = {"feed_id": feed.key, "url": feed.url, "entries": None, "newest": None}
    if isinstance(found, FetchError):
        return {**about, "verdict": "failed", "reason": str(found)}
    if isinstance(found, ParseError):
        return {**about, "verdict": "unreadable", "reason": str(found)}
    dates = [entry.published_at for entry in found.entries if entry.published_at]
    return {
        **about,
        "verdict": "ok" if found.entries else "empty",
        "reason": "; ".join((*found.flaws, *found.rejected)),
        "entries": len(found.entries),
        "newest": max(dates, default=None),
    }
