"""`monitor poll`: one round over the feeds, then exit."""

from __future__ import annotations

import json
import time
from dataclasses import asdict
from typing import TYPE_CHECKING

from monitor.cli import config_path, declare
from monitor.errors import UsageError
from monitor.text.counted import counted

if TYPE_CHECKING:
    import argparse

    from monitor.app import App
    from monitor.pipeline.full_text import FullTextStep


WAIT_S = 0.5  # before pages are looked for again, while their hosts are given a pause


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declare the command."""
    purpose = "poll the feeds that are due, once"
    command = declare(commands, "poll", purpose)
    which = command.add_mutually_exclusive_group()
    which.add_argument("--all", action="store_true", help="all feeds, due or not")
    which.add_argument("--feed", action="append", metavar="ID", help="this feed (repeatable)")
    command.add_argument("--json", action="store_true", help="print the totals as one JSON object")
    command.set_defaults(work=_poll)


def _poll(args: argparse.Namespace) -> int:
    from monitor import threads
    from monitor.app import App
    from monitor.pipeline.group import grouping_beside

    threads.share_heap()
    began = time.monotonic()
    with App.load(config_path(args)) as app:
        app.wants_full_texts()  # first of all: what is not installed stops the start
        app.prepare()
        _make_due(app, args)
        with grouping_beside(app.store):
            totals = app.poll_step.poll_due(keys=args.feed, due_by=app.clock.now())
            totals.hits += _read_pages(app.full_text_step)
            app.cut_polling()  # its processes and their memory are not needed any more
    report = {**asdict(totals), "seconds": round(time.monotonic() - began, 3)}
    if args.json:
        print(json.dumps(report))
    else:
        print(
            f"polled {counted(totals.feeds, 'feed')}: {totals.ok} ok "
            f"({totals.unchanged} unchanged), {totals.failed} failed; "
            f"{counted(totals.entries, 'entry', 'entries')}, "
            f"{counted(totals.new_articles, 'new article')}, {totals.updated_articles} updated, "
            f"{counted(totals.hits, 'hit')}; {report['seconds']:.1f} s"
        )
    return 1 if totals.failed else 0


def _read_pages(step: FullTextStep | None) -> int:
    """Read the pages that are due, for feeds that ask for it, with pauses; return the new hits."""
    hits = 0
    while step is not None and step.any_due():
        came = step.read_due()
        hits += came.hits
        if not came.pages:
            time.sleep(WAIT_S)
    return hits


def _make_due(app: App, args: argparse.Namespace) -> None:
    from monitor.store import feeds

    if not (args.all or args.feed):
        return
    with app.store.begin() as connection:
        due = feeds.make_due(connection, args.feed, now=app.clock.now())
    unknown = sorted(set(args.feed or ()) - set(due))
    if unknown:
        raise UsageError(f"no such feed, or switched off: {', '.join(unknown)}")
