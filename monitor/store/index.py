"""The search index: which articles have which words, kept in step with their texts.

* It holds the words of each article's present text, without places: it narrows a search down, and
  `monitor.query` decides on the text. So it may name an article too many, never leave one out.
* SQLite keeps it in an FTS5 table without contents, a fifth of the size of one with places;
  PostgreSQL in a `tsvector` with a GIN index. Both are called `article_words`.
* `articles.indexed` says by which rules an article's words were cut. Null means that they are not
  in the index yet, `UNFIT` that they never can be: such articles are looked through one by one.
* Filling it later, after an upgrade, goes page by page and is taken up where it ended.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import func, select, text, update

from monitor.store import schema as t
from monitor.store.many import insert_together
from monitor.text.index import CUT, distinct_words, index_words

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection

UNFIT: Final = 0
_LONG: Final = 500_000  # bytes of different words; PostgreSQL takes a million in one tsvector

_ADD_FTS5: Final = "INSERT INTO article_words (rowid, words) VALUES (?, ?)"
_DROP_FTS5: Final = text(
    "INSERT INTO article_words (article_words, rowid, words) VALUES ('delete', :article, :words)"
)
_ADD_TSVECTOR: Final = text(
    "INSERT INTO article_words (article_id, words)"
    " VALUES (:article, array_to_tsvector(CAST(:words AS text[])))"
    " ON CONFLICT (article_id) DO UPDATE SET words = excluded.words"
)
_DROP_TSVECTOR: Final = text("DELETE FROM article_words WHERE article_id = :article")

Words = tuple[int, str]  # an article's id, and what `index_words` gives of its title and summary


def add(connection: Connection, articles: Sequence[Words]) -> None:
    """Put *articles*, which are stored and not in the index, into it. The caller commits.

    The caller has set their `indexed` to `CUT`; those that do not fit are marked here.
    """
    if connection.dialect.name != "postgresql":
        insert_together(connection, _ADD_FTS5, articles)
        return
    rows: list[dict[str, Any]] = [{"article": it, "words": words} for it, words in articles]
    unfit = []
    for row in rows:
        row["words"] = distinct_words(row["words"])
        if sum(map(len, row["words"])) > _LONG // 4 and _bytes(row["words"]) > _LONG:
            unfit.append(row["article"])
    fit = [row for row in rows if row["article"] not in unfit]
    if fit:
        connection.execute(_ADD_TSVECTOR, fit)
    if unfit:
        marked = update(t.articles).where(t.articles.c.id.in_(unfit))
        connection.execute(marked.values(indexed=UNFIT))


def _bytes(words: Sequence[str]) -> int:
    return sum(len(word.encode()) for word in words)


def drop(connection: Connection, articles: Sequence[Words]) -> None:
    """Take *articles*, with the words they have in the index, out of it. The caller commits.

    An FTS5 table without contents cannot look them up: hand over just what was added.
    """
    if not articles:
        return
    if connection.dialect.name == "postgresql":
        connection.execute(_DROP_TSVECTOR, [{"article": it[0]} for it in articles])
        return
    rows = [{"article": it, "words": words} for it, words in articles]
    connection.execute(_DROP_FTS5, rows)


def missing(connection: Connection) -> int:
    """Return how many articles are not in the index yet."""
    return connection.scalar(select(func.count()).where(t.articles.c.indexed.is_(None))) or 0


def fill(connection: Connection, *, limit: int) -> int:
    """Put up to *limit* articles that are missing into the index; return how many. Commit after.

    On PostgreSQL several may fill at once: each takes articles that no other holds.
    """
    page = (
        select(t.articles.c.id, t.articles.c.title, t.articles.c.summary)
        .where(t.articles.c.indexed.is_(None))
        .order_by(t.articles.c.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    found = [(row.id, index_words(row.title, row.summary)) for row in connection.execute(page)]
    if found:
        taken = update(t.articles).where(t.articles.c.id.in_([article for article, *_ in found]))
        connection.execute(taken.values(indexed=CUT))
        add(connection, found)
    return len(found)


def empty(connection: Connection) -> None:
    """Take everything out of the index, to be filled anew. The caller commits."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("DELETE FROM article_words"))
    else:
        connection.execute(text("INSERT INTO article_words (article_words) VALUES ('delete-all')"))
    connection.execute(update(t.articles).values(indexed=None))
