"""`monitor feeds`: how each feed fares; its other actions stand in files of their own."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from monitor.cli import config_path, declare
from monitor.cli.feeds_opml import export_feeds, import_feeds
from monitor.cli.listing import chosen_format, format_option, show

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterator

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
    """Declare `monitor feeds` and its actions; without one it lists."""
    command = declare(commands, "feeds", "show how each feed fares, try, import or export them")
    format_option(command)
    command.set_defaults(work=_list)
    actions = command.add_subparsers(metavar="ACTION")
    listed = _action(actions, "list", "what the polls found (default)", _list)
    format_option(listed, inherited=True)
    tried = _action(actions, "check", "fetch each feed now and judge it, store nothing", _check)
    format_option(tried, inherited=True)
    taken = _action(actions, "import", "print the new feeds of an OPML file as YAML", import_feeds)
    taken.add_argument("file", metavar="FILE.opml", help="- for stdin")
    taken.add_argument("--write", action="store_true", help="put them into the configuration file")
    _action(actions, "export", "print the feeds of the configuration as OPML", export_feeds)


def _action(
    actions: argparse._SubParsersAction[argparse.ArgumentParser],
    name: str,
    purpose: str,
    work: Callable[[argparse.Namespace], int],
) -> argparse.ArgumentParser:
    action = declare(actions, name, purpose)
    action.set_defaults(work=work)
    return action


def _list(args: argparse.Namespace) -> int:
    from monitor.app import App
    from monitor.store import queries
    from monitor.store.engine import reading

    with App.load(config_path(args)) as app, reading(app.sessions) as session:
        rows = queries.rows(session, queries.FEEDS, queries.Filter())
        show(rows, list(queries.FEEDS.columns), chosen_format(args), shown=SHOWN)
    return 0


def _check(args: argparse.Namespace) -> int:
    from monitor.app import App

    with App.load(config_path(args)) as app:
        return _check_all(app, args)


def _check_all(app: App, args: argparse.Namespace) -> int:
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

    read = app.parser.parse_all(answered(app.fetcher.fetch_all(feeds)))
    for feed, _answer, document in filter(None, read):
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
