"""Days: which of many beginnings an instant comes after, so that rows are counted day by day."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import Integer, case, literal_column

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from sqlalchemy import ColumnElement


def place(
    at: ColumnElement[datetime], starts: Sequence[datetime], first: int = 0
) -> ColumnElement[int]:
    """Return which of *starts* is the last before *at*, counted from *first*, by halving them."""
    if len(starts) == 1:
        return literal_column(str(first), Integer)
    half = len(starts) // 2
    below, above = place(at, starts[:half], first), place(at, starts[half:], first + half)
    return case((at < starts[half], below), else_=above)
