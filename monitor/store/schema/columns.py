"""What all tables share: their metadata, and the kinds of columns they are made of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import BigInteger, Column, Index, Integer, MetaData

if TYPE_CHECKING:
    from sqlalchemy import TextClause
    from sqlalchemy.schema import SchemaItem
    from sqlalchemy.types import TypeEngine

metadata = MetaData(
    naming_convention={  # so that a migration can name what it alters, on both databases
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)

NUMBER = BigInteger().with_variant(Integer, "sqlite")  # SQLite counts only INTEGER keys up


def numbered() -> Column[int]:
    """Return the key `id`, which the database counts up."""
    return Column("id", NUMBER, primary_key=True)


def required(
    name: str,
    kind: type[TypeEngine[Any]] | TypeEngine[Any],
    *items: SchemaItem,
    **options: Any,  # noqa: ANN401 - as Column takes them
) -> Column[Any]:
    """Return a column that is never null."""
    return Column(name, kind, *items, nullable=False, **options)


def partial(name: str, *columns: str, where: TextClause, unique: bool = False) -> Index:
    """Return an index of the rows of which *where* is true.

    Migrations make it; SQLAlchemy itself is told of the condition by `tell_conditions` alone, since
    that imports the dialects of both databases, which takes as long as all of these tables.
    """
    return Index(name, *columns, unique=unique, info={"where": where})


def tell_conditions() -> None:
    """Tell SQLAlchemy of which rows each partial index is, for whoever compares or makes tables."""
    for table in metadata.tables.values():
        for index in table.indexes:
            if "where" in index.info:
                for dialect in ("sqlite", "postgresql"):
                    index.dialect_options[dialect]["where"] = index.info["where"]
