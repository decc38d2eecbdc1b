"""Budget: what all bodies together take is bounded, and nobody waits for ever."""

import threading

from monitor.feeds.budget import Budget


def test_one_may_go_beyond():
    """When the budget is spent one body may be finished, so that there is always a way on."""
    budget = Budget(100)
    first, second = budget.open(), budget.open()
    assert first.take(60)
    assert second.take(40)
    assert second.take(500)
    assert not first.take(1)
    second.close()
    assert first.take(1)
    assert budget.used_bytes == 61


def test_closing_twice():
    """What is given back twice counts once."""
    budget = Budget(100)
    account = budget.open()
    account.take(50)
    account.close()
    account.close()
    assert budget.used_bytes == 0


def test_room_is_told_of():
    """Who asked is told of room by whatever thread makes it, and not any more once he asked so."""
    budget = Budget(100)
    held, waits = budget.open(), budget.open()
    held.take(120)
    room = threading.Event()
    budget.tell(room.set)
    assert not waits.take(50)
    threading.Timer(0.05, held.close).start()

    assert room.wait(5)
    assert waits.take(50)
    assert budget.used_bytes == waits.taken == 50
    room.clear()
    budget.tell_no_more(room.set)
    waits.close()
    assert not room.is_set()


def test_patience_ends():
    """A reader that waited long enough goes on without room."""
    budget = Budget(100)
    held, waits = budget.open(), budget.open()
    held.take(120)
    assert not waits.take(50)
    assert waits.take(50, force=True)
    assert budget.used_bytes == 170
