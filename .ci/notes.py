"""Print what the changelog says of a version, as the notes of its release.

Usage: notes.py TAG. The tag is the version with a v before it, and has to be the program's; its
part of the changelog needs a date. Otherwise it is no release, and this says why.
"""

# ruff: noqa: INP001, T201 - a script of the release
from __future__ import annotations

import re
import sys
from pathlib import Path

TOP = Path(__file__).resolve().parents[1]


def notes(tag: str, version: str, changelog: str) -> str:
    """Return the part of *changelog* on *version*; exit with the reason if *tag* is not ready."""
    if tag != f"v{version}":
        sys.exit(f"the tag is {tag}, and the program is {version}: tag v{version}")
    heading = re.search(rf"^## \[{re.escape(version)}\] - (.+)$", changelog, re.MULTILINE)
    if heading is None:
        sys.exit(f"CHANGELOG.md has no part on {version}")
    if re.fullmatch(r"\d{4}-\d{2}-\d{2}", heading[1]) is None:
        sys.exit(f"CHANGELOG.md says {heading[1]!r} of {version}: write the day of the release")
    return re.split(r"^## ", changelog[heading.end() :], maxsplit=1, flags=re.MULTILINE)[0].strip()


if __name__ == "__main__":
    module = (TOP / "monitor/__init__.py").read_text("utf-8")
    [said] = re.findall(r'^__version__ = "(.+)"$', module, re.MULTILINE)
    print(notes(sys.argv[1], said, (TOP / "CHANGELOG.md").read_text("utf-8")))
