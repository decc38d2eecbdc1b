"""`monitor eval`: precision, recall and F1 of detection on labelled items, B-cubed of grouping.

* A line is an item as for `monitor match`, with `labels` and, if a reader could defend a pair
  either way, `optional`; each is a list of `{"company", "topic"}` (`event` is `topic` too).
* `needs_context: true`, on a label or a line, marks what cannot be told from the text alone;
  the scores are given with and without.
* A label may also name `stage`, `regulator`, `amounts` and `date`; these are scored over the pairs
  that were found.
* If lines have a `story`, the grouping of those lines is scored as well.
* A line that cannot be used is named on stderr and left out, and the run exits 1.
"""

from __future__ import annotations

import sys
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from monitor.cli import config_option
from monitor.cli.group import stories_of
from monitor.cli.labels import FIELDS, cases, read_labels
from monitor.cli.match import Reading, line, read_items
from monitor.detect.evaluate import (
    Judged,
    Scores,
    b_cubed,
    pairs_across,
    score,
    score_by,
    score_field,
    without_context,
)
from monitor.text.html import one_line

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping, Sequence

    from monitor.cli.match import Item
    from monitor.detect.evaluate import FieldCase, FieldScores, Grouped, Pair
    from monitor.model import Match

_Fields = dict[tuple[str, "Pair"], "FieldCase"]  # the case of each field of each pair found


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declare the command."""
    command = commands.add_parser(
        "eval",
        help="score detection and grouping on labelled NDJSON items",
        description="Holds detection, and grouping if lines have a story, against labels.",
        parents=[config_option()],
    )
    command.add_argument("file", metavar="FILE", help='labelled NDJSON, "-" for stdin')
    command.add_argument("--by", choices=("company", "topic", "lang"), help="scores of each")
    command.add_argument("--errors", action="store_true", help="list every wrong pair")
    command.add_argument("--format", choices=("table", "json"), default="table")
    command.set_defaults(work=_eval)


def _eval(args: argparse.Namespace) -> int:
    reading = Reading.with_config(args)
    items: list[Item] = []
    found: list[tuple[Match, ...]] = []
    judged: list[Judged] = []
    fields: list[_Fields] = []
    useless = 0
    for item in read_items(args.file):
        matches = reading.find(item) if item.error is None else ()
        try:
            one, told = _judged(item, matches)
        except ValueError as error:
            useless += 1
            print(f"{args.file}:{item.number}: {error}", file=sys.stderr)
            continue
        items.append(item)
        found.append(matches)
        judged.append(one)
        fields.append(told)
    report = _Report(
        scores=score(judged),
        without_context=score(without_context(judged)),
        groups=score_by(judged, args.by) if args.by else {},
        grouping=_grouping(items, found),
        fields=_score_fields(fields),
        errors=[*_errors(judged), *_field_errors(judged, fields)] if args.errors else None,
    )
    print(_as_json(report)) if args.format == "json" else _print_table(report, args.by)
    return 1 if useless else 0


def _judged(item: Item, matches: Sequence[Match]) -> tuple[Judged, _Fields]:
    """Return the item with its labels read; raises ValueError if they are none."""
    if item.error is not None:
        raise ValueError(item.error)
    data = item.data or {}
    if "labels" not in data:
        raise ValueError('lacks "labels"')
    labels, optional = read_labels(data["labels"]), read_labels(data.get("optional") or [])
    found = {(match.company, match.topic): match for match in matches if not match.rejected}
    judged = Judged(
        id=str(item.id),
        title=item.title,
        lang=str(data.get("lang") or ""),
        wanted=frozenset(labels.context),
        optional=frozenset(optional.context) - frozenset(labels.context),
        found=frozenset(found),
        context=frozenset(pair for pair, flagged in labels.context.items() if flagged),
        needs_context=data.get("needs_context") is True,
    )
    fields = {
        (name, pair): case
        for pair, wanted in labels.fields.items()
        if pair in found
        for name, case in cases(wanted, found[pair]).items()
    }
    return judged, fields


def _score_fields(items: Sequence[_Fields]) -> dict[str, FieldScores]:
    """Return the scores of each field that some label names."""
    named = {name for fields in items for name, _ in fields}
    return {
        field: score_field(
            case for fields in items for (name, _), case in fields.items() if name == field
        )
        for field in FIELDS
        if field in named
    }


def _grouping(items: Sequence[Item], found: Sequence[tuple[Match, ...]]) -> _Grouping | None:
    stories = stories_of(items, found)
    told = [
        (str(item.data["story"]), story, str(item.data.get("lang") or ""))
        for item, story in zip(items, stories, strict=True)
        if item.data and item.data.get("story") is not None
    ]
    if not told:
        return None
    with_hit = [(true, story) for true, story, _ in told if story is not None]
    return _Grouping(
        b_cubed([(true, story) for true, story, _ in told]), b_cubed(with_hit), *pairs_across(told)
    )


def _errors(judged: Sequence[Judged]) -> list[dict[str, str]]:
    return [
        {"id": item.id, "error": kind, "company": company, "topic": topic, "title": item.title}
        for item in judged
        for kind, pairs in (("false positive", item.extra), ("false negative", item.missed))
        for company, topic in sorted(pairs)
    ]


def _field_errors(judged: Sequence[Judged], items: Sequence[_Fields]) -> list[dict[str, str]]:
    return [
        {
            "id": item.id,
            "error": f"wrong {name}" if case.wrong else f"missed {name}",
            "company": company,
            "topic": topic,
            "title": item.title,
            "told": ", ".join(sorted(case.told)),
            "needed": ", ".join(" or ".join(sorted(choice)) for choice in case.needed),
        }
        for item, fields in zip(judged, items, strict=True)
        for (name, (company, topic)), case in fields.items()
        if case.wrong or case.missed
    ]


# --- output ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Grouping:
    """Of all items that name a story, and of those with a hit: one without is a story by itself.

    *across* counts the pairs of items of one story in two languages, *joined* those put together.
    """

    scores: Grouped
    with_hit: Grouped
    across: int
    joined: int


@dataclass(frozen=True, slots=True)
class _Report:
    scores: Scores
    without_context: Scores
    groups: dict[str, Scores]
    grouping: _Grouping | None
    fields: Mapping[str, FieldScores]
    errors: list[dict[str, str]] | None


def _ratios(scores: Scores | Grouped | FieldScores) -> dict[str, float]:
    return {name: round(getattr(scores, name), 4) for name in ("precision", "recall", "f1")}


def _plain(scores: Scores | Grouped | FieldScores) -> dict[str, Any]:
    return _ratios(scores) | {
        name: count for name, count in asdict(scores).items() if isinstance(count, int)
    }


def _as_json(report: _Report) -> str:
    data: dict[str, Any] = dict(_plain(report.scores))
    data["without_context"] = _plain(report.without_context)
    if report.groups:
        data["groups"] = {key: _plain(scores) for key, scores in report.groups.items()}
    if report.grouping is not None:
        data["grouping"] = _plain(report.grouping.scores) | {
            "with_hit": _plain(report.grouping.with_hit),
            "across_languages": {"pairs": report.grouping.across, "joined": report.grouping.joined},
        }
    if report.fields:
        data["fields"] = {name: _plain(scores) for name, scores in report.fields.items()}
    if report.errors is not None:
        data["errors"] = report.errors
    return line(data, indent=2)


def _print_table(report: _Report, by: str | None) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column(by or "")
    for name in ("precision", "recall", "f1", "right", "extra", "missed", "items"):
        table.add_column(name, justify="right")
    rows = {"all": report.scores, "without context": report.without_context, **report.groups}
    for name, scores in rows.items():
        ratios = [f"{ratio:.3f}" for ratio in _ratios(scores).values()]
        table.add_row(one_line(name), *ratios, *(str(count) for count in asdict(scores).values()))
    if report.grouping is not None:
        both = {
            "grouping (B-cubed)": report.grouping.scores,
            "with a hit": report.grouping.with_hit,
        }
        for name, grouped in both.items():
            ratios = [f"{ratio:.3f}" for ratio in _ratios(grouped).values()]
            table.add_row(name, *ratios, "", "", "", str(grouped.items))
        joined, across = report.grouping.joined, report.grouping.across
        table.add_row("across languages", "", "", "", str(joined), "", str(across - joined))
    for name, field in report.fields.items():
        ratios = [f"{ratio:.3f}" for ratio in _ratios(field).values()]
        wrong, missed = field.told - field.right, field.needed - field.found
        table.add_row(name, *ratios, str(field.right), str(wrong), str(missed), "")
    Console(markup=False, highlight=False, emoji=False).print(table)
    for error in report.errors or ():
        told = one_line(error["title"])
        what = f": {error['told'] or '-'}, not {error['needed'] or '-'}" if "told" in error else ""
        print(f"{error['id']}  {error['error']}{what}  {error['company']}/{error['topic']}  {told}")
