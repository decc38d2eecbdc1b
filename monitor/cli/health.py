"""`monitor health`: exit code 0 if the service keeps its promises, 1 with reasons if not."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

from monitor.cli import config_path, declare
from monitor.errors import StoreError

if TYPE_CHECKING:
    import argparse

    from monitor.pipeline.health import Health


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declare the command."""
    purpose = "say whether the service is healthy"
    command = declare(commands, "health", purpose)
    command.add_argument("--json", action="store_true", help="print one JSON object")
    command.set_defaults(work=_health)


def _health(args: argparse.Namespace) -> int:
    health = _judge(args)
    if args.json:
        report = {
            "healthy": health.healthy,
            "reasons": health.reasons,
            "warnings": health.warnings,
        }
        print(json.dumps(report, ensure_ascii=False))
    else:
        print("healthy" if health.healthy else "not healthy")
        for line in health.reasons:
            print(f"  reason: {line}")
        for line in health.warnings:
            print(f"  warning: {line}")
    return 0 if health.healthy else 1


def _judge(args: argparse.Namespace) -> Health:
    from monitor.app import App
    from monitor.pipeline.health import Health, check

    with App.load(config_path(args)) as app:
        try:
            found = check(app.store, app.clock, app.subscriptions)
            missing = app.backup_step and app.backup_step.overdue()
            return replace(found, warnings=(*found.warnings, missing)) if missing else found
        except StoreError as error:
            return Health((str(error),), ())
