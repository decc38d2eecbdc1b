"""`monitor rematch`: apply the present rules to stored articles."""

from __future__ import annotations

import json
import sys
import time
from dataclasses import asdict
from datetime import timedelta
from typing import TYPE_CHECKING

from monitor.cli import config_path, declare
from monitor.cli.listing import instant
from monitor.cli.progress import jobs_option, working_through
from monitor.errors import UsageError
from monitor.text.counted import counted

if TYPE_CHECKING:
    import argparse

    from monitor.app import App
    from monitor.store.texts import Chosen

NEWS = timedelta(days=1)  # as far as a new subscription's first digest looks back


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declare the command."""
    purpose = "apply the present rules to stored articles"
    command = declare(commands, "rematch", purpose)
    command.add_argument(
        "--since", type=instant, metavar="WHEN", help="articles first seen since then: 90d (all)"
    )
    command.add_argument(
        "--all", action="store_true", help="also articles that were matched with these rules"
    )
    command.add_argument(
        "--news-since",
        type=instant,
        metavar="WHEN",
        help="report new hits of articles first seen since then in digests (default: 1d)",
    )
    jobs_option(command)
    command.add_argument(
        "--replicas",
        action="store_true",
        help="have the replicas of the cluster do it, in parts; Ctrl-C ends the waiting alone",
    )
    command.add_argument("--json", action="store_true", help="print the totals as one JSON object")
    command.set_defaults(work=_rematch)


def _rematch(args: argparse.Namespace) -> int:
    from monitor.app import App
    from monitor.pipeline.group import group_new
    from monitor.pipeline.rematch import RematchTotals
    from monitor.store import texts
    from monitor.store.engine import reading

    began = time.monotonic()
    totals = RematchTotals()
    with App.load(config_path(args)) as app:
        app.prepare()
        fingerprint = app.lexicon.fingerprint
        behind = texts.Chosen(since=args.since, not_with=fingerprint)
        chosen = texts.Chosen(since=args.since) if args.all else behind
        if args.replicas:
            return _wait_for_replicas(app, chosen, behind, args)
        with working_through(app, chosen, args, "matching articles") as (jobs, done):
            news_since = args.news_since or app.clock.now() - NEWS
            step = app.rematch_step(news_since=news_since, jobs=jobs)
            for page in step.rematch(chosen):
                totals.add(page)
                done(page.articles + page.failed + page.changed)
        group_new(app.store)
        with reading(app.store) as connection:
            left = texts.count(connection, behind)
    report = {**asdict(totals), "left": left, "seconds": round(time.monotonic() - began, 3)}
    print(json.dumps(report) if args.json else _sentence(report))
    return 1 if left else 0


def _wait_for_replicas(app: App, chosen: Chosen, behind: Chosen, args: argparse.Namespace) -> int:
    from rich.console import Console
    from rich.progress import Progress

    from monitor.store import jobs, texts
    from monitor.store.engine import reading

    if not app.config.cluster:
        raise UsageError("--replicas needs `cluster: true` in the configuration")
    from monitor.cluster.rematch import NAME, spread

    began = time.monotonic()
    with reading(app.store) as connection:
        articles = texts.count(connection, chosen)
    parts = len(spread(app, chosen, news_since=args.news_since or app.clock.now() - NEWS))
    console = Console(file=sys.stderr)
    with Progress(console=console, disable=not sys.stderr.isatty()) as progress:
        task = progress.add_task("parts done by replicas", total=parts)
        left = parts
        while left:
            time.sleep(1)
            with reading(app.store) as connection:
                left = jobs.left(connection, NAME)
            progress.update(task, completed=parts - left)
    with reading(app.store) as connection:
        behind_still = texts.count(connection, behind)
    report = {
        "articles": articles,
        "parts": parts,
        "left": behind_still,
        "seconds": round(time.monotonic() - began, 3),
    }
    said = (
        f"the replicas matched {counted(articles, 'article')} in {counted(parts, 'part')}; "
        f"{report['seconds']:.1f} s"
    )
    if behind_still:
        left_out = counted(behind_still, "article is", "articles are")
        said += f"\n{left_out} still not matched with these rules: see `monitor jobs`"
    print(json.dumps(report) if args.json else said)
    return 1 if behind_still else 0


def _sentence(report: dict[str, float]) -> str:
    articles, found, left = (int(report[it]) for it in ("articles", "found", "left"))
    said = (
        f"matched {counted(articles, 'article')}: {counted(found, 'new hit')}, "
        "{quiet} of them quiet; {corrected} corrected, {withdrawn} withdrawn; {seconds:.1f} s"
    )
    if left:
        said += (
            f"\n{counted(left, 'article is', 'articles are')} still not matched with these rules; "
            "detection failed on {failed}. Does a service run with other rules?"
        )
    return said.format(**report)
