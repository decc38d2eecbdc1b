"""Rows that are read a page at a time, so that memory stays flat however many there are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

PAGE: Final = 500  # rows that are read at once


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows that are read when they are asked for, once: as mappings, or by pages."""

    columns: Sequence[str]
    pages: Iterator[Sequence[Sequence[Any]]]

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """Yield each row by the names of its columns."""
        for page in self.pages:
            for row in page:
                yield dict(zip(self.columns, row, strict=True))
