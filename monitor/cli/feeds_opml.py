"""`monitor feeds import` and `export`: lists of feeds from and for other programs, as OPML."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from monitor.cli import config_path
from monitor.errors import InputError

if TYPE_CHECKING:
    import argparse


def import_feeds(args: argparse.Namespace) -> int:
    """Print what is new in an OPML file as YAML, or write it into the configuration."""
    from monitor.config import load
    from monitor.config.additions import add_to_file, as_yaml, find_new
    from monitor.feeds import opml

    path = config_path(args)
    feeds = load(path, os.environ).model_feeds()
    try:
        outlines = opml.read(_content(args.file))
    except InputError as error:
        raise InputError(f"{args.file}: {error}") from None
    found = find_new(outlines.feeds, feeds)
    mistakes = [*outlines.mistakes, *found.mistakes]
    for line, reason in sorted([*mistakes, *outlines.left_out]):
        print(f"{args.file}:{line}: {reason}: left out", file=sys.stderr)
    if found.new and args.write:
        add_to_file(path, found.new, os.environ)
    elif found.new:
        print(f"feeds:\n{as_yaml(found.new)}", end="")
    done = f"written to {path}" if args.write else "new"
    told = f"{len(found.new)} {done}, {found.known} known already or there twice"
    print(f"{told}, {len(mistakes) + len(outlines.left_out)} left out", file=sys.stderr)
    return 1 if mistakes else 0


def export_feeds(args: argparse.Namespace) -> int:
    """Print the feeds of the configuration as OPML 2.0, in UTF-8 whatever the terminal takes."""
    from datetime import UTC, datetime

    from monitor.config import load
    from monitor.feeds import opml

    feeds = load(config_path(args), os.environ).model_feeds()
    sys.stdout.flush()
    sys.stdout.buffer.write(opml.write(feeds, now=datetime.now(UTC)).encode())
    return 0


def _content(file: str) -> bytes:
    from monitor.feeds.opml import MAX_BYTES

    try:
        if file == "-":
            return sys.stdin.buffer.read(MAX_BYTES + 1)
        with Path(file).open("rb") as opened:
            return opened.read(MAX_BYTES + 1)
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}") from None
