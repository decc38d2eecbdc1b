"""Cells: text that a spreadsheet shows and does not calculate (OWASP, "CSV Injection")."""

from __future__ import annotations

from typing import Final

# What a spreadsheet takes for the beginning of a formula; the wide forms in East Asian ones.
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "＝", "＋", "－", "＠")


def safe_cell(text: str) -> str:
    """Return *text*, with an apostrophe in front where it would be a formula."""
    return f"'{text}" if text.startswith(_FORMULA) else text
