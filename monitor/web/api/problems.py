"""Errors of the API as problem details (RFC 9457)."""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from starlette.exceptions import HTTPException
from starlette.responses import Response

if TYPE_CHECKING:
    from collections.abc import Mapping

    from monitor.errors import QueryError

MEDIA_TYPE: Final = "application/problem+json"
PATH: Final = "/api/"
_DETAILS: Final[dict[int | str, str]] = {
    "token": "The token is not one of ours, or was revoked, or is too old.",
    "token needed": "Changes are made with a token alone: Authorization: Bearer TOKEN.",
    "role": "The scope of the token, or the role of the user, does not cover this.",
    400: "The request cannot be read.",
    401: "This needs a token: Authorization: Bearer TOKEN. `monitor tokens add` makes one.",
    403: "This is not allowed.",
    404: "There is no such thing.",
    405: "This address does not take such a request.",
    413: "The body is too large.",
    421: "This name is not one of ours: name it in web.url.",
    500: "Something is wrong on our side. It has been written into the log.",
    503: "The database cannot be reached at the moment.",
}


class Problem(HTTPException):
    """A request that cannot be answered: *kind* names the problem, *more* are its own members."""

    def __init__(self, status: int, kind: str, detail: str, **more: object) -> None:
        super().__init__(status, detail)
        self.kind = kind
        self.more = more


def query_problem(error: QueryError) -> Problem:
    """Return the problem of a query that cannot be read, with the place and a caret under it."""
    return Problem(
        400,
        "query",
        error.message,
        shown=str(error),
        start=error.start,
        end=error.end,
        hint=error.hint,
    )


def problem_response(error: HTTPException) -> Response:
    """Return *error* as an answer of the API."""
    status = error.status_code
    title = HTTPStatus(status).phrase
    body: dict[str, Any] = {"type": "about:blank", "title": title, "status": status}
    if isinstance(error, Problem):
        body |= {"type": f"urn:monitor:problem:{error.kind}", "detail": error.detail, **error.more}
    else:
        body["detail"] = _DETAILS.get(error.detail) or _DETAILS.get(status) or title
    headers: Mapping[str, str] = error.headers or {}
    return Response(
        json.dumps(body, ensure_ascii=False), status, dict(headers), media_type=MEDIA_TYPE
    )
