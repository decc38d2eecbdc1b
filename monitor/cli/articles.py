"""`monitor articles`: everything that was read, whether it matched or not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from monitor.cli.query import add_query, run_query

if TYPE_CHECKING:
    import argparse

SHOWN = ("article_id", "first_seen", "publisher", "hits", "title")


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declare the command."""
    command = add_query(commands, "articles", "list articles, newest first")
    command.set_defaults(work=lambda args: run_query(args, "ARTICLES", SHOWN))
