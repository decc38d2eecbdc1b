"""`monitor stories show`: one story, every report with why it is in it, and what came before."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Any

from monitor.cli import config_path
from monitor.cli.listing import chosen_format, show
from monitor.errors import InputError
from monitor.text.counted import counted
from monitor.text.html import one_line

if TYPE_CHECKING:
    import argparse

    from monitor.model import Story

SHOWN = ("hit_id", "at", "publisher", "language", "joined", "title")


def show_story(args: argparse.Namespace) -> int:
    """Print a story: as JSON whole, as a table with its parts one under the other."""
    from monitor.app import App
    from monitor.store import edits, stories
    from monitor.store.engine import reading

    with App.load(config_path(args)) as app, reading(app.store) as connection:
        told = stories.told(connection, [args.story]).get(args.story)
        if told is None:
            raise InputError(stories.why_gone(connection, args.story))
        made = edits.of_story(connection, args.story)
        reports = [asdict(it) for it in stories.reports(connection, args.story)]
    chosen = chosen_format(args)
    if chosen == "table":
        _print(told, made)
        show(iter(reports), list(reports[0]), chosen, shown=SHOWN)
    elif chosen == "csv":
        show(iter(reports), list(reports[0]), chosen, shown=SHOWN)
    else:
        data = asdict(told) | {"reports": reports, "edits": made}
        indent = 2 if chosen == "json" else None
        print(json.dumps(data, ensure_ascii=False, indent=indent, default=_text))
    return 0


def _text(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)


def _print(story: Story, made: list[dict[str, Any]]) -> None:
    print(f"story {story.id}: {one_line(story.headline)}")
    told = {
        "company": story.company,
        "topic": story.topic,
        "stage": story.stage,
        "regulator": story.regulator,
        "amount": story.amount_text,
        "first seen": story.first_at,
        "last seen": story.last_at,
        "hits": story.hits,
        "sources": len(story.sources),
        "proceeding": story.proceeding_id,
    }
    for name, value in told.items():
        if value is not None:
            print(f"  {name:11} {one_line(_text(value))}")
    for step in story.earlier:
        stage = step.stage or "-"
        print(
            f"  before      {step.at:%Y-%m-%d} {stage}: story {step.story_id},"
            f" {one_line(step.headline)}"
        )
    for edit in made:
        note = f" ({one_line(edit['note'])})" if edit["note"] else ""
        hits = counted(len(edit["hits"]), "hit")
        print(
            f"  edit {edit['edit_id']:<6} {edit['at']:%Y-%m-%d} {edit['verb']} by"
            f" {one_line(edit['who'])}: {hits} from story {edit['story_id']}"
            f" to story {edit['other_story_id']}{note}"
        )
