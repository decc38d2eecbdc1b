"""Subscriptions in the store: since when each is there. What they are is in the configuration."""

from __future__ import annotations

from typing import TYPE_CHECKING

from monitor.store import schema as t
from monitor.store.upsert import insert_new

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from sqlalchemy import Connection


def sync(connection: Connection, names: Iterable[str], *, now: datetime) -> None:
    """Remember when each subscription was first seen. The caller commits."""
    rows = [{"name": name, "started_at": now} for name in names]
    insert_new(connection, t.subscriptions, rows)
