"""From a path and an environment to a configuration, or to the list of everything wrong with it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from monitor.config.checks import (
    check_channels,
    check_filtered_feeds,
    check_filters,
    check_names,
    check_repeats,
    check_stages,
)
from monitor.config.environment import expand, override, read_files
from monitor.config.explain import explain, keys_at
from monitor.config.inputs import inputs_of
from monitor.config.marks import leaves, read
from monitor.config.places import Places, shown_path
from monitor.config.settings import Config, Held, Remembered
from monitor.errors import ConfigError, Mistake
from monitor.resources import shipped

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic_core import ErrorDetails

    from monitor.detect.lexicon import Lexicon


Memory = Callable[[str, str], Remembered | None]  # of a database's address, and of `inputs_of`


def load(path: str | Path, environ: Mapping[str, str], memory: Memory | None = None) -> Config:
    """Return the configuration in the file at *path*, as changed by *environ*.

    Relative paths inside it count from the working directory. A lexicon that *memory* has was
    found right before and is not made again. Raises ConfigError with every mistake in the file,
    in the variables and in the bundled lexicon files it asks for.
    """
    marked = read(_content(Path(path)))
    places = Places(str(path), marked.lines)
    for where, line, message in marked.mistakes:
        places.report(where, message, line=line)
    data = marked.data
    if not isinstance(data, dict):
        if not marked.mistakes:
            places.report((), "must be a mapping, that is lines of `key: value`")
        places.stop_if_any()
        data = {}
    _refuse_empty(data, places)
    override(data, environ, places)
    expand(data, environ, places)
    read_files(data, places)
    config = _validated(data, places)
    if config is not None and config.cluster and config.database_url.startswith("sqlite"):
        places.report(("cluster",), "needs a PostgreSQL `database`: replicas cannot share SQLite")
    check_repeats(data, places)
    check_channels(data, places)
    check_filtered_feeds(data, places)
    inputs = _inputs(data, path) if config is not None else None
    if config is not None and inputs and memory and not places.any:
        known = memory(config.database_url, inputs)
        if known is not None:
            config.hold(Held(partial(_make, data, places), inputs, places, known))
            return config
    return _make_and_check(config, data, inputs, places)


def _make_and_check(
    config: Config | None, data: dict[str, Any], inputs: str | None, places: Places
) -> Config:
    from monitor.config.risks import risks
    from monitor.config.watchlist import read_entries, read_watchlist

    entries = read_entries(data, places)
    lexicon = read_watchlist(entries, places)
    check_names(data, {kind: [it.key for it in entries[kind]] for kind in entries}, places)
    if lexicon is not None:
        check_stages(data, [stage.key for stage in lexicon.stages], places)
        check_filters(data, lexicon, places)
    places.stop_if_any()
    if config is None or lexicon is None:  # pragma: no cover - then a mistake was reported
        raise AssertionError
    config.hold(Held(partial(_made, lexicon), inputs, places))
    config.warn(risks(entries, lexicon))
    return config


def _made(lexicon: Lexicon) -> Lexicon:
    return lexicon  # a function with a name can go to another process


def _make(data: Mapping[str, Any], places: Places) -> Lexicon:
    from monitor.config.watchlist import read_entries, read_watchlist

    lexicon = read_watchlist(read_entries(data, places), places)
    places.stop_if_any()
    if lexicon is None:  # pragma: no cover - then a mistake was reported
        raise AssertionError
    return lexicon


def _inputs(data: Mapping[str, Any], path: str | Path) -> str | None:
    try:
        return inputs_of(data, str(path))
    except OSError:  # which reading the watch-list will tell, with the place
        return None


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        message = (
            f"no such file; start from the commented example: cp {shipped('config.yaml')} {path}"
        )
    except OSError as error:
        message = f"cannot be read: {error.strerror}"
    raise ConfigError(Mistake(str(path), "", message))


def _refuse_empty(data: dict[str, Any], places: Places) -> None:
    for path in [path for path, value in leaves(data) if value is None]:
        known = keys_at(path[:-1])
        if not known or path[-1] in known:
            places.report(path, "has no value: give it one, or take the key out")


def _follows(error: ErrorDetails, places: Places) -> bool:
    # Such as a port that cannot be derived when something else in its part is wrong, or a
    # password that is missing only because its file could not be read.
    if error["type"] == "default_factory_not_called":
        return True
    whole = error["type"] == "value_error" and isinstance(error["input"], dict)
    return whole and places.any_inside(error["loc"])


def _validated(data: dict[str, Any], places: Places) -> Config | None:
    try:
        return Config.model_validate(data)
    except ValidationError as errors:
        for error in errors.errors(include_url=False):
            if _follows(error, places):
                continue
            missing = error["type"] == "missing"
            places.report(
                error["loc"] if missing else shown_path(data, error["loc"]), explain(error)
            )
        return None
