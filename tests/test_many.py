"""Rows by the hundred and lists as one parameter: the same as one by one, on both databases."""

from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from sqlalchemy import bindparam, create_engine, event, insert, select, text, update

from monitor.store import known, numbering
from monitor.store import schema as t
from monitor.store.among import among
from monitor.store.many import Many, insert_together

AT = datetime(2026, 11, 23, 16, 5, tzinfo=timezone(timedelta(hours=8)))
ROWS = [
    ("one", "https://a.example/1", "One", AT, [1, "二"], b"\x00\xff", False),
    ("two", "https://a.example/2", "Zwei", AT, None, None, True),
    ("three", "https://a.example/3", 'it\'s "three"', AT + timedelta(days=1), {}, None, True),
]
NAMES = ("key", "url", "name", "due_at", "articles", "prints", "full_text")
RAW = text("SELECT due_at, articles FROM feeds ORDER BY id")
REST = {"enabled": True, "state": "ok", "failures": 0, "gaps": 0, "haste": 0}


def all_feeds(connection):
    columns = (*NAMES, *REST)
    return connection.execute(select(*(t.feeds.c[name] for name in columns)).order_by(t.feeds.c.id))


def test_rows_are_stored_as_one_by_one(engine):
    adding = Many((*NAMES, *REST), lambda _: insert(t.feeds))
    with engine.begin() as connection:
        adding.execute(connection, [(*row, *REST.values()) for row in ROWS])
        at_once = all_feeds(connection).all()
        raw = connection.execute(RAW).all()
        connection.rollback()
    with engine.begin() as connection:
        for row in ROWS:
            connection.execute(insert(t.feeds), dict(zip(NAMES, row, strict=True)) | REST)
        assert all_feeds(connection).all() == at_once
        assert connection.execute(RAW).all() == raw
    assert at_once[0].due_at == datetime(2026, 11, 23, 8, 5, tzinfo=UTC)


def test_an_update_changes_each_row_by_its_own_values(engine):
    change = Many(
        ("its_key", "new_due_at"),
        lambda _: (
            update(t.feeds)
            .where(t.feeds.c.key == bindparam("its_key"))
            .values(due_at=bindparam("new_due_at", type_=t.feeds.c.due_at.type))
        ),
    )
    with engine.begin() as connection:
        Many((*NAMES, *REST), lambda _: insert(t.feeds)).execute(
            connection, [(*row, *REST.values()) for row in ROWS]
        )
        change.execute(connection, [("three", AT), ("one", AT + timedelta(hours=1))])
        change.execute(connection, [])
        due = dict(connection.execute(select(t.feeds.c.key, t.feeds.c.due_at)).all())
    assert due == {"one": AT + timedelta(hours=1), "two": AT, "three": AT}


def test_a_list_finds_numbers_words_and_days(engine):
    by_name = select(t.feeds.c.key).where(among(t.feeds.c.name, "some")).order_by(t.feeds.c.id)
    by_id = select(t.feeds.c.id).where(among(t.feeds.c.id, "some"))
    by_day = select(t.hits.c.id).where(among(t.hits.c.event_date, "some"))
    with engine.begin() as connection:
        Many((*NAMES, *REST), lambda _: insert(t.feeds)).execute(
            connection, [(*row, *REST.values()) for row in ROWS]
        )
        names = {"some": ['it\'s "three"', "One", "none of them", "😀"]}
        assert connection.scalars(by_name, names).all() == ["one", "three"]
        assert connection.scalars(by_name, {"some": []}).all() == []
        ids = connection.scalars(select(t.feeds.c.id)).all()
        assert set(connection.scalars(by_id, {"some": [*ids[1:], 10**12]})) == set(ids[1:])
        assert connection.scalars(by_day, {"some": [date(2026, 11, 23).isoformat()]}).all() == []


def test_a_list_is_looked_up_in_the_index(engine):
    if engine.dialect.name != "sqlite":
        return  # PostgreSQL chooses by how large a table is
    with engine.connect() as connection:
        query = str(known._BY_LINK.compile(dialect=engine.dialect))
        plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {query}", ("[]",)).all()
    assert "ix_articles_link" in plan[0][3]


def test_reserved_numbers_that_are_not_used_have_not_landed(engine):
    with engine.begin() as connection:
        numbers = numbering.reserve(connection, t.feeds, 3)
        rows = [(number, *row, *REST.values()) for number, row in zip(numbers, ROWS, strict=True)]
        Many(("id", *NAMES, *REST), lambda _: insert(t.feeds)).execute(connection, rows[::2])
        landed = numbering.landed(connection, t.feeds, numbers)
        assert landed & set(numbers) == {numbers[0], numbers[2]}
        assert numbering.landed(connection, t.feeds, [numbers[2]]) == {numbers[2]}
        assert min(numbering.reserve(connection, t.feeds, 2)) > numbers[2]


@pytest.mark.parametrize("number", [0, 1, 3, 15, 16, 17, 63, 64, 65, 300])
def test_rows_go_into_sqlite_by_the_dozen(number):
    """Every row goes in once, whatever their number, by few statements and few kinds of them."""
    statements = []
    with create_engine("sqlite://").begin() as connection:
        connection.exec_driver_sql("CREATE TABLE it (a INTEGER UNIQUE, b TEXT)")
        connection.exec_driver_sql("INSERT INTO it VALUES (7, 'before')")
        event.listen(connection, "before_cursor_execute", lambda *it: statements.append(it[2]))
        adding = "INSERT INTO it (a, b) VALUES (?, ?) ON CONFLICT DO NOTHING"
        insert_together(connection, adding, [(at, f"row {at}") for at in range(number)])
        found = dict(connection.execute(text("SELECT a, b FROM it")).all())
    assert found == {at: f"row {at}" for at in range(number)} | {7: "before"}
    assert len(statements) - 1 <= number // 64 + 9
    assert all(statement.endswith("ON CONFLICT DO NOTHING") for statement in statements[:-1])


def test_what_is_no_insert_of_one_row_is_refused():
    with (
        create_engine("sqlite://").begin() as connection,
        pytest.raises(ValueError, match="one row"),
    ):
        insert_together(connection, "INSERT INTO it (a, b) VALUES (?, 2)", [(1,)])
