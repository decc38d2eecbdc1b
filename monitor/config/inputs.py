"""What the lexicon of a configuration is made from, as a hash: the same again, the same lexicon.

A start that finds the hash remembered need not read and check the watch-list once more, which
takes longer than polling two hundred quiet feeds.
"""

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from monitor.resources import lexicon_folder, version

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_PROGRAM = Path(__file__).resolve().parents[1]
_RULES = ("config", "detect", "text", "model")  # the parts of the program that make a lexicon


def inputs_of(data: Mapping[str, Any], file: str) -> str:
    """Return the SHA-256, in hex, of all that decides about the lexicon of *data* from *file*.

    That is the watch-list with the files it names, what feeds and subscriptions say of it, the
    bundled lexicon, and the program itself: its version, and the times of its sources. Raises
    OSError for a file that cannot be read.
    """
    feeds = data.get("feeds", ())
    told = {
        "version": version(),
        "companies": data.get("companies"),
        "topics": data.get("topics"),
        "feeds": [feed.get("company") for feed in feeds if isinstance(feed, dict)],
        "subscriptions": data.get("subscriptions"),
    }
    whole = sha256(json.dumps(told, default=str).encode())
    for path in (*_named(data, Path(file).parent), *sorted(lexicon_folder().rglob("*.*"))):
        whole.update(f"\n{path.name}\n".encode() + path.read_bytes())
    globs = [name for part in _RULES for name in (f"{part}.py", f"{part}/**/*.py")]
    for path in sorted(source for name in globs for source in _PROGRAM.glob(name)):
        found = path.stat()
        whole.update(f"{path.name} {found.st_size} {found.st_mtime_ns}\n".encode())
    return whole.hexdigest()


def is_file(text: str) -> bool:
    """Return whether a member written so stands for a file of members."""
    return text.endswith((".yaml", ".yml"))


def _named(data: Mapping[str, Any], folder: Path) -> Iterator[Path]:
    for kind in ("companies", "topics"):
        for item in data.get(kind) or ():
            if isinstance(item, str) and is_file(item):
                yield folder / item
