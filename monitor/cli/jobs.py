"""`monitor jobs`: what the replicas of a cluster are at, and what waits for them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from monitor.cli import config_path, declare
from monitor.cli.listing import chosen_format, format_option, show
from monitor.errors import StoreError

if TYPE_CHECKING:
    import argparse

SUMMARY: Final = (
    *("job", "lane", "priority", "waiting", "running", "failed", "abandoned", "oldest_s"),
    "done",
)
EACH: Final = (
    *("job_id", "job", "lane", "state", "priority", "attempts", "worker", "worker_beat_s"),
    *("since", "claims", "done"),
)
SHOWN: Final = (
    *("job_id", "job", "state", "attempts", "worker", "worker_beat_s", "since", "claims", "done"),
)


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declare the command."""
    command = declare(commands, "jobs", "show what the replicas of a cluster are at")
    command.add_argument(
        "--each", action="store_true", help="one row for each job, not for each kind of job"
    )
    command.add_argument("--json", action="store_true", help="the same as --format json")
    format_option(command)
    command.set_defaults(work=_jobs)


def _jobs(args: argparse.Namespace) -> int:
    from monitor.app import App
    from monitor.store import jobs
    from monitor.store.engine import reading

    form = "json" if args.json else chosen_format(args)
    with App.load(config_path(args)) as app, reading(app.store) as connection:
        if not jobs.ready(connection):
            raise StoreError("no replica has run on this database: set `cluster: true` first")
        if args.each:
            show(jobs.each(connection), list(EACH), form, shown=SHOWN)
        else:
            show(jobs.summary(connection), list(SUMMARY), form, shown=SUMMARY)
    return 0
