"""Entries of the watch-list: what each stands for, as plain data with the place of every part.

* A name stands for the file of that name in `monitor/lexicon/companies` or `topics`.
* A mapping defines a member in place; its `id` is made from its name if it gives none. It may
  take the id of a bundled member, which it then replaces altogether.
* A mapping with `extends` adds to a bundled member: lists grow, other values are replaced, and
  the spellings it lists under `drop` are taken out.
* A path that ends in `.yaml` stands for what that file holds: one definition, or a list of
  entries. It counts from the folder of the file that names it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from monitor.config.inputs import is_file
from monitor.config.marks import leaves, read
from monitor.config.merge import merge
from monitor.config.places import Places
from monitor.config.settings import COMPANIES, TOPICS
from monitor.config.values import did_you_mean
from monitor.detect.tickers import notations
from monitor.resources import lexicon_folder
from monitor.text.folding import fold

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from monitor.config.marks import KeyPath

DEFAULTS: Final = {"companies": COMPANIES, "topics": TOPICS}
ONE: Final = {"companies": "company", "topics": "topic"}


@dataclass(frozen=True, slots=True)
class Source:
    """Where a definition stands: in the configuration, or in a *file* with *lines* of its own.

    *prefix* leads to it there. One that extends another has that as its *base*, and in *home*,
    for each path of the whole, whether it was added, and the path it has in the one or the other.
    """

    places: Places
    prefix: KeyPath = ()
    file: str | None = None
    lines: Mapping[KeyPath, int] = field(default_factory=dict)
    base: Source | None = None
    home: Mapping[KeyPath, tuple[bool, KeyPath]] = field(default_factory=dict)

    @property
    def bundled(self) -> bool:
        """Whether this is a file of the bundled lexicon."""
        return self.file is not None and Path(self.file).is_relative_to(lexicon_folder())

    def report(self, path: KeyPath, message: str) -> None:
        """Take down a mistake at *path* of the definition."""
        source, at = self.home_of(path)
        if source.file is None:
            source.places.report(at, message)
        else:
            line = Places(source.file, source.lines).line(at)
            source.places.report_elsewhere(source.file, line, at, message)

    def where(self, path: KeyPath = ()) -> str:
        """Return the place of *path* as people find it: `config.yaml:12`, or a variable's name."""
        source, at = self.home_of(path)
        if source.file is not None:
            file = Path(source.file)
            shown = file.relative_to(lexicon_folder().parent.parent) if source.bundled else file
            return f"{shown}:{Places(source.file, source.lines).line(at)}"
        line = source.places.line(at)
        place = f"{source.places.file}:{line}" if line else source.places.file
        return source.places.variable(at) or place

    def home_of(self, path: KeyPath) -> tuple[Source, KeyPath]:
        """Return the source that *path* came from, and the path from the top of its file."""
        for depth in range(len(path), -1, -1) if self.base else ():
            if path[:depth] in self.home:
                added, old = self.home[path[:depth]]
                source = replace(self, base=None) if added or self.base is None else self.base
                return source, (*source.prefix, *old, *path[depth:])
        return self, (*self.prefix, *path)


@dataclass(frozen=True, slots=True)
class Entry:
    """One member of the watch-list: its *key*, its definition, and where that stands.

    *named* is the place that put it on the list, which for a bundled member is another.
    """

    key: str
    data: object
    source: Source
    named: Source

    def find(self, text: str) -> KeyPath:
        """Return the path of the spelling *text*, or of the ticker it is a notation of."""
        wanted = fold(text).text
        for path, value in leaves(self.data):
            if isinstance(value, str) and (
                fold(value).text == wanted or ("tickers" in path and _notes(value, wanted))
            ):
                return path
        return ()


def gather(kind: str, data: Mapping[str, Any], places: Places) -> list[Entry]:
    """Return the entries that `companies` or `topics`, the *kind*, of *data* stand for, in order.

    Mistakes are reported to *places*; then the answer lacks the entries that had them.
    """
    written = data.get(kind, list(DEFAULTS[kind]))
    if not isinstance(written, list):
        return []  # the type is reported where all types are
    found: list[Entry] = []
    for index, item in enumerate(written):
        here = Source(places, (kind, index))
        if isinstance(item, str) and is_file(item):
            found += _from_file(kind, item, here)
        elif entry := _entry(kind, item, here):
            found.append(entry)
    _check_keys(found)
    return found


def bundled_keys(kind: str) -> list[str]:
    """Return the names of all bundled companies or topics, in order of the alphabet."""
    return sorted(file.stem for file in (lexicon_folder() / kind).glob("*.yaml"))


def bundled_entry(kind: str, key: str, named: Source) -> Entry | None:
    """Return the bundled member of that name; None, and a mistake, if its file cannot be read."""
    found = read_file(lexicon_folder() / kind / f"{key}.yaml", named.places)
    return Entry(key, found[0], found[1], named) if found else None


def read_file(file: Path, places: Places) -> tuple[Any, Source] | None:
    """Return what *file* holds, and its source; None, and mistakes, if it is no YAML."""
    try:
        marked = read(file.read_bytes())
    except OSError as error:
        places.report_elsewhere(str(file), 1, (), f"cannot be read: {error.strerror}")
        return None
    for path, line, message in marked.mistakes:
        places.report_elsewhere(str(file), line, path, message)
    if marked.mistakes:
        return None
    return marked.data, Source(places, file=str(file), lines=marked.lines)


def _from_file(kind: str, name: str, named: Source) -> Iterator[Entry]:
    file = Path(named.places.file).parent / name
    if not file.is_file():
        named.report((), f'there is no file "{file}"')
        return
    found = read_file(file, named.places)
    if found is None:
        return
    data, source = found
    if isinstance(data, dict):
        alone = data if "extends" in data else {"id": file.stem, **data}
        items: list[tuple[KeyPath, object]] = [((), alone)]
    elif isinstance(data, list):
        items = [((at,), item) for at, item in enumerate(data)]
    else:
        source.report((), f"must be one {ONE[kind]}, or a list of them")
        return
    for path, item in items:
        if entry := _entry(kind, item, replace(source, prefix=path)):
            yield entry


def _entry(kind: str, item: object, here: Source) -> Entry | None:
    if isinstance(item, str):
        return _bundled(kind, item, here, ())
    if isinstance(item, dict) and "extends" in item:
        return _extended(kind, item, here)
    if isinstance(item, dict) and (key := _key(item)):
        return Entry(key, item, here, here)
    here.report((), _keyless(kind, item))
    return None


def _keyless(kind: str, item: object) -> str:
    name = item.get("name") if isinstance(item, dict) and "id" not in item else None
    if isinstance(name, str) and name:
        return f'needs an `id`, such as `id: one`: none can be made from "{name}", without a to z'
    return f"must be the name of a bundled {ONE[kind]}, or a mapping with a `name` or an `id`"


def _key(item: Mapping[str, Any]) -> str:
    if "id" in item:
        return item["id"] if isinstance(item["id"], str) else ""
    name = item.get("name")
    words = re.findall("[a-z0-9]+", fold(name).text) if isinstance(name, str) else []
    return "-".join(words)


def _bundled(kind: str, key: str, here: Source, path: KeyPath) -> Entry | None:
    known = bundled_keys(kind)
    if key in known:
        return bundled_entry(kind, key, here)
    hint = did_you_mean(key, known) or f"; bundled are {', '.join(known)}"
    here.report(path, f'no bundled {ONE[kind]} is called "{key}"{hint}')
    return None


def _extended(kind: str, item: Mapping[str, Any], here: Source) -> Entry | None:
    if "id" in item:
        here.report(("id",), "is that of what it extends: leave it out")
        return None
    drop = item.get("drop", [])
    if not isinstance(drop, list) or not all(isinstance(text, str) for text in drop):
        here.report(("drop",), "must be a list of spellings")
        return None
    base = _bundled(kind, str(item["extends"]), here, ("extends",))
    if base is None:
        return None
    more = {name: value for name, value in item.items() if name not in {"extends", "drop"}}
    whole = merge(_kept_names(kind, base.data, more), more, drop)
    for text in whole.missing:
        here.report(("drop", drop.index(text)), f'"{text}" is no spelling of "{base.key}"')
    source = replace(here, base=base.source, home=whole.home)
    return Entry(base.key, whole.data, source, here)


def _kept_names(kind: str, base: Any, more: Mapping[str, Any]) -> object:  # noqa: ANN401 - YAML
    """Return *base* with the name that *more* replaces as an alias: texts still say it."""
    if kind != "companies" or "name" not in more:
        return base
    aliases = base.get("aliases", [])
    restated = any(
        base["name"] in (it, it["text"] if isinstance(it, dict) else it) for it in aliases
    )
    return base if restated else base | {"aliases": [*aliases, base["name"]]}


def _check_keys(entries: list[Entry]) -> None:
    first: dict[str, Entry] = {}
    for entry in entries:
        earlier = first.setdefault(entry.key, entry)
        if earlier is not entry:
            here, there = entry.named.where(), earlier.named.where()
            same = here.rpartition(":")[0] == there.rpartition(":")[0]
            where = f"line {there.rpartition(':')[2]}" if same else there
            entry.named.report((), f'names "{entry.key}" a second time, first in {where}')


def _notes(ticker: str, wanted: str) -> bool:
    try:
        return any(fold(it.text).text == wanted for it in notations(ticker))
    except ValueError:
        return False
