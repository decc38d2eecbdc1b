"""Feeds added to `config.yaml`: which of a list are new, how they are written, where they go.

* Nothing else in the file changes: lines are put in, none is taken out, comments stay.
* The outcome is read again before it takes the file's place, in one step: it must say what the file
  said before, and the new feeds besides. Else the file stays as it was.
* A list under `feeds:` in a form that lines cannot be put into (`feeds: [a, b]`) is left alone.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import TYPE_CHECKING

import yaml

from monitor.config.load import load
from monitor.config.settings import Config, feed_id
from monitor.config.values import read_web_address, same_address
from monitor.errors import ConfigError, InputError
from monitor.text.html import one_line

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from monitor.feeds.opml import Outline
    from monitor.model import Feed

_PLAIN_ADDRESS = re.compile(r"https?://[\w./?=&%+~:@#-]*[\w/]", re.ASCII)
_INDENT = 2


@dataclass(frozen=True, slots=True)
class Addition:
    """A feed to add; *id* is None where the one made from the address is free."""

    url: str
    id: str | None
    name: str | None
    folders: tuple[str, ...]
    enabled: bool


@dataclass(slots=True)
class Additions:
    """What is new in a list, how many were *known* or twice, and line and reason of mistakes."""

    new: list[Addition] = field(default_factory=list)
    known: int = 0
    mistakes: list[tuple[int, str]] = field(default_factory=list)


def find_new(outlines: Iterable[Outline], feeds: Sequence[Feed]) -> Additions:
    """Return those of *outlines* that are not among the *feeds* of the configuration, each once."""
    found = Additions()
    addresses = {same_address(feed.url) for feed in feeds}
    ids = {feed.key for feed in feeds}
    for outline in outlines:
        try:
            url = read_web_address(outline.url)
        except ValueError as error:
            found.mistakes.append((outline.line, f'the address of "{outline.name or ""}" {error}'))
            continue
        if same_address(url) in addresses:
            found.known += 1
            continue
        addresses.add(same_address(url))
        key = feed_id(url)
        number = 2
        while key in ids:
            key, number = f"{feed_id(url)}-{number}", number + 1
        ids.add(key)
        own = None if key == feed_id(url) else key
        found.new.append(Addition(url, own, outline.name, outline.folders, outline.enabled))
    return found


def as_yaml(additions: Sequence[Addition], indent: int = _INDENT) -> str:
    """Return *additions* as items of a YAML list, a comment before those of each folder."""
    lines: list[str] = []
    folders: tuple[str, ...] = ()
    for addition in additions:
        if addition.folders != folders:
            folders = addition.folders
            lines.append(f"# --- {one_line(' / '.join(folders))}".rstrip(" -"))
        plain = _PLAIN_ADDRESS.fullmatch(addition.url)
        lines.append(f"- url: {addition.url if plain else _quoted(addition.url)}")
        if addition.id:
            lines.append(f"  id: {addition.id}")
        if addition.name:
            lines.append(f"  name: {_quoted(addition.name)}")
        if not addition.enabled:
            lines.append("  enabled: false")
    return "".join(f"{' ' * indent}{line}\n" for line in lines)


def _quoted(text: str) -> str:
    """Return *text* so that YAML, and the search for variables after it, read it as it is."""
    return json.dumps(text.replace("${", "$${"), ensure_ascii=False)


def insert(text: str, additions: Sequence[Addition]) -> str:
    """Return the configuration *text* with *additions* under `feeds:`, before those it has.

    Raises InputError where the list is not written one feed a line.
    """
    root = yaml.compose(text, Loader=yaml.SafeLoader)
    if not isinstance(root, yaml.MappingNode) or root.flow_style:
        raise InputError("is not written as lines of `key: value`")
    pairs = [(key, value) for key, value in root.value if key.value == "feeds"]
    lines = text.splitlines(keepends=True)
    if not pairs:
        if lines and not lines[-1].endswith("\n"):
            lines[-1] += "\n"
        return "".join([*lines, "\nfeeds:\n", as_yaml(additions)])
    key, value = pairs[0]
    at, end = value.start_mark, value.end_mark
    if isinstance(value, yaml.SequenceNode) and not value.value and at.line == end.line:
        line = lines[at.line]
        lines[at.line] = f"{line[: at.column].rstrip()}{line[end.column :].rstrip()}\n"
        lines.insert(at.line + 1, as_yaml(additions))
    elif (
        isinstance(value, yaml.SequenceNode)
        and not value.flow_style
        and at.line > key.end_mark.line
    ):
        lines.insert(key.end_mark.line + 1, as_yaml(additions, at.column))
    else:
        raise InputError(
            "has its feeds in a form that none can be put into: give each a line, or paste"
        )
    return "".join(lines)


def add_to_file(path: str, additions: Sequence[Addition], environ: Mapping[str, str]) -> None:
    """Put *additions* into the configuration file at *path*, in one step.

    Raises InputError, and leaves the file as it was, if the outcome would not say what the file
    says now with *additions* besides; ConfigError if the file is wrong already.
    """
    before = load(path, environ)
    file = Path(path).resolve()
    content = file.read_bytes()
    text = content.decode("utf-8-sig")
    windows = "\r\n" in text
    try:
        changed = insert(text.replace("\r\n", "\n"), additions)
    except InputError as error:
        raise InputError(f"{path} {error}") from None
    if windows:
        changed = changed.replace("\n", "\r\n")
    bom = content[: len(content) - len(text.encode())]
    with NamedTemporaryFile(dir=file.parent, prefix=f".{file.name}.", delete=False) as new:
        new.write(bom + changed.encode())
        new.flush()
        os.fsync(new.fileno())
    try:
        _check(new.name, before, additions, environ, path)
        shutil.copymode(file, new.name)
        Path(new.name).replace(file)
    finally:
        Path(new.name).unlink(missing_ok=True)


def _check(
    file: str, before: Config, additions: Sequence[Addition], environ: Mapping[str, str], path: str
) -> None:
    unchanged = f"{path} was left as it is, since the outcome"
    try:
        after = load(file, environ)
    except ConfigError as error:
        first = error.mistakes[0]
        raise InputError(f"{unchanged} would be wrong: {first.path}: {first.message}") from None
    wanted = {addition.url for addition in additions}
    old = [feed for feed in after.model_feeds() if feed.url not in wanted]
    same = after.model_dump(exclude={"feeds"}) == before.model_dump(exclude={"feeds"})
    if not same or old != list(before.model_feeds()) or len(after.feeds) != len(old) + len(wanted):
        raise InputError(f"{unchanged} would not say the same with the new feeds besides")
