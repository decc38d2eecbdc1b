"""Budget: what all bodies together take is bounded, and nobody waits for ever."""

import asyncio
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


def test_waiting_ends_when_another_thread_gives_back():
    """A reader that waits goes on as soon as there is room, whoever made it."""
    budget = Budget(100)
    held, waits = budget.open(), budget.open()
    held.take(120)

    async def read():
        loop = asyncio.get_running_loop()
        threading.Timer(0.05, held.close).start()
        began = loop.time()
        await waits.wait_for(50)
        return loop.time() - began

    assert asyncio.run(read()) < 5
    assert budget.used_bytes == waits.taken == 50
