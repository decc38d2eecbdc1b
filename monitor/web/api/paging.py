"""Cursors: where a page of a list ended, signed, so that nobody makes one up.

A page begins behind the row that the cursor names, not after so many rows: the hundredth is as
fast as the first, and what comes in meanwhile shifts nothing.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from itsdangerous import BadData, URLSafeSerializer

from monitor.web.api.problems import Problem
from monitor.web.context import site_of

if TYPE_CHECKING:
    from starlette.requests import Request


def write_cursor(request: Request, name: str, place: tuple[Any, ...]) -> str:
    """Return the cursor of the list *name* that leads behind *place*: texts, numbers, instants."""
    values = [it.isoformat() if isinstance(it, datetime) else it for it in place]
    dated = [isinstance(it, datetime) for it in place]
    return str(_serializer(request, name).dumps([values, dated]))


def read_cursor(request: Request, name: str, cursor: str | None) -> tuple[Any, ...] | None:
    """Return the place that *cursor* leads behind; None without one. Raise Problem if it is odd."""
    if cursor is None:
        return None
    try:
        values, dated = _serializer(request, name).loads(cursor)
    except BadData:
        raise Problem(400, "cursor", "The cursor is not one that this list gave.") from None
    return tuple(
        datetime.fromisoformat(value).astimezone(UTC) if is_date else value
        for value, is_date in zip(values, dated, strict=True)
    )


def _serializer(request: Request, name: str) -> URLSafeSerializer:
    return URLSafeSerializer(site_of(request).form_key, salt=f"cursor of {name}")
