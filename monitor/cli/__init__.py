"""The `monitor` command: one small file per verb, no decisions.

A verb's file has `add(commands)`, which declares its options, and a function that does the work
and returns the exit code: 0 done, 1 the work failed, 2 wrong usage or configuration. Results go
to stdout, logs and progress to stderr. Modules that are slow to import are imported by the verb
that needs them.
"""

from __future__ import annotations

import argparse
import gc
import os
import sys
from importlib import import_module
from io import TextIOWrapper
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from monitor.errors import ConfigError, MonitorError, UsageError
from monitor.resources import version

if TYPE_CHECKING:
    from collections.abc import Sequence

VERBS = (
    "run",
    "poll",
    "digest",
    "deliveries",
    "hits",
    "stories",
    "articles",
    "searches",
    "sql",
    "feeds",
    "match",
    "group",
    "eval",
    "explain",
    "review",
    "audit",
    "backtest",
    "rematch",
    "config",
    "subscriptions",
    "users",
    "tokens",
    "db",
    "web",
    "jobs",
    "health",
    "doctor",
    "demo",
)


def parser(verbs: Sequence[str] = VERBS) -> argparse.ArgumentParser:
    """Return the parser of the command line, all of it or *verbs*; the docs are held against it."""
    root = argparse.ArgumentParser(
        prog="monitor",
        description="Tells people when a company on their watch-list meets a regulator.",
        parents=[config_option()],
    )
    root.add_argument("--version", action="version", version=f"%(prog)s {version()}")
    commands = root.add_subparsers(metavar="COMMAND", required=True)
    for verb in verbs:
        import_module(f"monitor.cli.{verb}").add(commands)
    return root


def config_option() -> argparse.ArgumentParser:
    """Return a parent parser with `--config`, which stands before or after the verb."""
    parent = argparse.ArgumentParser(add_help=False, argument_default=argparse.SUPPRESS)
    parent.add_argument(
        "--config",
        metavar="PATH",
        help="configuration file (default: $MONITOR_CONFIG or config.yaml)",
    )
    return parent


def declare(
    commands: argparse._SubParsersAction[argparse.ArgumentParser], verb: str, purpose: str
) -> argparse.ArgumentParser:
    """Add the command *verb*, which takes `--config`; return its parser."""
    return commands.add_parser(
        verb,
        help=purpose,
        description=f"{purpose[0].upper()}{purpose[1:]}.",
        parents=[config_option()],
    )


def config_path(args: argparse.Namespace) -> str:
    """Return the configuration file that *args* or the environment names."""
    given: str | None = getattr(args, "config", None)
    return given or os.environ.get("MONITOR_CONFIG") or "config.yaml"


def main(argv: Sequence[str] | None = None) -> NoReturn:
    """Run the command and end the process with its exit code."""
    # pydantic would look through all that is installed for a plugin to itself.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    gc.set_threshold(200_000, 10, 10)  # what a start builds lives on: to look again is in vain
    _open_streams()
    given = sys.argv[1:] if argv is None else argv
    asks_for_all = bool(given) and given[0] in {"-h", "--help"}
    commands = parser([verb for verb in VERBS if verb in given and not asks_for_all] or VERBS)
    for argument in given:
        if argument != argument.encode(errors="ignore").decode():
            commands.error(f"not valid text: {argument!a}")
    args = commands.parse_args(given)
    try:
        code = args.work(args)
        sys.stdout.flush()
    except ConfigError as error:
        print(error, file=sys.stderr)
        code = 2
    except UsageError as error:
        print(f"monitor: {error}", file=sys.stderr)
        code = 2
    except MonitorError as error:
        print(f"monitor: {error}", file=sys.stderr)
        code = 1
    except BrokenPipeError:
        # The reader of our output has left, as `head` does: that is no failure of ours.
        _drop_output()
        code = 0
    except OSError as error:
        _drop_output()
        print(f"monitor: {error}", file=sys.stderr)
        code = 1
    except KeyboardInterrupt:
        code = 130
    gc.freeze()  # what is left ends with the process: to look through it again costs a tenth
    sys.exit(code)


def _open_streams() -> None:
    """Let output be written whatever the shell gave us: nothing at all, or a charset with gaps."""
    sys.stdout = sys.stdout or _nowhere()
    sys.stderr = sys.stderr or _nowhere()
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


def _nowhere() -> TextIOWrapper:
    return Path(os.devnull).open("w", encoding="utf-8")


def _drop_output() -> None:
    """Let nothing more be written to stdout, not even what is left at the very end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
