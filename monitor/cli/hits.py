"""`monitor hits`: where a company and a topic met."""

from __future__ import annotations

from typing import TYPE_CHECKING

from monitor.cli.query import add_query, run_query

if TYPE_CHECKING:
    import argparse

SHOWN = ("hit_id", "found_at", "company", "topic", "stage", "score", "publisher", "title")


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declare the command."""
    command = add_query(commands, "hits", "list hits, newest first")
    command.set_defaults(work=lambda args: run_query(args, "HITS", SHOWN))
