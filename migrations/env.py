"""Alembic's entry: runs migrations on the connection it is given, or compares models with it."""

from typing import TYPE_CHECKING, Literal

from alembic import context

from monitor.store import schema as t
from monitor.store.types import Instant

if TYPE_CHECKING:
    from alembic.autogenerate.api import AutogenContext


def render_item(kind: str, value: object, autogen: "AutogenContext") -> str | Literal[False]:
    """Write our own column type by name; leave the rest to Alembic."""
    if kind == "type" and isinstance(value, Instant):
        autogen.imports.add("from monitor.store.types import Instant")
        return "Instant()"
    return False


def include_name(name: str | None, kind: str, _parents: object) -> bool:
    """Leave out the search index: each database has its own, and neither is one of the models."""
    return kind != "table" or not (name or "").startswith("article_words")


t.columns.tell_conditions()
context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=t.metadata,
    render_item=render_item,
    include_name=include_name,
    render_as_batch=True,
    compare_type=True,
)
with context.begin_transaction():
    context.run_migrations()
