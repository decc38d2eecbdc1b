"""Rows by their number: one that is read, many that are changed."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam, select, update

from monitor.store.many import Many

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection, Row, Table


def row_of(
    connection: Connection, table: Table, number: int, *, lock: bool = False
) -> Row[Any] | None:
    """Return the row of *table* with that `id`; with *lock*, held until the transaction ends."""
    query = select(table).where(table.c.id == number)
    return connection.execute(query.with_for_update() if lock else query).one_or_none()


def change_rows(connection: Connection, table: Table, rows: Sequence[dict[str, Any]]) -> None:
    """Set columns of the rows of *table* that *rows* name by `id`, all of them the same columns.

    The caller commits.
    """
    if rows:
        columns = tuple(name for name in rows[0] if name != "id")
        _change_of(table, columns).execute(
            connection, [(row["id"], *(row[name] for name in columns)) for row in rows]
        )


@cache
def _change_of(table: Table, columns: tuple[str, ...]) -> Many:
    names = {column: f"new_{column}" for column in columns}
    values = {column: bindparam(name, type_=table.c[column].type) for column, name in names.items()}
    change = update(table).where(table.c.id == bindparam("its_id")).values(values)
    return Many(("its_id", *names.values()), lambda _: change)
