"""`monitor group`: detection and grouping alone, NDJSON in, NDJSON out; no database.

* One line out for each line in, in the same order: `{"id": ..., "story": "s1"}`, or null for an
  item without a hit. A line that cannot be used gives an error line, and the run exits 1.
* An item with several hits is shown in the story of its best one.
* An item without `published` is taken to have appeared with the one before it.
"""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from monitor.cli import config_option
from monitor.cli.match import Reading, file_argument, line, read_items
from monitor.cli.published import during
from monitor.model import HitToGroup
from monitor.store.grouping import WEIGHED, subject

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable

    from monitor.cli.match import Item
    from monitor.model import Match

_START = datetime(2000, 1, 1, tzinfo=UTC)
_CLOSE = 0.25


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
    held: list[list[tuple[int, float]]] = []
    span: tuple[datetime, datetime | None] = _START, None
    for item, matches in zip(items, found, strict=True):
        span = during((item.data or {}).get("published")) or span
        reported = [match for match in matches if match.rejected is None]
        held.append([])
        for match in reported:
            held[-1].append((len(hits), match.score))
            hits.append(to_group(len(hits), match, item, *span))
    grouping = group(hits, ())
    number = {hit: n for n, story in enumerate(grouping.new, start=1) for hit in story}
    best = shown([{number[hit]: score for hit, score in reversed(own)} for own in held])
    return [None if story is None else f"s{story}" for story in best]


def to_group(
    number: int, match: Match, item: Item, at: datetime, until: datetime | None = None
) -> HitToGroup:
    """Return a match as grouping reads it; *at* and *until* as in `HitToGroup`."""
    return HitToGroup(
        id=number,
        company=match.company,
        topic=match.topic,
        stage=match.stage,
        title=item.title,
        at=at,
        until=until,
        summary=item.summary,
        regulator=match.regulator,
        amounts=match.amounts,
        event_date=match.event_date,
        subject=subject(match.company, (it.term for it in match.evidence)),
        names=tuple(it.text for it in match.evidence if it.role in WEIGHED),
    )


def shown(items: list[dict[int, float]]) -> list[int | None]:
    """Return for each item, given the stories it has hits in with their scores, the one to show.

    Of those it is nearly as surely about, the one that most items are in, then the earliest: so
    that articles on one happening which give two topics each are shown together.
    """
    sizes = Counter(story for stories in items for story in stories)
    chosen: list[int | None] = []
    for stories in items:
        least = max(stories.values(), default=0) - _CLOSE
        near = [story for story, score in stories.items() if score >= least]
        chosen.append(min(near, key=lambda story: (-sizes[story], story), default=None))
    return chosen
