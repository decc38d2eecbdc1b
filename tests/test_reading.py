"""Reading lists: a page at once, what may be long piece by piece, so that memory stays flat."""

import pytest
from sqlalchemy import event, text
from stored import put

from monitor.store.engine import reading
from monitor.store.queries import ARTICLES, Filter, rows


@pytest.mark.parametrize(("limit", "by_parts"), [(None, True), (100_000, True), (50, False)])
def test_only_what_may_be_long_is_read_by_parts(engine, limit, by_parts):
    """PostgreSQL plans a page as the page it is; of a long list few rows are in memory."""
    put(engine, ["One", "Two", "Three"])
    seen = []

    @event.listens_for(engine, "before_cursor_execute")
    def _(_connection, _cursor, statement, _parameters, context, _many):
        if "v_articles" in statement:
            seen.append("yield_per" in context.execution_options)

    with reading(engine) as connection:
        found = [row["title"] for row in rows(connection, ARTICLES, Filter(limit=limit))]
    assert sorted(found) == ["One", "Three", "Two"]
    assert seen == [by_parts]


@pytest.mark.parametrize("empty_database", ["postgresql"], indirect=True)
def test_postgresql_neither_starts_helpers_nor_compiles(engine):
    """What takes longer than a page is off in every session, whatever was rolled back."""
    for _ in range(2):  # the second time with the connection that the first gave back
        with reading(engine) as connection:
            said = [
                connection.scalar(text(f"SHOW {name}"))
                for name in ("jit", "max_parallel_workers_per_gather")
            ]
        assert said == ["off", "0"]
