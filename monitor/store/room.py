"""Room: whether the disk has enough of it to take anything in.

What is left when nothing more is taken in is for writing down what was handed over: a mail whose
sending cannot be recorded would be sent again.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from sqlalchemy import Engine

KEPT_FREE_BYTES: Final = 50_000_000


def free_bytes(engine: Engine) -> int | None:
    """Return how much is free where the database is; None if it is on another machine, or nowhere.

    Raises OSError if that cannot be told.
    """
    file = engine.url.database
    if engine.dialect.name != "sqlite" or not file or file == ":memory:":
        return None
    return shutil.disk_usage(Path(file).resolve().parent).free


def shortage(engine: Engine, kept_free: int = KEPT_FREE_BYTES) -> str | None:
    """Return a sentence if so little is free that nothing may be taken in."""
    free = free_bytes(engine)
    if free is None or free >= kept_free:
        return None
    return (
        f"the disk of the database is full ({free / 1e6:,.1f} MB are free, {kept_free / 1e6:,.0f}"
        " are needed): nothing is taken in"
    )
