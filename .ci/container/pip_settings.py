"""Write this machine's pip settings to one file, and print the paths it refers to.

Usage: pip_settings.py FILE. Settings that only make sense on this machine (targets, caches) are
left out. Whatever is a local path, certificate or index, is printed, to be mounted where it is.
"""

# ruff: noqa: INP001, T201 - a script beside shell scripts, whose output is its answer
from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

KEPT = {"cert", "extra-index-url", "find-links", "index-url", "timeout", "trusted-host"}


def settings() -> dict[str, str]:
    """Return pip's settings from all its files and variables, the strongest of each kind."""
    listed = subprocess.run(
        [sys.executable, "-m", "pip", "config", "list"], capture_output=True, text=True, check=True
    ).stdout
    found = {}
    for line in listed.splitlines():
        key, _, value = line.partition("=")
        name = key.rpartition(".")[2].removeprefix("default-")
        if name in KEPT:
            found[name] = str(ast.literal_eval(value))
    return found


def local_paths(found: dict[str, str]) -> list[str]:
    """Return the local files and folders that the settings name, indexes with what lies beside."""
    paths = []
    for value in " ".join(found.values()).split():
        path = Path(value.removeprefix("file://"))
        if path.is_absolute() and path.exists():
            paths.append(str(path.parent if path.name == "simple" else path))
    return sorted(set(paths))


def main() -> None:
    """Write the file and print the paths, one a line."""
    found = settings()
    lines = [f"{name} = {value}\n" for name, value in found.items()]
    Path(sys.argv[1]).write_text("".join(["[global]\n", *lines]), encoding="utf-8")
    for path in local_paths(found):
        print(path)


if __name__ == "__main__":
    main()
