"""`monitor stories`: what happened, however many reported it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from monitor.cli.query import add_query, run_query

if TYPE_CHECKING:
    import argparse

SHOWN = ("story_id", "last_seen", "company", "topic", "stage", "sources", "headline")


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declare the command."""
    command = add_query(commands, "stories", "list stories, newest first")
    command.set_defaults(work=lambda args: run_query(args, "STORIES", SHOWN))
