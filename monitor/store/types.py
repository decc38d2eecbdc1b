"""Column types: instants that cannot be naive, and durations as whole seconds."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import DateTime, String
from sqlalchemy.types import TypeDecorator

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import timedelta

    from sqlalchemy import Dialect
    from sqlalchemy.types import TypeEngine


_WITHOUT_ZONE: Final = len("2026-11-23T08:00:00.000000")


class Instant(TypeDecorator[datetime]):
    """An aware instant, in UTC.

    PostgreSQL keeps `timestamptz`. SQLite has no such type and keeps ISO 8601 text of fixed width
    ("2026-11-23T08:00:00.000000Z"), which sorts and compares as time does and which SQLite's own
    date functions read. A naive value raises ValueError before anything is stored.
    """

    impl = DateTime(timezone=True)
    cache_ok = True

    @property
    def python_type(self) -> type[datetime]:
        """What a column of it holds."""
        return datetime

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Choose text on SQLite."""
        return dialect.type_descriptor(String(27) if dialect.name == "sqlite" else self.impl)

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:  # noqa: ANN401 - what the driver takes differs
        """Refuse naive values; turn the others to UTC."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"a naive datetime cannot be stored: {value!r}")
        if value.tzinfo is not UTC:
            value = value.astimezone(UTC)
        if dialect.name == "sqlite":
            return value.isoformat("T", "microseconds")[:_WITHOUT_ZONE] + "Z"
        return value

    def result_processor(self, dialect: Dialect, _coltype: object) -> Callable[[Any], Any]:
        """Give back aware UTC values; by one call each, since lists read millions."""
        return _from_text if dialect.name == "sqlite" else _as_utc


def _from_text(stored: str | None) -> datetime | None:
    return None if stored is None else datetime.fromisoformat(stored)


def _as_utc(stored: datetime | None) -> datetime | None:
    return stored if stored is None or stored.tzinfo is UTC else stored.astimezone(UTC)


def seconds(time: timedelta | None) -> int | None:
    """Return *time* as a column of whole seconds keeps it."""
    return None if time is None else int(time.total_seconds())
