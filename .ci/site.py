"""Lay out the documentation for the site: the pages of docs/, and the changelog.

Usage: site.py FOLDER [ADDRESS]. Pages link to files of the checkout, which a site does not have:
those links lead to ADDRESS, where the checkout can be read, or are links no more without one.
"""

# ruff: noqa: INP001 - a script of the build
from __future__ import annotations

import re
import shutil
import sys
from pathlib import Path

TOP = Path(__file__).resolve().parents[1]
DOCS = TOP / "docs"
FENCE = re.compile(r"(^```.*?^```$)", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"(?<!!)\[([^\]]+)\]\(([^)\s:#]+)(#[^)\s]*)?\)")


def lay_out(folder: Path, address: str | None) -> None:
    """Copy docs/ and the changelog into *folder*, made anew, with links that lead somewhere."""
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(DOCS, folder)
    shutil.copy(TOP / "CHANGELOG.md", folder)
    for page in folder.rglob("*.md"):
        was = DOCS / page.relative_to(folder)
        was = was if was.exists() else TOP / was.name
        page.write_text(with_links(was, address), "utf-8")


def with_links(page: Path, address: str | None) -> str:
    """Return the text of *page* with the links that lead out of docs/ changed."""

    def changed(found: re.Match[str]) -> str:
        target = (page.parent / found[2]).resolve()
        if target.is_relative_to(DOCS):
            return found[0] if page.parent != TOP else found[0].replace("](docs/", "](")
        if address is None:
            return found[1]
        return f"[{found[1]}]({address}/{target.relative_to(TOP)}{found[3] or ''})"

    parts = FENCE.split(page.read_text("utf-8"))
    return "".join(part if part.startswith("```") else LINK.sub(changed, part) for part in parts)


if __name__ == "__main__":
    lay_out(Path(sys.argv[1]), sys.argv[2] if len(sys.argv) > 2 else None)  # noqa: PLR2004
