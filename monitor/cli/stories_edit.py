"""`monitor stories split`, `merge` and `undo`: what an analyst changes, kept on record."""

from __future__ import annotations

import getpass
from typing import TYPE_CHECKING, TypeVar

from monitor.cli import config_path
from monitor.cli.listing import count
from monitor.errors import UsageError
from monitor.text.html import one_line

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

_Made = TypeVar("_Made")


def edit_options(command: argparse.ArgumentParser) -> None:
    """Declare who makes the edit, and why."""
    command.add_argument("--note", metavar="TEXT", help="why")
    command.add_argument("--who", metavar="NAME", help="whose edit it is (default: the user)")


def numbers(text: str) -> list[int]:
    """Return the numbers in "3,5"."""
    return [count(part.strip()) for part in text.split(",")]


def split_story(args: argparse.Namespace) -> int:
    """Move some hits of a story into a new one."""
    from monitor.store import edits

    edit, new = _edit(
        args, lambda connection, **by: edits.split(connection, args.story, args.hits, **by)
    )
    moved = ", ".join(map(str, sorted(set(args.hits))))
    print(f"edit {edit}: moved from story {args.story} into the new story {new}: hit {moved}")
    return 0


def merge_stories(args: argparse.Namespace) -> int:
    """Move all hits of a story into another."""
    from monitor.store import edits

    edit = _edit(
        args, lambda connection, **by: edits.merge(connection, args.story, args.other, **by)
    )
    print(f"edit {edit}: the hits of story {args.other} are now in story {args.story}")
    return 0


def undo_edit(args: argparse.Namespace) -> int:
    """Move the hits of an edit back."""
    from monitor.store import edits

    edit, story = _edit(args, lambda connection, **by: edits.undo(connection, args.edit, **by))
    print(f"edit {edit}: the hits of edit {args.edit} are back in story {story}")
    return 0


def _edit(args: argparse.Namespace, work: Callable[..., _Made]) -> _Made:
    from monitor.app import App

    who = one_line(args.who if args.who is not None else getpass.getuser())
    if not who:
        raise UsageError("--who names nobody")
    note = one_line(args.note) if args.note else None
    with App.load(config_path(args)) as app, app.store.begin() as connection:
        return work(connection, who=who, at=app.clock.now(), note=note)
