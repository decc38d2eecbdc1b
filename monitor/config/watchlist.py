"""Who is watched and what about: names of the bundled lexicon, or definitions in place, as one.

* A name stands for the file of that name in `monitor/lexicon/companies` or `topics`; only the
  files asked for are read.
* A definition in place is a mapping with an `id` and the keys such a file has. It may take the
  id of a bundled company, which it then replaces altogether.
* Stages, regulators and bystanders are always the bundled ones; a bundled company that is not
  watched is a bystander too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from monitor.config.marks import read
from monitor.config.places import Places
from monitor.config.settings import COMPANIES, TOPICS
from monitor.config.values import did_you_mean
from monitor.detect.lexicon import (
    Lexicon,
    LexiconError,
    make_lexicon,
    read_bystander,
    read_company,
    read_label,
    read_topic,
)
from monitor.resources import lexicon_folder

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from monitor.config.marks import KeyPath
    from monitor.model import Company

Member = TypeVar("Member")

_ONE = {"companies": "company", "topics": "topic"}


def bundled_lexicon(
    companies: Sequence[str] | None = None, topics: Sequence[str] | None = None
) -> Lexicon:
    """Return the bundled companies and topics of these names, in this order.

    None means the default six companies and three topics. Raises ConfigError for a name that is
    not bundled, or a bundled file that cannot be used.
    """
    places = Places("monitor/lexicon")
    lexicon = read_watchlist(
        {
            "companies": list(COMPANIES if companies is None else companies),
            "topics": list(TOPICS if topics is None else topics),
        },
        places,
    )
    places.stop_if_any()
    if lexicon is None:  # pragma: no cover - then a mistake was reported
        raise AssertionError
    return lexicon


def read_watchlist(data: dict[str, Any], places: Places) -> Lexicon | None:
    """Return the lexicon that the `companies` and `topics` of *data* make.

    Reports each mistake to *places* and returns None if there was any.
    """
    companies = _members("companies", data.get("companies", list(COMPANIES)), read_company, places)
    topics = _members("topics", data.get("topics", list(TOPICS)), read_topic, places)
    stages = _labels(lexicon_folder() / "stages.yaml", places, read_label)
    regulators = _labels(lexicon_folder() / "regulators.yaml", places, read_label)
    bystanders = [
        *_labels(lexicon_folder() / "bystanders.yaml", places, read_bystander),
        *_unwatched(watched_keys(data, "companies"), places),
    ]
    if None in (*companies, *topics, *stages, *regulators, *bystanders):
        return None
    try:
        return make_lexicon(
            [member for member in companies if member],
            [member for member in topics if member],
            [label for label in stages if label],
            [label for label in regulators if label],
            [company for company in bystanders if company],
        )
    except LexiconError as error:
        kind, key = str(error.path[0]), error.path[1] if len(error.path) > 1 else None
        keys = watched_keys(data, kind)
        path = (kind, keys.index(str(key))) if key in keys else (kind,)
        places.report(path, error.message)
        return None


def watched_keys(data: dict[str, Any], kind: str) -> list[str]:
    """Return the keys of the companies or topics watched; "" for an entry that has none."""
    entries = data.get(kind, list(COMPANIES if kind == "companies" else TOPICS))
    if not isinstance(entries, list):
        return []
    keys = (entry.get("id") if isinstance(entry, dict) else entry for entry in entries)
    return [key if isinstance(key, str) else "" for key in keys]


def bundled_keys(kind: str) -> list[str]:
    """Return the names of all bundled companies or topics, in order of the alphabet."""
    return sorted(file.stem for file in (lexicon_folder() / kind).glob("*.yaml"))


def _members(
    kind: str, entries: object, reader: Callable[[str, object], Member], places: Places
) -> list[Member | None]:
    if not isinstance(entries, list):
        return [None]  # the type is reported where all types are
    first: dict[str, int] = {}
    found: list[Member | None] = []
    for index, key in enumerate(watched_keys({kind: entries}, kind)):
        if key and first.setdefault(key, index) != index:
            where = places.where((kind, first[key]))
            places.report((kind, index), f'names "{key}" a second time, first in {where}')
            found.append(None)
        found.append(_member(kind, index, entries[index], reader, places))
    return found


def _member(
    kind: str,
    index: int,
    entry: object,
    reader: Callable[[str, object], Member],
    places: Places,
) -> Member | None:
    if isinstance(entry, str):
        file = lexicon_folder() / kind / f"{entry}.yaml"
        known = bundled_keys(kind)
        if entry in known:
            return _from_file(file, reader, places)
        hint = did_you_mean(entry, known) or f"; bundled are {', '.join(known)}"
        places.report((kind, index), f'no bundled {_ONE[kind]} is called "{entry}"{hint}')
    elif isinstance(entry, dict) and isinstance(entry.get("id"), str):
        try:
            return reader(entry["id"], entry)
        except LexiconError as error:
            places.report((kind, index, *error.path), error.message)
    else:
        wanted = f"must be the name of a bundled {_ONE[kind]}, or a mapping with an `id`"
        places.report((kind, index), wanted)
    return None


def _from_file(
    file: Path, reader: Callable[[str, object], Member], places: Places
) -> Member | None:
    data, lines = _read(file, places)
    try:
        return reader(file.stem, data) if lines else None
    except LexiconError as error:
        _report(file, lines, error.path, error.message, places)
        return None


def _unwatched(watched: Sequence[str], places: Places) -> list[Company | None]:
    folder = lexicon_folder() / "companies"
    keys = (key for key in bundled_keys("companies") if key not in watched)
    return [_from_file(folder / f"{key}.yaml", read_company, places) for key in keys]


def _labels(
    file: Path, places: Places, reader: Callable[[str, object], Member]
) -> list[Member | None]:
    data, lines = _read(file, places)
    if not isinstance(data, dict):
        return [None]
    found: list[Member | None] = []
    for key, value in data.items():
        try:
            found.append(reader(key, value))
        except LexiconError as error:
            _report(file, lines, (key, *error.path), error.message, places)
            found.append(None)
    return found


def _read(file: Path, places: Places) -> tuple[Any, dict[KeyPath, int]]:
    try:
        marked = read(file.read_bytes())
    except OSError as error:
        places.report_elsewhere(str(file), 1, (), f"cannot be read: {error.strerror}")
        return None, {}
    for path, line, message in marked.mistakes:
        places.report_elsewhere(str(file), line, path, message)
    return (None, {}) if marked.mistakes else (marked.data, marked.lines)


def _report(
    file: Path,
    lines: dict[KeyPath, int],
    path: KeyPath,
    message: str,
    places: Places,
) -> None:
    places.report_elsewhere(str(file), Places(str(file), lines).line(path), path, message)
