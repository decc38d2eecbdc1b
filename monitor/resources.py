"""Where shipped files are: at the top of a checkout, or inside the installed wheel.

`templates/`, `migrations/` and `config.yaml` stand at the top level of the repository and are
copied to `monitor/_shipped/` when a wheel is built (see pyproject.toml).
"""

from __future__ import annotations

from pathlib import Path

from monitor import __version__

_PACKAGE = Path(__file__).resolve().parent


def shipped(name: str) -> Path:
    """Return the path of the shipped file or folder *name*, such as "templates"."""
    inside = _PACKAGE / "_shipped" / name
    return inside if inside.exists() else _PACKAGE.parent / name


def lexicon_folder() -> Path:
    """Return the folder with the bundled companies, topics, stages and regulators."""
    return _PACKAGE / "lexicon"


def version() -> str:
    """Return the version of the program."""
    return __version__
