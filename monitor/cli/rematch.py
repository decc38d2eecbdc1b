"""`monitor rematch`: apply the present rules to stored articles."""

from __future__ import annotations

import json
import time
from dataclasses import asdict
from datetime import timedelta
from typing import TYPE_CHECKING

from monitor.cli import config_path, declare
from monitor.cli.listing import instant
from monitor.cli.progress import jobs_option, working_through

if TYPE_CHECKING:
    import argparse

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


def _sentence(report: dict[str, float]) -> str:
    said = (
        "matched {articles} articles: {found} new hits, {quiet} of them quiet; {corrected} "
        "corrected, {withdrawn} withdrawn; {seconds:.1f} s".format(**report)
    )
    if report["left"]:
        said += (
            "\n{left} articles are still not matched with these rules; detection failed on "
            "{failed}. Does a service run with other rules?".format(**report)
        )
    return said
