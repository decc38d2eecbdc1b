"""Who is watched and what about: the lexicon that a configuration's entries make.

* What an entry may be is told in `monitor.config.entries`; every mistake in it has a file, a line
  and a key path, bundled files included.
* Stages, regulators and bystanders are always the bundled ones; a bundled company that is not
  watched is a bystander too.
* All that can be wrong between members is looked for at once: a spelling of two companies, a
  reference to a topic, stage or regulator that is not there.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

from monitor.config.entries import (
    DEFAULTS,
    Entry,
    Source,
    bundled_entry,
    bundled_keys,
    gather,
    read_file,
)
from monitor.config.places import Places
from monitor.detect.definitions import read_bystander, read_company, read_label, read_topic
from monitor.detect.lexicon import Lexicon, clashes, loose_references, make_lexicon
from monitor.detect.spellings import LexiconError
from monitor.resources import lexicon_folder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from monitor.model import Company, Label, Topic

Member = TypeVar("Member")
Entries = dict[str, list[Entry]]


def bundled_lexicon(
    companies: Sequence[str] | None = None, topics: Sequence[str] | None = None
) -> Lexicon:
    """Return the bundled companies and topics of these names, in this order.

    None means the default six companies and three topics. Raises ConfigError for a name that is
    not bundled, or a bundled file that cannot be used.
    """
    places = Places("monitor/lexicon")
    asked = {"companies": companies, "topics": topics}
    names = {kind: DEFAULTS[kind] if keys is None else keys for kind, keys in asked.items()}
    data = {kind: list(keys) for kind, keys in names.items()}
    lexicon = read_watchlist(read_entries(data, places), places)
    places.stop_if_any()
    if lexicon is None:  # pragma: no cover - then a mistake was reported
        raise AssertionError
    return lexicon


def read_entries(data: Mapping[str, object], places: Places) -> Entries:
    """Return what the `companies` and `topics` of *data* stand for; mistakes go to *places*."""
    return {kind: gather(kind, data, places) for kind in ("companies", "topics")}


def read_watchlist(entries: Entries, places: Places) -> Lexicon | None:
    """Return the lexicon that these entries make.

    Reports each mistake to *places* and returns None if there was any in a definition.
    """
    companies = _members(entries["companies"], read_company)
    topics = _members(entries["topics"], read_topic)
    stages = _labels("stages", read_label, places)
    regulators = _labels("regulators", read_label, places)
    bystanders = [
        *_labels("bystanders", read_bystander, places),
        *_members(_unwatched(entries["companies"], places), read_company),
    ]
    if None in (*companies, *topics, *stages, *regulators, *bystanders):
        return None
    parts = _sound(companies), _sound(topics), _sound(stages), _sound(regulators)
    if _report_clashes(parts[0], entries) + _report_references(*parts, entries):
        return None
    try:
        return make_lexicon(*parts, _sound(bystanders))
    except LexiconError:  # a key twice, which was reported where keys are
        return None


def _sound(members: Iterable[Member | None]) -> list[Member]:
    return [member for member in members if member is not None]


def _members(
    entries: Iterable[Entry], reader: Callable[[str, object], Member]
) -> list[Member | None]:
    return [_member(entry.key, entry.data, entry.source, reader) for entry in entries]


def _member(
    key: str, data: object, source: Source, reader: Callable[[str, object], Member]
) -> Member | None:
    try:
        return reader(key, data)
    except LexiconError as error:
        source.report(error.path, error.message)
        return None


def _labels(
    name: str, reader: Callable[[str, object], Member], places: Places
) -> list[Member | None]:
    found = read_file(lexicon_folder() / f"{name}.yaml", places)
    if found is None or not isinstance(found[0], dict):
        return [None]
    data, source = found
    return [
        _member(key, value, replace(source, prefix=(key,)), reader) for key, value in data.items()
    ]


def _unwatched(watched: Iterable[Entry], places: Places) -> list[Entry]:
    keys = {entry.key for entry in watched}
    others = (key for key in bundled_keys("companies") if key not in keys)
    return _sound(bundled_entry("companies", key, Source(places)) for key in others)


def _report_clashes(companies: Iterable[Company], entries: Entries) -> int:
    by_key = {entry.key: entry for entry in entries["companies"]}
    told: set[tuple[str, str]] = set()
    for clash in clashes(companies):
        first, later = by_key[clash.first], by_key[clash.later]
        paths = first.find(clash.text), later.find(clash.text)
        where = first.source.where(paths[0]), later.source.where(paths[1])
        if where not in told:  # all notations of one ticker are one mistake
            told.add(where)
            message = f'"{clash.text}" is a spelling of "{clash.first}" too ({where[0]})'
            later.source.report(paths[1], f"{message}; one spelling, one company")
    return len(told)


def _report_references(
    companies: Iterable[Company],
    topics: Sequence[Topic],
    stages: Iterable[Label],
    regulators: Iterable[Label],
    entries: Entries,
) -> int:
    by_key = {kind: {entry.key: entry for entry in entries[kind]} for kind in entries}
    told = [
        (by_key[loose.kind][loose.key], loose.need, str(loose))
        for loose in loose_references((*companies, *topics), stages, regulators)
    ]
    known = {*bundled_keys("topics"), *by_key["topics"]}
    told += [
        (by_key["topics"][topic.key], topic.if_unlisted, f'there is no topic "{topic.if_unlisted}"')
        for topic in topics
        if topic.if_unlisted and topic.if_unlisted not in known
    ]
    for entry, text, message in told:
        entry.source.report(entry.find(text), message)
    return len(told)
