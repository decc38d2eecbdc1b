"""Numbering: ids of new rows, known before they are inserted, so that none is asked back."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import bindparam, func, select, text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection, Select, Table


def reserve(connection: Connection, table: Table, number: int) -> list[int]:
    """Return *number* ids for new rows that nobody else will use, in ascending order."""
    if connection.dialect.name == "postgresql":
        return sorted(connection.scalars(_SEQUENCE, {"table": table.name, "number": number}))
    last = connection.scalar(_last(table)) or 0  # we write alone
    return list(range(last + 1, last + 1 + number))


def landed(connection: Connection, table: Table, numbers: Sequence[int]) -> set[int]:
    """Return ids of rows that are there, which hold those of the reserved *numbers* that are."""
    span = {"first": numbers[0], "last": numbers[-1]}
    return set(connection.scalars(_between(table), span))


_SEQUENCE: Final = text(
    "SELECT nextval(pg_get_serial_sequence(:table, 'id')) FROM generate_series(1, :number)"
)


@cache
def _last(table: Table) -> Select[Any]:
    return select(func.max(table.c.id))


@cache
def _between(table: Table) -> Select[Any]:
    return select(table.c.id).where(table.c.id.between(bindparam("first"), bindparam("last")))
