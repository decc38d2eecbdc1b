"""Cells: text that a spreadsheet shows and does not calculate (OWASP, "CSV Injection")."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

# What a spreadsheet takes for the beginning of a formula; the wide forms in East Asian ones.
_FORMULA: Final = re.compile(r"\s*[=+\-@＝＋－＠]|[\t\r\n]")


def safe_cell(text: str) -> str:
    """Return *text*, with an apostrophe in front where it would be a formula."""
    return f"'{text}" if _FORMULA.match(text) else text


def safe_cells(texts: Sequence[str | None]) -> list[str | None]:
    """Return `safe_cell` of each of *texts*; no formula begins with a letter or a digit."""
    return [it if not it or it[0].isalnum() else safe_cell(it) for it in texts]
