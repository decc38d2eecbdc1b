"""`monitor doctor`: look over configuration, database, disk, clock, mail server and feeds."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING

from monitor.cli import config_path, declare
from monitor.errors import ConfigError
from monitor.text.counted import counted

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from monitor.app import App
    from monitor.doctor import Finding


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declare the command."""
    command = declare(commands, "doctor", "look over everything the service stands on")
    command.add_argument(
        "--feeds", action="store_true", help="ask each feed too, and store nothing"
    )
    command.add_argument("--json", action="store_true", help="print one JSON object a line")
    command.set_defaults(work=_doctor)


def _doctor(args: argparse.Namespace) -> int:
    from monitor.doctor import Grade

    failed = False
    for finding in _findings(args):
        failed = failed or finding.grade is Grade.FAIL
        if args.json:
            print(json.dumps(asdict(finding), ensure_ascii=False), flush=True)
        else:
            print(f"{finding.grade:<5} {finding.subject}: {finding.sentence}", flush=True)
    return 1 if failed else 0


def _findings(args: argparse.Namespace) -> Iterator[Finding]:
    from monitor.app import App
    from monitor.doctor import examine, of_mistakes

    try:
        opened = App.load(config_path(args))
    except ConfigError as error:
        yield from of_mistakes(error)
        return
    with opened as app:
        yield from examine(app)
        if args.feeds:
            yield from _tried(app)


def _tried(app: App) -> Iterator[Finding]:
    from monitor.cli.feeds_asked import ask_all
    from monitor.cli.feeds_check import judge
    from monitor.doctor import Finding, Grade
    from monitor.model import FeedToPoll

    asked = [
        FeedToPoll.once(number, feed.key, feed.url, page=feed.page)
        for number, feed in enumerate(app.config.model_feeds())
        if feed.enabled
    ]
    for feed, found in ask_all(app, asked, None):
        row = judge(feed, found)
        said = f"{feed.key}: {row['verdict']}, " + (
            row["reason"] or counted(row["entries"], "entry", "entries")
        )
        yield Finding("feed tried", Grade.OK if row["verdict"] == "ok" else Grade.WARN, said)
