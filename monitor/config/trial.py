"""Rules that are only tried: companies and topics as somebody writes them on a page.

* Nothing else is read: no variable is put in, and no file but those the configuration names itself.
* What of the two is left out stays as it is configured.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import yaml

from monitor.config.inputs import is_file
from monitor.config.marks import read
from monitor.config.places import Places
from monitor.config.watchlist import read_entries, read_watchlist

if TYPE_CHECKING:
    from monitor.config.settings import Config
    from monitor.detect.lexicon import Lexicon

KINDS: Final = ("companies", "topics")
_NAME: Final = "rules"  # in mistakes


def written(config: Config) -> str:
    """Return the rules of *config* as YAML, to be changed."""
    rules = {kind: plain(getattr(config, kind)) for kind in KINDS}
    return as_yaml(rules)


def as_yaml(data: object) -> str:
    """Return *data* as YAML that reads as the same."""
    return yaml.dump(data, Dumper=_Dumper, allow_unicode=True, sort_keys=False, width=100)


def read_rules(text: str, config: Config) -> Lexicon:
    """Return the lexicon that the rules in *text* make. Raises ConfigError with every mistake."""
    marked = read(text.encode())
    folder = Path(config.place_of().partition(":")[0]).parent
    places = Places(str(folder / _NAME), marked.lines)
    for where, line, message in marked.mistakes:
        places.report(where, message, line=line)
    given = marked.data if isinstance(marked.data, dict) else {}
    if not isinstance(marked.data, dict) and not marked.mistakes:
        places.report((), "must be a mapping: `companies:` and `topics:`, each with a list below")
    data: dict[str, Any] = {kind: plain(getattr(config, kind)) for kind in KINDS}
    for key, value in given.items():
        if key not in data:
            places.report((key,), "only `companies` and `topics` can be tried")
        elif not isinstance(value, list) or not value:
            places.report((key,), "must be a list with at least one entry")
        else:
            for index, entry in enumerate(value):
                if isinstance(entry, str) and is_file(entry) and entry not in data[key]:
                    places.report((key, index), "files cannot be read here")
            data[key] = value
    places.stop_if_any()
    lexicon = read_watchlist(read_entries(data, places), places)
    places.stop_if_any()
    if lexicon is None:  # pragma: no cover - then a mistake was reported
        raise AssertionError
    return lexicon


class _Dumper(yaml.SafeDumper):
    """Puts what looks like a number into quotes: PyYAML leaves 0089 bare, other readers do not."""


def _text(dumper: _Dumper, text: str) -> yaml.ScalarNode:
    bare = text[:1] in "+-." or text[:1].isdigit()
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style='"' if bare else None)


_Dumper.add_representer(str, _text)


def plain(value: Any) -> Any:  # noqa: ANN401 - whatever YAML holds
    """Return a part of a configuration as YAML has it: mappings and lists that can be changed."""
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return value
