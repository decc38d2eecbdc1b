"""ETags: whether whoever asks has the present answer already (RFC 9110, 13.1.2)."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from starlette.requests import Request


def is_known(request: Request, tag: str) -> bool:
    """Return whether `If-None-Match` names *tag*, which is quoted; a weak tag is as good."""
    asked = request.headers.get("if-none-match")
    if asked is None:
        return False
    known = [part.strip().removeprefix("W/") for part in asked.split(",")]
    return asked.strip() == "*" or tag in known
