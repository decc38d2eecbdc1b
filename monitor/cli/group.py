"""`monitor group`: detection and grouping alone, NDJSON in, NDJSON out; no database.

* One line out for each line in, in the same order: `{"id": ..., "story": "s1"}`, or null for an
  item without a hit. A line that cannot be used gives an error line, and the run exits 1.
* An item with several hits is shown in the story of its best one.
* An item without `published` is taken to have appeared with the one before it.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from monitor.cli import config_option
from monitor.cli.match import Reading, file_argument, line, read_items
from monitor.cli.published import published
from monitor.model import HitToGroup

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable

    from monitor.cli.match import Item
    from monitor.model import Match

_START = datetime(2000, 1, 1, tzinfo=UTC)


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declare the command."""
    command = commands.add_parser(
        "group",
        help="group NDJSON items into stories; no database",
        description="Reads items as NDJSON (id, title, published, ...), writes their stories.",
        parents=[config_option()],
    )
    file_argument(command)
    command.set_defaults(work=_group)


def _group(args: argparse.Namespace) -> int:
    reading = Reading.with_config(args)
    items = list(read_items(args.file))
    found = [reading.find(item) if item.error is None else () for item in items]
    for item, story in zip(items, stories_of(items, found), strict=True):
        told = {"story": story} if item.error is None else {"error": item.error}
        print(line({"id": item.id, **told}))
    return 1 if any(item.error for item in items) else 0


def stories_of(items: Iterable[Item], found: Iterable[tuple[Match, ...]]) -> list[str | None]:
    """Return the story of each item, by a name that holds for this run; None without a hit."""
    from monitor.stories.group import group

    hits: list[HitToGroup] = []
    best: list[int | None] = []
    at = _START
    for item, matches in zip(items, found, strict=True):
        at = published((item.data or {}).get("published")) or at
        reported = [match for match in matches if match.rejected is None]
        scores = [match.score for match in reported]
        best.append(len(hits) + scores.index(max(scores)) if scores else None)
        for match in reported:
            told = match.company, match.topic, match.stage
            hits.append(HitToGroup(len(hits), *told, item.title, at))
    grouping = group(hits, ())
    name = {hit: f"s{n}" for n, story in enumerate(grouping.new, start=1) for hit in story}
    return [None if hit is None else name[hit] for hit in best]
