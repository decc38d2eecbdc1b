"""`monitor stories`: what happened, however many reported it; one of them, or an edit of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from monitor.cli import declare
from monitor.cli.listing import count, format_option
from monitor.cli.query import add_query, run_query
from monitor.cli.stories_edit import edit_options, merge_stories, numbers, split_story, undo_edit
from monitor.cli.stories_show import show_story

if TYPE_CHECKING:
    import argparse

SHOWN = ("story_id", "last_seen", "company", "topic", "stage", "sources", "headline")


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declare `monitor stories` and its actions; without one it lists."""
    command = add_query(commands, "stories", "list stories, newest first; show or edit one")
    command.set_defaults(work=lambda args: run_query(args, "STORIES", SHOWN))
    actions = command.add_subparsers(metavar="ACTION")
    shown = declare(actions, "show", "one story: its sources, why they are in it, what came before")
    shown.add_argument("story", type=count, metavar="STORY_ID")
    format_option(shown, inherited=True)
    shown.set_defaults(work=show_story)
    cut = declare(actions, "split", "move hits of a story into a new one")
    cut.add_argument("story", type=count, metavar="STORY_ID")
    cut.add_argument("--hits", type=numbers, required=True, metavar="ID,ID", help="which to move")
    cut.set_defaults(work=split_story)
    joined = declare(actions, "merge", "move all hits of another story into a story")
    joined.add_argument("story", type=count, metavar="STORY_ID", help="that stays")
    joined.add_argument("other", type=count, metavar="OTHER_ID", help="whose hits it takes")
    joined.set_defaults(work=merge_stories)
    back = declare(actions, "undo", "take a split or a merge back")
    back.add_argument("edit", type=count, metavar="EDIT_ID")
    back.set_defaults(work=undo_edit)
    for action in (cut, joined, back):
        edit_options(action)
