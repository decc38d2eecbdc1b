"""What comes from outside the file: `MONITOR_*` variables, `${VARIABLE}`, secrets in files.

* `MONITOR_DELIVERY__SMTP__HOST=mail.example.com` sets `delivery.smtp.host`: two underscores are
  one level. A value is text, or a YAML list if it begins with `[`.
* `${NAME}` in a text of the file is replaced by that variable, which must be set; `$${` stands
  for `${`. What is put in is not looked at again, nor are the values of `MONITOR_*`.
* A secret may be in a file of its own, named by the key with `_file` after it.
* A variable for a secret or its file takes the place of both keys of the configuration file.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from monitor.config.marks import leaves, read, walk_to
from monitor.config.places import dotted

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from monitor.config.marks import KeyPath
    from monitor.config.places import Places

PREFIX = "MONITOR_"
RESERVED = frozenset({"MONITOR_CONFIG"})  # names the file itself

SECRETS: tuple[KeyPath, ...] = (
    ("database",),
    ("delivery", "smtp", "password"),
    ("delivery", "dkim", "key"),
    ("delivery", "heartbeat"),
    ("feeds", "*", "imap", "password"),
    ("channels", "*", "apprise"),
    ("channels", "*", "webhook"),
    ("channels", "*", "secret"),
    ("web", "secret"),
)
FILES: tuple[KeyPath, ...] = (("delivery", "smtp", "ca_file"), ("feeds", "*", "imap", "ca_file"))

_VARIABLE = re.compile(r"\$\$\{|\$\{(?P<name>[A-Za-z_][A-Za-z0-9_]*)\}|\$\{")


def override(data: dict[str, Any], environ: Mapping[str, str], places: Places) -> None:
    """Put the values of the `MONITOR_*` variables into *data*, and their names into *places*."""
    given: dict[KeyPath, str] = {
        tuple(name.removeprefix(PREFIX).lower().split("__")): name
        for name in sorted(environ)
        if name.startswith(PREFIX) and name not in RESERVED
    }
    for path, variable in given.items():
        _clear_the_way(data, path, given)
        _put(data, path, variable, environ[variable], places)


def expand(data: dict[str, Any], environ: Mapping[str, str], places: Places) -> None:
    """Replace each `${NAME}` in the texts of *data* by that variable's value."""
    for path, text in list(leaves(data)):
        if not isinstance(text, str) or "${" not in text or places.variable(path):
            continue
        found = list(_VARIABLE.finditer(text))
        missing = [at["name"] for at in found if at["name"] and at["name"] not in environ]
        if missing:
            names = ", ".join(dict.fromkeys(missing))
            places.report(path, f"needs the environment variable {names}, which is not set")
        elif any(at[0] == "${" for at in found):
            places.report(path, "has a `${` that is no `${NAME}`; write `$${` for the characters")
        else:
            filled = _VARIABLE.sub(lambda at: environ.get(at["name"] or "", "${"), text)
            walk_to(data, path[:-1])[1][path[-1]] = filled


def read_files(data: dict[str, Any], places: Places) -> None:
    """Put what the `..._file` keys name into the keys they stand for; try the other files."""
    for path in _found(SECRETS, data):
        key = f"{path[-1]}_file"
        parent = walk_to(data, path[:-1])
        if parent[0] != path[:-1] or not isinstance(parent[1], dict) or key not in parent[1]:
            continue
        if path[-1] in parent[1]:
            places.report((*path[:-1], key), f"stands beside `{path[-1]}`; give one of them")
        elif (text := _content((*path[:-1], key), parent[1][key], places)) is not None:
            parent[1][path[-1]] = text
    for path in _found(FILES, data):
        at, name = walk_to(data, path)
        if at == path:
            text = _content(path, name, places)
            if text is not None and "-----BEGIN" not in text:
                places.report(path, "names a file without a PEM certificate")


def _found(paths: Iterable[KeyPath], data: dict[str, Any]) -> Iterator[KeyPath]:
    """Yield *paths*, those with a `*` once for each name or place there is in *data*."""
    for path in paths:
        before, star, after = path[:1], path[1:2] == ("*",), path[2:]
        named = walk_to(data, before)[1] if star else None
        if star and isinstance(named, dict | list):
            names = named if isinstance(named, dict) else range(len(named))
            yield from ((*before, name, *after) for name in names)
        elif not star:
            yield path


def _is_secret(path: KeyPath) -> bool:
    wild = (*path[:1], "*", *path[2:])
    return path in SECRETS or wild in SECRETS


def _clear_the_way(data: dict[str, Any], path: KeyPath, given: Mapping[KeyPath, str]) -> None:
    # A variable for a secret replaces the secret's file, and the other way round.
    last = str(path[-1])
    twin = (*path[:-1], last.removesuffix("_file") if last.endswith("_file") else f"{last}_file")
    is_secret = _is_secret(path) or _is_secret(twin)
    parent = walk_to(data, path[:-1])
    if is_secret and twin not in given and parent[0] == path[:-1] and isinstance(parent[1], dict):
        parent[1].pop(twin[-1], None)


def _put(data: dict[str, Any], path: KeyPath, variable: str, text: str, places: Places) -> None:
    parent: Any = data
    for depth, key in enumerate(path[:-1], 1):
        if parent.get(key) is None:
            parent[key] = {}
            places.variables[path[:depth]] = variable
        parent = parent[key]
        if not isinstance(parent, dict):
            places.report_variable(
                variable, f"cannot reach into {dotted(path[:depth])}, which is set as a whole"
            )
            return
    value: Any = text
    if text.startswith("["):
        marked = read(text.encode())
        if marked.mistakes:
            places.report_variable(variable, "begins with [ but is no YAML list")
            return
        value = marked.data
    parent[path[-1]] = value
    places.variables[path] = variable


def _content(path: KeyPath, name: object, places: Places) -> str | None:
    if not isinstance(name, str) or not name:
        return None  # the type is reported where all types are
    try:
        text = Path(name).read_text(encoding="utf-8").rstrip("\r\n")
    except UnicodeDecodeError:
        places.report(path, f"names {name}, which is not UTF-8 text")
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        places.report(path, f"names {name}, which cannot be read: {reason}")
    else:
        if text:
            return text
        places.report(path, f"names {name}, which is empty")
    return None
