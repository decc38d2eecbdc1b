"""`monitor backtest`: what other rules would add and remove on stored articles; changes nothing.

* Table and JSON sum up, with examples, the newest of each kind; NDJSON and CSV list every change
  as it is found, and sum up on stderr.
* Only companies, topics and what feeds are bound to are taken from the other configuration.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections import Counter, deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from monitor.cli import config_path, declare
from monitor.cli.listing import chosen_format, count, format_option, instant, instant_text, show
from monitor.cli.progress import jobs_option, working_through
from monitor.text.counted import counted
from monitor.text.html import one_line

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterator

    from monitor.pipeline.backtest import Change, Compared

COLUMNS: Final = (
    "change",
    "company",
    "topic",
    "score",
    "why",
    "title",
    "url",
    "published_at",
    "feed",
    "article_id",
    "hit_id",
    "sentence",
)
FIGURES: Final = ("added", "removed", "unchanged", "differing")
EXAMPLES: Final = 5


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declare the command."""
    purpose = "show what other rules would add and remove on stored articles; changes nothing"
    command = declare(commands, "backtest", purpose)
    command.add_argument(
        "--with", required=True, metavar="NEW.yaml", help="a configuration with the other rules"
    )
    command.add_argument(
        "--since", type=instant, metavar="WHEN", help="articles first seen since then: 90d (all)"
    )
    command.add_argument(
        "--limit-examples",
        type=count,
        metavar="N",
        default=EXAMPLES,
        help=f"examples of each kind in a table or JSON (default: {EXAMPLES})",
    )
    jobs_option(command)
    format_option(command)
    command.set_defaults(work=_backtest)


@dataclass
class Summary:
    """The figures, overall and by company and topic, and the newest examples of each kind."""

    examples: dict[str, deque[dict[str, Any]]]
    articles: int = 0
    failed: int = 0
    by: Counter[tuple[str, str, str]] = field(default_factory=Counter)

    def take(self, compared: Compared) -> list[dict[str, Any]]:
        """Count what was found in one article; return its changes as rows."""
        self.articles += 1
        self.failed += compared.failed
        self.by.update((*pair, "unchanged") for pair in compared.unchanged)
        rows = [_row(change) for change in compared.changes]
        for row in rows:
            self.by[row["company"], row["topic"], row["change"]] += 1
            self.examples[row["change"]].append(row)
        return rows

    def totals(self) -> dict[str, int]:
        """Return each figure over all pairs."""
        return {
            name: sum(number for key, number in self.by.items() if key[2] == name)
            for name in FIGURES
        }

    def pairs(self) -> list[dict[str, Any]]:
        """Return the figures of each company and topic, in order of the alphabet."""
        return [
            {"company": company, "topic": topic}
            | {name: self.by[company, topic, name] for name in FIGURES}
            for company, topic in sorted({key[:2] for key in self.by})
        ]


def _row(change: Change) -> dict[str, Any]:
    article = change.article
    return {
        "change": change.kind.value,
        "company": change.company,
        "topic": change.topic,
        "score": change.score,
        "why": change.why,
        "title": change.text.title,
        "url": article.url,
        "published_at": instant_text(article.published_at),
        "feed": article.feed,
        "article_id": article.id,
        "hit_id": change.hit,
        "sentence": change.sentence,
    }


def _backtest(args: argparse.Namespace) -> int:
    from monitor import config as configuration
    from monitor.app import App
    from monitor.pipeline.backtest import Kind, backtest
    from monitor.store import texts
    from monitor.store.engine import reading

    began = time.monotonic()
    form = chosen_format(args)
    other = configuration.load(getattr(args, "with"), os.environ)
    bound = {feed.key: feed.company for feed in other.model_feeds()}
    summary = Summary({kind.value: deque(maxlen=args.limit_examples) for kind in Kind})
    chosen = texts.Chosen(since=args.since)
    with App.load(config_path(args)) as app:
        with working_through(app, chosen, args, "matching articles") as (jobs, done):
            found = backtest(app.store, other.lexicon, chosen, bound=bound, jobs=jobs)
            rows = _rows(found, summary, done)
            if form in {"ndjson", "csv"}:
                show(rows, COLUMNS, form, shown=COLUMNS)
            for _ in rows:
                pass  # what is not listed is counted
        with reading(app.store) as connection:
            old = texts.Chosen(since=args.since, not_with=app.lexicon.fingerprint)
            stale = texts.count(connection, old)
    figures = {
        "articles": summary.articles,
        **summary.totals(),
        "failed": summary.failed,
        "stale": stale,
        "seconds": round(time.monotonic() - began, 3),
    }
    _report(summary, figures, form)
    return 0


def _rows(
    found: Iterator[list[Compared]], summary: Summary, done: Callable[[int], None]
) -> Iterator[dict[str, Any]]:
    for page in found:
        for compared in page:
            yield from summary.take(compared)
        done(len(page))


def _report(summary: Summary, figures: dict[str, Any], form: str) -> None:
    if form == "json":
        examples = {kind: list(rows)[::-1] for kind, rows in summary.examples.items()}
        told = {**figures, "by": summary.pairs(), "examples": examples}
        print(json.dumps(told, ensure_ascii=False, indent=2))
        return
    said = (
        f"{counted(figures['articles'], 'article')}, hits: "
        "{added} added, {removed} removed, {unchanged} unchanged, "
        "{differing} of these with other details; {seconds:.1f} s".format(**figures)
    )
    if figures["stale"]:
        said += (
            f"\n{counted(figures['stale'], 'article was', 'articles were')} not matched with the "
            "present rules: hits there may differ for that alone; `monitor rematch` brings them "
            "up to date"
        )
    if figures["failed"]:
        said += "\ndetection failed on {failed} of the articles".format(**figures)
    print(said, file=sys.stdout if form == "table" else sys.stderr)
    if form == "table" and summary.by:
        columns = ("company", "topic", *FIGURES)
        show(summary.pairs(), columns, "table", shown=columns)
        for kind, rows in summary.examples.items():
            if rows:
                print(f"\n{kind}, the newest {len(rows)} of {figures[kind]}:")
            for row in reversed(rows):
                pair = f"{row['company']} / {row['topic']}"
                print(f"  {pair}, {row['score']:.2f}: {one_line(row['title'])}")
                print(f"    {one_line(row['why'])}")
