"""Numbering: ids of new rows, known before they are inserted, so that none is asked back."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import bindparam, func, insert, select, text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection, Select, Table


def reserve(connection: Connection, table: Table, number: int) -> list[int]:
    """Return *number* ids for new rows that nobody else will use, in ascending order."""
    if connection.dialect.name == "postgresql":
        return sorted(connection.scalars(_SEQUENCE, {"table": table.name, "number": number}))
    last = connection.scalar(_last(table)) or 0  # we write alone
    return list(range(last + 1, last + 1 + number))


def insert_numbered(
    connection: Connection, table: Table, rows: Sequence[dict[str, Any]]
) -> list[int]:
    """Insert *rows*, which have all the same columns; return their ids. The caller commits."""
    if not rows:
        return []
    numbers = reserve(connection, table, len(rows))
    numbered = [{"id": number, **row} for number, row in zip(numbers, rows, strict=True)]
    connection.execute(insert(table), numbered)
    return numbers


def landed(connection: Connection, table: Table, numbers: Sequence[int]) -> set[int]:
    """Return ids of rows that are there, which hold those of the reserved *numbers* that are."""
    first, last = numbers[0], numbers[-1]
    ours = last - first + 1 == len(numbers)  # all there is between them, so to count is enough
    if ours and connection.scalar(_count(table), {"first": first, "last": last}) == len(numbers):
        return set(numbers)
    return set(connection.scalars(_between(table), {"first": first, "last": last}))


_SEQUENCE: Final = text(
    "SELECT nextval(pg_get_serial_sequence(:table, 'id')) FROM generate_series(1, :number)"
)


@cache
def _last(table: Table) -> Select[Any]:
    return select(func.max(table.c.id))


@cache
def _count(table: Table) -> Select[Any]:
    return _between(table).with_only_columns(func.count())


@cache
def _between(table: Table) -> Select[Any]:
    return select(table.c.id).where(table.c.id.between(bindparam("first"), bindparam("last")))
