"""`monitor feeds`: how each feed fares; its other actions stand in files of their own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from monitor.cli import config_path, declare
from monitor.cli.feeds_asked import within_option
from monitor.cli.feeds_check import check_feeds
from monitor.cli.feeds_find import find_feeds
from monitor.cli.feeds_opml import export_feeds, import_feeds
from monitor.cli.listing import chosen_format, format_option, show

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

SHOWN = (
    *("feed_id", "state", "last_ok_at", "newest_article_at", "articles", "hits", "gaps"),
    *("pages_given_up", "moved_to", "state_reason"),
)


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declare `monitor feeds` and its actions; without one it lists."""
    command = declare(
        commands, "feeds", "show how each feed fares; try, find, import or export them"
    )
    format_option(command)
    command.set_defaults(work=_list)
    actions = command.add_subparsers(metavar="ACTION")
    listed = _action(actions, "list", "what the polls found (default)", _list)
    format_option(listed, inherited=True)
    tried = _action(actions, "check", "fetch feeds now and judge them, store nothing", check_feeds)
    tried.add_argument("feeds", nargs="*", metavar="ID", help="default: all that are switched on")
    within_option(tried)
    format_option(tried, inherited=True)
    sought = _action(actions, "find", "look for the feeds of a site, store nothing", find_feeds)
    sought.add_argument("url", metavar="URL", help="of the site, or of any page of it")
    within_option(sought)
    format_option(sought, inherited=True)
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

    with App.load(config_path(args)) as app, reading(app.store) as connection:
        rows = queries.rows(connection, queries.FEEDS, queries.Filter())
        show(rows, list(queries.FEEDS.columns), chosen_format(args), shown=SHOWN)
    return 0
