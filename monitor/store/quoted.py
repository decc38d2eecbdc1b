"""The text that a hit quotes: its article's, or what that said before.

It stands apart from the lists in `queries`, which what groups hits does not import.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVarTuple

from sqlalchemy import func

from monitor.store import schema as t

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, Select

_Columns = TypeVarTuple("_Columns")


def hit_title() -> ColumnElement[str]:
    """Return the title that a hit's evidence quotes; needs the join of `text_of_hit`."""
    return func.coalesce(t.revisions.c.title, t.articles.c.title).label("title")


def text_of_hit(query: Select[*_Columns]) -> Select[*_Columns]:
    """Join *query* of hits with the article, and with the older text a hit may quote."""
    return query.join(t.articles, t.articles.c.id == t.hits.c.article_id).outerjoin(
        t.revisions,
        (t.revisions.c.article_id == t.hits.c.article_id)
        & (t.revisions.c.number == t.hits.c.revision),
    )
