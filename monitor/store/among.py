"""Among: whether a column has one of many values, which are a single parameter of the query.

A statement stays the same however many they are, so it is compiled once, and there is no limit of
the database's to mind. SQLite takes the values as JSON, PostgreSQL as an array.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import ARRAY, JSON, BigInteger, Boolean, Integer, bindparam
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy import ColumnElement
    from sqlalchemy.sql.compiler import SQLCompiler


class _Among(FunctionElement[bool]):
    type = Boolean()
    inherit_cache = True

    def self_group(self, against: Any = None) -> _Among:  # noqa: ANN401, ARG002 - as its own base has it
        """Stand as it is: compared with 1, as SQLite's truths are, it would use no index."""
        return self


def among(column: ColumnElement[Any], values: str | Iterable[Any]) -> ColumnElement[bool]:
    """Return the condition that *column* has one of *values*, or of those in a parameter so named.

    That parameter is a list.
    """
    kind = BigInteger() if isinstance(column.type, Integer) else column.type
    several = ARRAY(kind).with_variant(JSON(), "sqlite")
    if isinstance(values, str):
        return _Among(column, bindparam(values, type_=several))
    return _Among(column, bindparam(None, list(values), type_=several, unique=True))


@compiles(_Among, "sqlite")
def _sqlite(element: _Among, compiler: SQLCompiler, **kw: Any) -> str:  # noqa: ANN401 - as SQLAlchemy hands them on
    column, values = (compiler.process(it, **kw) for it in element.clauses)
    return f"{column} IN (SELECT value FROM json_each({values}))"  # noqa: S608 - names and marks


@compiles(_Among, "postgresql")
def _postgresql(element: _Among, compiler: SQLCompiler, **kw: Any) -> str:  # noqa: ANN401 - see above
    column, values = (compiler.process(it, **kw) for it in element.clauses)
    return f"{column} = ANY ({values})"
