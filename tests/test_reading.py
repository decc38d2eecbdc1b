"""Reading lists: a page at once, what may be long piece by piece, so that memory stays flat."""

from datetime import UTC

import pytest
from sqlalchemy import event, text
from stored import NOW, put

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
def test_postgresql_neither_starts_helpers_nor_compiles_and_is_in_utc(engine):
    """Every session has what takes longer than a page off, and UTC as its zone."""
    for _ in range(2):  # the second time with the connection that the first gave back
        with reading(engine) as connection:
            said = [
                connection.scalar(text(f"SHOW {name}"))
                for name in ("jit", "max_parallel_workers_per_gather", "timezone")
            ]
        assert said == ["off", "0", "UTC"]


@pytest.mark.parametrize("empty_database", ["postgresql"], indirect=True)
def test_instants_are_utc_in_whatever_zone_a_session_is(engine):
    """A pool in between may give us a session that somebody else has set up."""
    put(engine, ["One"])
    with reading(engine) as connection:
        connection.execute(text("SET timezone = 'Asia/Hong_Kong'"))
        [row] = rows(connection, ARTICLES, Filter())

    assert (row["first_seen"], row["first_seen"].tzinfo) == (NOW, UTC)
