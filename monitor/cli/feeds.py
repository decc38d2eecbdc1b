"""`monitor feeds`: the health of each feed; `check` fetches and judges without storing."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from monitor.cli import config_path, declare
from monitor.cli.listing import chosen_format, format_option, show

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from monitor.app import App
    from monitor.errors import FetchError
    from monitor.model import Answer, FeedToPoll

SHOWN = (
    *("feed_id", "state", "last_ok_at", "newest_article_at", "articles", "hits", "gaps"),
    *("moved_to", "state_reason"),
)
CHECKED = ("feed_id", "verdict", "entries", "newest", "reason", "terms", "url")
CHECKED_SHOWN = ("feed_id", "verdict", "entries", "newest", "terms", "reason")


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declare the command."""
    purpose = "show how each feed fares, or try them"
    command = declare(commands, "feeds", purpose)
    command.add_argument(
        "action",
        nargs="?",
        choices=("list", "check"),
        default="list",
        help="list (default): what the polls found; check: fetch each feed now, store nothing",
    )
    format_option(command)
    command.set_defaults(work=_feeds)


def _feeds(args: argparse.Namespace) -> int:
    from monitor.app import App

    with App.load(config_path(args)) as app:
        return _check(app, args) if args.action == "check" else _list(app, args)


def _list(app: App, args: argparse.Namespace) -> int:
    from monitor.store import queries
    from monitor.store.engine import reading

    with reading(app.sessions) as session:
        rows = queries.rows(session, queries.FEEDS, queries.Filter())
        show(rows, list(queries.FEEDS.columns), chosen_format(args), shown=SHOWN)
    return 0


def _check(app: App, args: argparse.Namespace) -> int:
    from rich.console import Console
    from rich.progress import Progress

    feeds = list(_as_claimed(app))
    console = Console(file=sys.stderr)
    found = []
    with Progress(console=console, disable=not sys.stderr.isatty()) as progress:
        task = progress.add_task("checking feeds", total=len(feeds))
        for row in _judge_all(app, feeds):
            found.append(row)
            progress.advance(task)
    terms = {feed.key: feed.terms for feed in app.config.model_feeds()}
    found = [{**row, "terms": terms[row["feed_id"]]} for row in found]
    found.sort(key=lambda row: (row["verdict"] == "ok", row["feed_id"]))
    show(found, CHECKED, chosen_format(args), shown=CHECKED_SHOWN)
    return 0 if all(row["verdict"] == "ok" for row in found) else 1


def _as_claimed(app: App) -> Iterator[FeedToPoll]:
    from monitor.model import FeedToPoll

    for number, feed in enumerate(app.config.model_feeds()):
        if feed.enabled:
            yield FeedToPoll(
                id=number,
                key=feed.key,
                url=feed.url,
                name=feed.name,
                language=feed.language,
                company=feed.company,
                interval=feed.interval,
                etag=None,
                last_modified=None,
                body_hash=None,
                failures=0,
                page=feed.page,
            )


def _judge_all(app: App, feeds: list[FeedToPoll]) -> Iterator[dict[str, Any]]:
    from monitor.errors import FetchError, ParseError

    failed: list[dict[str, Any]] = []

    def answered(
        answers: Iterator[tuple[FeedToPoll, Answer | FetchError] | None],
    ) -> Iterator[tuple[FeedToPoll, Answer]]:
        for feed, answer in filter(None, answers):
            if isinstance(answer, FetchError):
                failed.append(_verdict(feed, "failed", str(answer)))
            else:
                yield feed, answer

    for feed, _answer, document in app.parser.parse_all(answered(app.fetcher.fetch_all(feeds))):
        if isinstance(document, ParseError):
            yield _verdict(feed, "unreadable", str(document))
            continue
        dates = [entry.published_at for entry in document.entries if entry.published_at]
        flaws = "; ".join((*document.flaws, *document.rejected))
        verdict = _verdict(feed, "ok" if document.entries else "empty", flaws)
        yield {**verdict, "entries": len(document.entries), "newest": max(dates, default=None)}
    yield from failed


def _verdict(feed: FeedToPoll, verdict: str, reason: str) -> dict[str, Any]:
    return {
        "feed_id": feed.key,
        "verdict": verdict,
        "entries": None,
        "newest": None,
        "reason": reason,
        "url": feed.url,
    }
