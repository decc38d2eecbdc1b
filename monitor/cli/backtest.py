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
from typing import TYPE_CHECKING, Any, Final

from monitor.cli import config_path, declare
from monitor.cli.listing import chosen_format, count, format_option, instant, instant_text, show
from monitor.cli.progress import jobs_option, working_through
from monitor.errors import UsageError
from monitor.text.counted import counted
from monitor.text.html import one_line

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterator
    from datetime import datetime

    from monitor.app import App
    from monitor.config.settings import Config
    from monitor.pipeline.backtest import Change, Compared
    from monitor.pipeline.outcome import Outcome

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
EXAMPLES: Final = 5
MOST_EXAMPLES: Final = 50  # of each kind and part, since those of replicas are stored


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declare the command."""
    purpose = "show what other rules would add and remove on stored articles; changes nothing"
    command = declare(commands, "backtest", purpose)
    what = command.add_mutually_exclusive_group(required=True)
    what.add_argument("--with", metavar="NEW.yaml", help="a configuration with the other rules")
    what.add_argument(
        "--result", type=count, metavar="N", help="wait for backtest N of the replicas, show it"
    )
    what.add_argument("--end", type=count, metavar="N", help="end backtest N, and forget it")
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
    command.add_argument(
        "--replicas",
        action="store_true",
        help="have the replicas of the cluster do it, in parts; Ctrl-C ends the waiting alone",
    )
    format_option(command)
    command.set_defaults(work=_backtest)


def _row(change: Change) -> dict[str, Any]:
    return {
        "change": change.kind.value,
        "company": change.company,
        "topic": change.topic,
        "score": change.score,
        "why": change.why,
        "title": change.title,
        "url": change.url,
        "published_at": instant_text(change.published_at),
        "feed": change.feed,
        "article_id": change.article,
        "hit_id": change.hit,
        "sentence": change.sentence,
    }


def _backtest(args: argparse.Namespace) -> int:
    from monitor.app import App

    if args.end is not None:
        return _end(args)
    if args.replicas or args.result is not None:
        return _by_replicas(args)
    from monitor.pipeline.backtest import backtest
    from monitor.pipeline.outcome import Outcome
    from monitor.store import texts

    began = time.monotonic()
    form = chosen_format(args)
    other = _other_rules(args)
    made = Outcome(args.limit_examples)
    chosen = texts.Chosen(since=args.since)
    with App.load(config_path(args)) as app:
        with working_through(app, chosen, args, "matching articles") as (jobs, done):
            bound = _bound(other)
            found = backtest(app.store, other.lexicon, chosen, bound=bound, jobs=jobs)
            rows = _rows(found, made, done)
            if form in {"ndjson", "csv"}:
                show(rows, COLUMNS, form, shown=COLUMNS)
            for _ in rows:
                pass  # what is not listed is counted
        figures = _figures(app, made, args.since, began)
    _report(made, figures, form)
    return 0


def _other_rules(args: argparse.Namespace) -> Config:
    from monitor import config as configuration

    return configuration.load(getattr(args, "with"), os.environ)


def _bound(other: Config) -> dict[str, str | None]:
    return {feed.key: feed.company for feed in other.model_feeds()}


def _rows(
    found: Iterator[list[Compared]], made: Outcome, done: Callable[[int], None]
) -> Iterator[dict[str, Any]]:
    for page in found:
        for compared in page:
            made.take(compared)
            yield from map(_row, compared.changes)
        done(len(page))


def _figures(app: App, made: Outcome, since: datetime | None, began: float) -> dict[str, Any]:
    from monitor.pipeline.outcome import FIGURES
    from monitor.store import texts
    from monitor.store.engine import reading

    with reading(app.store) as connection:
        old = texts.Chosen(since=since, not_with=app.lexicon.fingerprint)
        stale = texts.count(connection, old)
    return {
        "articles": made.articles,
        **{str(figure): made.sum(figure) for figure in FIGURES},
        "failed": made.failed,
        "stale": stale,
        "seconds": round(time.monotonic() - began, 3),
    }


# --- by replicas ---------------------------------------------------------------------------------


def _by_replicas(args: argparse.Namespace) -> int:
    from monitor.app import App
    from monitor.pipeline import outcome
    from monitor.store import backtests
    from monitor.store.engine import reading

    began = time.monotonic()
    form = chosen_format(args)
    if form in {"ndjson", "csv"}:
        raise UsageError("replicas sum up: take --format table or json")
    with App.load(config_path(args)) as app:
        number = _asked_of_replicas(app, args)
        print(f"backtest {number}: `--result {number}` waits for it as well", file=sys.stderr)
        _wait(app, number)
        with reading(app.store) as connection:
            asked = backtests.get(connection, number)
            parts = backtests.outcomes(connection, number)
            left = len(backtests.undone(connection, number))
        made = outcome.Outcome(asked.examples)
        for part in parts:
            made.add(outcome.read(part, asked.examples))
        figures = _figures(app, made, asked.since, began)
    _report(made, {**figures, "backtest": number, "parts": len(parts), "left": left}, form)
    return 1 if left else 0


def _asked_of_replicas(app: App, args: argparse.Namespace) -> int:
    """Have the replicas do it, or go on with what they were asked for; return its number."""
    from monitor.store.backtests import Asked

    if not app.config.cluster:
        raise UsageError("this needs `cluster: true` in the configuration")
    app.prepare()
    from monitor.cluster.backtest import spread, take_up

    if args.result is not None:
        take_up(app, args.result)
        return int(args.result)
    if args.limit_examples > MOST_EXAMPLES:
        raise UsageError(f"replicas keep {MOST_EXAMPLES} examples of each kind at most")
    other = _other_rules(args)
    lexicon = other.lexicon
    texts = lexicon.canonical, lexicon.fingerprint
    return spread(app, Asked(*texts, _bound(other), args.since, args.limit_examples))


def _wait(app: App, number: int) -> None:
    """Wait until replicas have no part of it left to do; show how far they are."""
    from rich.console import Console
    from rich.progress import Progress

    from monitor.cluster.backtest import NAME
    from monitor.store import backtests, jobs
    from monitor.store.engine import reading

    console = Console(file=sys.stderr)
    with Progress(console=console, disable=not sys.stderr.isatty()) as progress:
        task = progress.add_task("matching articles, by replicas", total=None)
        left = 1
        while left:
            with reading(app.store) as connection:
                backtests.get(connection, number)  # it may have been ended
                # A replica that died when its part was done has left its job in the queue.
                undone = backtests.undone(connection, number)
                left = jobs.left(connection, NAME) if undone else 0
                done, total = backtests.progress(connection, number)
            progress.update(task, completed=done, total=total)
            time.sleep(1 if left else 0)


def _end(args: argparse.Namespace) -> int:
    from monitor.app import App
    from monitor.store import backtests

    with App.load(config_path(args)) as app:
        app.prepare()
        with app.store.begin() as connection:
            backtests.end(connection, args.end)
    print(f"backtest {args.end} is ended: what replicas still do of it is dropped")
    return 0


def _report(made: Outcome, figures: dict[str, Any], form: str) -> None:
    from monitor.pipeline.outcome import FIGURES

    pairs = [
        {"company": company, "topic": topic}
        | {str(figure): made.by[company, topic, figure] for figure in FIGURES}
        for company, topic in made.pairs()
    ]
    examples = {kind.value: [*map(_row, found)][::-1] for kind, found in made.examples.items()}
    if form == "json":
        told = {**figures, "by": pairs, "examples": examples}
        print(json.dumps(told, ensure_ascii=False, indent=2))
        return
    print(_sentence(figures), file=sys.stdout if form == "table" else sys.stderr)
    if form == "table" and pairs:
        columns = ("company", "topic", *map(str, FIGURES))
        show(pairs, columns, "table", shown=columns)
        for kind, rows in examples.items():
            if rows:
                print(f"\n{kind}, the newest {len(rows)} of {figures[kind]}:")
            for row in rows:
                pair = f"{row['company']} / {row['topic']}"
                print(f"  {pair}, {row['score']:.2f}: {one_line(row['title'])}")
                print(f"    {one_line(row['why'])}")


def _sentence(figures: dict[str, Any]) -> str:
    said = (
        f"{counted(figures['articles'], 'article')}, hits: "
        "{added} added, {removed} removed, {unchanged} unchanged, "
        "{differing} of these with other details; {seconds:.1f} s".format(**figures)
    )
    if figures.get("left"):
        said += (
            "\n{left} of {parts} parts are not done: see `monitor jobs` and the log; "
            "`monitor backtest --result {backtest}` goes on with them".format(**figures)
        )
    if figures["stale"]:
        said += (
            f"\n{counted(figures['stale'], 'article was', 'articles were')} not matched with the "
            "present rules: hits there may differ for that alone; `monitor rematch` brings them "
            "up to date"
        )
    if figures["failed"]:
        said += f"\ndetection failed on {counted(figures['failed'], 'article')}"
    return said
