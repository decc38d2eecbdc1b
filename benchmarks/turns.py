"""What a working thread costs those beside it that use SQLite: python benchmarks/turns.py.

Python's driver of SQLite gives up the interpreter at every row and waits for its turn again. Rows
are inserted one statement each, and as the store does it; rows are read as a page reads them. Each
by itself and beside a thread that does nothing but compute, with Python's own turns of 5 ms and
with ours. Ratios in one run count.
"""

from __future__ import annotations

import random
import sys
import tempfile
import threading
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from monitor.store.engine import open_engine
from monitor.store.many import insert_together
from monitor.threads import TURN_S

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sqlalchemy import Connection

USUAL_S = 0.005
ROWS = 800
TIMES = 5
BYTES = 2000  # of a row, about what an article has
INSERT = "INSERT INTO rows (key, words) VALUES (?, ?)"
READING = "SELECT * FROM rows ORDER BY length(words), key DESC LIMIT 50"
LINE = "{what:34} {usual:>11} {ours:>11}"


@contextmanager
def busy() -> Iterator[None]:
    """Compute in a thread while the block runs."""
    over = threading.Event()

    def compute() -> None:
        number = 0
        while not over.is_set():
            number = sum(range(1000)) + number % 7

    thread = threading.Thread(target=compute)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def took_ms(work: Callable[[Connection], object], connection: Connection, turn_s: float) -> float:
    """Return how long *work* takes beside a busy thread, the median of a few times."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(turn_s)
    times = []
    try:
        with busy():
            for _ in range(TIMES):
                began = time.perf_counter()
                work(connection)
                times.append(time.perf_counter() - began)
    finally:
        sys.setswitchinterval(before)
    return 1000 * sorted(times)[TIMES // 2]


def main() -> None:
    """Print a line for each kind of work."""
    chance = random.Random(1)
    rows = [(f"{chance.random()}", "words " * (BYTES // 6)) for _ in range(ROWS)]
    works: dict[str, Callable[[Connection], object]] = {
        f"{ROWS} rows, a statement each": lambda it: it.exec_driver_sql(INSERT, rows),
        f"{ROWS} rows, as the store does it": lambda it: insert_together(it, INSERT, rows),
        "50 rows read": lambda it: it.exec_driver_sql(READING).all(),
    }
    with tempfile.TemporaryDirectory() as folder:
        engine = open_engine(f"sqlite:///{Path(folder) / 'turns.db'}")
        with engine.begin() as connection:
            connection.exec_driver_sql("CREATE TABLE rows (key TEXT, words TEXT)")
            connection.exec_driver_sql("CREATE INDEX by_key ON rows (key, words)")
            print(LINE.format(what="beside a busy thread, ms", usual="turns 5 ms", ours="ours"))
            for what, work in works.items():
                usual, ours = (took_ms(work, connection, turn) for turn in (USUAL_S, TURN_S))
                print(LINE.format(what=what, usual=f"{usual:.1f}", ours=f"{ours:.1f}"))
        engine.dispose()


if __name__ == "__main__":
    main()
